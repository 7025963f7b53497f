"""Forecast from many rows of one series in a single pass, for evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import RowIndices, Values
from models.serving.forecast import Outputs, ScaledOutputs
from models.serving.inference import Inference
from models.serving.intervals import at_level
from models.serving.postprocessing import Postprocessor
from models.serving.preprocessing import PreprocessedRows


@dataclass(frozen=True, slots=True)
class SeriesPass:
    """One pass of a network over a preprocessed series.

    Args:
        rows: The whole series.
        inference: The network.
        postprocessor: Decodes its outputs.
    """

    rows: PreprocessedRows
    inference: Inference
    postprocessor: Postprocessor

    def outputs(self, origins: RowIndices, levels: Sequence[float]) -> Outputs:
        """Forecasts from rows, in original units.

        Args:
            origins: `(origins,)`, the rows to forecast from, increasing.
            levels: Percent, the levels of the wanted bounds; not used without intervals.
        """
        rows, bounded = self.rows, tuple(levels) if self.postprocessor.intervals else ()
        found = self._blank_outputs(origins, len(bounded))
        predictions = self.inference.predict_rows(rows, origins, tracked=bool(bounded))
        for some, predicted, log_factors in predictions:
            base = rows.base[origins[some]]
            found.values[some] = self.postprocessor.values(predicted, base)
            if found.probabilities is not None:
                found.probabilities[some] = self.postprocessor.probabilities(predicted)
            if bounded:
                bounds = self.postprocessor.bounds(predicted, base, log_factors)
                for target, each in zip((found.lower, found.upper), bounds, strict=True):
                    for index, level in enumerate(bounded):
                        target[index, some] = at_level(level, found.values[some], each)
        early = origins < self.inference.least_rows - 1
        if rows.future is not None:
            early |= ~rows.future.complete(origins)
        for each in (found.predicted, found.values, *found.lower, *found.upper):
            each[early] = np.nan
        return found

    def scaled_outputs(self, at: RowIndices) -> ScaledOutputs:
        """The network's outputs at rows, `(rows,)` and increasing, with their labels."""
        shape = self.postprocessor.scaling.scale.shape
        predicted = np.full((len(at), *shape, self.postprocessor.width), np.nan)
        for some, outputs, _ in self.inference.predict_rows(self.rows, at):
            predicted[some] = self.postprocessor.shaped(outputs)
        return ScaledOutputs(self.rows.times, predicted, self.labels(at))

    def labels(self, at: RowIndices) -> Values:
        """The labels at rows, `(rows, leads, targets)`: scaled values or class codes."""
        leads = self.postprocessor.scaling.leads
        actual = self.rows.actual[at[:, np.newaxis] + leads]
        return self.postprocessor.labels(actual, self.rows.base[at])

    def _blank_outputs(self, origins: RowIndices, levels: int) -> Outputs:
        """Outputs of NaN, to be filled."""
        shape = (len(origins), *self.postprocessor.scaling.scale.shape)
        classes = self.postprocessor.classes
        return Outputs(
            times=self.rows.times,
            actual=self.rows.actual,
            origins=origins,
            values=np.full(shape, np.nan),
            lower=np.full((levels, *shape), np.nan),
            upper=np.full((levels, *shape), np.nan),
            probabilities=np.full((*shape, len(classes.names)), np.nan) if classes else None,
        )
