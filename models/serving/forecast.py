"""What a forecaster returns: one forecast, or forecasts from many rows of a series."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.arrays import RowIndices, Times, Values


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast made at a series' last row.

    Args:
        origin: The grid time of the last row consumed.
        times: `(leads,)` of `datetime64[us]`, UTC, the target times.
        leads: `(leads,)`, steps ahead.
        targets: The targets' names.
        units: Their units; None where unknown.
        values: `(leads, targets)` in original units, finite; the median of a quantile model. NaN
            where classes are predicted.
        lower: `(levels, leads, targets)`, lower bounds at each of `intervals.LEVELS`; None
            without intervals.
        upper: The same for upper bounds.
        naive: `(targets,)`, the naive forecast: the last observed values.
        cadence: The length of a step, such as `"10min"`.
        classes: The classes' names in the order of their codes; empty where values are
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
        times: `(rows,)`, grid times, UTC.
        actual: `(rows, targets)`, observed values in original units; NaN is missing.
        origins: `(origins,)`, indices of the rows that were forecast from.
        values: `(origins, leads, targets)` in original units; NaN where no forecast can be
            made yet.
        lower: `(levels, origins, leads, targets)`, lower bounds at the levels asked for.
        upper: The same for upper bounds.
        probabilities: `(origins, leads, targets, classes)`; None where values are predicted.
            Where classes are predicted, `values` are NaN.
    """

    times: Times
    actual: Values
    origins: RowIndices
    values: Values
    lower: Values
    upper: Values
    probabilities: Values | None = None

    @property
    def predicted(self) -> Values:
        """The forecasts: probabilities where classes are predicted, else values."""
        return self.values if self.probabilities is None else self.probabilities


@dataclass(frozen=True, slots=True)
class ScaledOutputs:
    """The network's outputs at many rows, with the labels they are compared with.

    Args:
        times: `(rows,)`, grid times, UTC.
        predicted: `(origins, leads, targets, quantiles)`, scaled; or class scores.
        labels: `(origins, leads, targets)`, scaled values or class codes; NaN is missing.
    """

    times: Times
    predicted: Values
    labels: Values
