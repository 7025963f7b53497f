"""Turn the network's outputs into values with bounds, or into class probabilities."""

from dataclasses import dataclass

import numpy as np

from models.arrays import Floats, Values
from models.errors import DataError
from models.features.classes import ClassCoding
from models.features.scaling import TargetScaling
from models.serving.intervals import TRACKED_LEVELS, Intervals, bounds, median


@dataclass(frozen=True, slots=True)
class Postprocessor:
    """Decodes the network's outputs for one series.

    Args:
        scaling: The scaling of its targets.
        quantiles: Predicted quantiles of each lead and target: `(0.5,)` for a point forecast.
        classes: The coding of classes; None if values are predicted.
        intervals: The fitted intervals, not yet adapted; None if there are none.
    """

    scaling: TargetScaling
    quantiles: tuple[float, ...]
    classes: ClassCoding | None
    intervals: Intervals | None

    @property
    def width(self) -> int:
        """Number of outputs for each lead and target."""
        return len(self.quantiles) if self.classes is None else self.classes.outputs

    def shaped(self, predicted: Floats) -> Values:
        """Outputs `(origins, outputs)` as `(origins, leads, targets, quantiles or scores)`."""
        shape = (len(predicted), *self.scaling.scale.shape, self.width)
        return predicted.astype(np.float64).reshape(shape)

    def labels(self, actual: Values, base: Values) -> Values:
        """The labels that outputs are compared with.

        Args:
            actual: `(origins, leads, targets)`, observed values in original units.
            base: `(origins, targets)`, the last observed values, in original units.

        Returns:
            `(origins, leads, targets)`, scaled values or class codes; NaN is missing.
        """
        coding = self.classes or self.scaling
        return coding.encode(actual, base[:, np.newaxis])

    def probabilities(self, predicted: Floats) -> Values | None:
        """`(origins, leads, targets, classes)`; None where values are predicted."""
        if self.classes is None:
            return None
        return self.classes.probabilities(self.shaped(predicted))

    def values(self, predicted: Floats, base: Values) -> Values:
        """Forecasts in original units, `(origins, leads, targets)`; NaN for a class model."""
        if self.classes is not None:
            return np.full((len(predicted), *self.scaling.scale.shape), np.nan)
        return self.scaling.decode(median(self.shaped(predicted), self.quantiles), base)

    def require_finite(self, values: Values, naive: Values, targets: tuple[str, ...]) -> None:
        """Refuse a forecast that is not finite.

        Args:
            values: `(leads, targets)`, the forecast.
            naive: `(targets,)`, the last observed values.
            targets: The targets' names.

        Raises:
            DataError: If a target has no earlier value, or the network's outputs are not finite.
        """
        broken = ~np.isfinite(values).all(axis=0)
        if not broken.any():
            return
        names = ", ".join(np.array(targets)[broken])
        if np.isnan(naive[broken]).any() and self.scaling.transform != "none":
            raise DataError(
                f"A forecast needs at least one earlier value of every target. Missing: {names}"
            )
        raise DataError(f"The network's forecast is not a finite number. Target: {names}")

    def bounds(
        self, predicted: Floats, base: Values, log_factors: Values | None
    ) -> tuple[Values, Values]:
        """Lower and upper bounds at every level, in original units.

        Args:
            predicted: `(origins, outputs)`.
            base: `(origins, targets)`, the last observed values.
            log_factors: `(origins, tracked levels, leads, targets)`; None for widths that have
                not adapted.

        Returns:
            `(levels, origins, leads, targets)` each.

        Raises:
            DataError: If the forecaster has no intervals.
        """
        if self.intervals is None:
            raise DataError("This forecaster has no intervals.")
        if log_factors is None:
            shape = (len(predicted), len(TRACKED_LEVELS), *self.scaling.scale.shape)
            log_factors = np.zeros(shape)
        return bounds(self.intervals, self.scaling, self.shaped(predicted), base, log_factors)
