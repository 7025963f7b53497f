"""What forecasts of values are compared with: actual values, fitted baselines, a scale."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from models.arrays import RowIndices, Values
from models.evaluation.baseline_set import BaselineSet
from models.evaluation.comparison import Comparison
from models.evaluation.metrics import seasonal_scale
from models.serving.forecaster import Forecaster


@dataclass(frozen=True, slots=True)
class Reference:
    """Actual values, and the baselines that were fitted on a part of them.

    Args:
        leads: `(leads,)`, steps ahead.
        actual: `(rows, targets)` of the whole series in original units; NaN is missing.
        baselines: The baselines.
        scale: `(targets,)`, the divisor of MASE.
    """

    leads: RowIndices
    actual: Values
    baselines: BaselineSet
    scale: Values

    @classmethod
    def fit(cls, forecaster: Forecaster, actual: Values, past: Values, season: int) -> Self:
        """Fit baselines and scale.

        Args:
            forecaster: Its leads and the transform of its targets count.
            actual: `(rows, targets)` of the whole series; NaN is missing.
            past: The rows of `actual` that the baselines may learn from.
            season: Rows in the cadence's natural cycle; 1 if it has none.
        """
        transform = forecaster.manifest["targets"]["scaling"]["transform"]
        baselines = BaselineSet.fit(past, season, transform)
        scale = seasonal_scale(past, baselines.season.steps)
        return cls(forecaster.leads, actual, baselines, scale)

    def labels(self, at: RowIndices) -> Values:
        """The actual values at every lead of every origin, `(origins, leads, targets)`."""
        labels: Values = self.actual[at[:, np.newaxis] + self.leads]
        return labels

    def compare(self, predicted: Values, at: RowIndices) -> Comparison:
        """Errors of forecasts, and of the baselines from the same origins.

        Args:
            predicted: `(origins, leads, targets)`; becomes the array of errors.
            at: `(origins,)`, the rows that were forecast from.
        """
        baselines = self.baselines.forecasts(self.actual, self.leads, at)
        return Comparison.of(self.labels(at), predicted, baselines, self.scale)
