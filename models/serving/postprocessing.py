"""The decoder: from what a network says to values with bounds, or to probabilities."""

from dataclasses import dataclass

import numpy as np

from models.arrays import Floats, Values
from models.errors import DataError
from models.features.classes import ClassCoding
from models.features.scaling import TargetScaling
from models.serving.intervals import TRACKED_LEVELS, Intervals, bounds, median


@dataclass(frozen=True, slots=True)
class Postprocessor:
    """What the network's outputs mean for one series.

    Args:
        scaling: Of its targets.
        quantiles: What is predicted of each lead and target: `(0.5,)` for a point.
        classes: What the classes are; None if values are predicted.
        intervals: How wide intervals are before they adapt; None if there are none.
    """

    scaling: TargetScaling
    quantiles: tuple[float, ...]
    classes: ClassCoding | None
    intervals: Intervals | None

    @property
    def width(self) -> int:
        """Outputs for each lead and target."""
        return len(self.quantiles) if self.classes is None else self.classes.outputs

    def shaped(self, said: Floats) -> Values:
        """Outputs as `(origins, leads, targets, quantiles or scores)`."""
        shape = (len(said), *self.scaling.scale.shape, self.width)
        return said.astype(np.float64).reshape(shape)

    def labels(self, actual: Values, base: Values) -> Values:
        """What the network should have said: scaled, or codes of classes; NaN is missing.

        Args:
            actual: `(origins, leads, targets)` in original units.
            base: `(origins, targets)`, the last observed values.
        """
        coding = self.classes or self.scaling
        return coding.encode(actual, base[:, np.newaxis])

    def probabilities(self, said: Floats) -> Values | None:
        """`(origins, leads, targets, classes)`; None where values are predicted."""
        return None if self.classes is None else self.classes.probabilities(self.shaped(said))

    def values(self, said: Floats, base: Values) -> Values:
        """Forecasts in original units, `(origins, leads, targets)`; NaN of classes."""
        if self.classes is not None:
            return np.full((len(said), *self.scaling.scale.shape), np.nan)
        return self.scaling.decode(median(self.shaped(said), self.quantiles), base)

    def bounds(
        self, said: Floats, base: Values, log_factors: Values | None
    ) -> tuple[Values, Values]:
        """Lower and upper bounds at every level, `(levels, origins, leads, targets)` each.

        Raises:
            DataError: If there are no intervals.
        """
        if self.intervals is None:
            raise DataError("This forecaster has no intervals.")
        if log_factors is None:
            log_factors = np.zeros((len(said), len(TRACKED_LEVELS), *self.scaling.scale.shape))
        return bounds(self.intervals, self.scaling, self.shaped(said), base, log_factors)
