"""What a forecaster says: after its last row, or from many rows of a series."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.arrays import RowIndices, Times, Values


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a forecaster says after its last row.

    Args:
        origin: The grid time of the last row consumed.
        times: `(leads,)`, when each value is due.
        leads: `(leads,)`, steps ahead.
        targets: Names of the targets.
        units: Their units.
        values: `(leads, targets)` in original units, finite; the median of a quantile model. NaN
            where classes are predicted.
        lower: `(levels, leads, targets)`, lower bounds at each of `intervals.LEVELS`; None
            without intervals.
        upper: The same for upper bounds.
        naive: `(targets,)`, the last observed values: what the naive forecast says.
        cadence: The length of a step.
        classes: Names of the classes, in the order of their codes; empty where values are
            predicted.
        probabilities: `(leads, targets, classes)`; None where values are predicted.
    """

    origin: np.datetime64
    times: Times
    leads: npt.NDArray[np.int64]
    targets: tuple[str, ...]
    units: tuple[str | None, ...]
    values: Values
    lower: Values | None
    upper: Values | None
    naive: Values
    cadence: str
    classes: tuple[str, ...] = ()
    probabilities: Values | None = None


@dataclass(frozen=True, slots=True)
class Outputs:
    """Forecasts from many rows of a series.

    Args:
        times: `(rows,)`, grid times.
        actual: `(rows, targets)` in original units; NaN is missing.
        origins: `(origins,)`, the rows that were forecast from.
        values: `(origins, leads, targets)` in original units; NaN where no forecast can be
            made yet.
        lower: `(levels, origins, leads, targets)`, lower bounds at the levels asked for.
        upper: The same for upper bounds.
        probabilities: `(origins, leads, targets, classes)`; None where values are predicted,
            which are NaN where classes are.
    """

    times: Times
    actual: Values
    origins: RowIndices
    values: Values
    lower: Values
    upper: Values
    probabilities: Values | None = None

    @property
    def said(self) -> Values:
        """The forecasts, whatever they are of."""
        return self.values if self.probabilities is None else self.probabilities


@dataclass(frozen=True, slots=True)
class ScaledOutputs:
    """What the network says at many rows, and what it should have said.

    Args:
        times: `(rows,)`, grid times.
        said: `(origins, leads, targets, quantiles)`, scaled; or scores of classes.
        labels: `(origins, leads, targets)`, scaled, or codes of classes; NaN is missing.
    """

    times: Times
    said: Values
    labels: Values
