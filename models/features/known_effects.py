"""Effects of known-future channels on the targets at the same step, removed from the lags.

A linear map of past values would repeat the effect of a past promotion, and the network would
have to learn to cancel it. So the highway reads and predicts the targets without these effects,
as in regression with autoregressive errors (Hyndman & Athanasopoulos, FPP3, chapter 10); the
head, which knows the channels' future, predicts the effects.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from models.arrays import Floats, Values
from models.features.dataset import Dataset
from models.features.scaling import Transform, positive_log


@dataclass(frozen=True, slots=True)
class KnownEffects:
    """A linear effect of a row's known-future inputs on its targets.

    Args:
        transform: The targets' transform: with `log_return`, effects are ratios.
        weights: `(known, targets)` in the targets' units, or in logarithms; in a panel, in the
            unit of its first series.
    """

    transform: Transform
    weights: Values

    @classmethod
    def fit(cls, dataset: Dataset) -> Self | None:
        """Regress the targets' changes from row to row on the known inputs' changes.

        The fit is least squares, without an intercept.

        Args:
            dataset: The arrays; the training rows of each series' first track are read, with
                changes in the unit of the first series.

        Returns:
            The effects; None without known-future channels.
        """
        if dataset.future is None or dataset.future.known.shape[1] == 0:
            return None
        transform = dataset.scaling.transform
        levels = positive_log(dataset.base) if transform == "log_return" else dataset.base
        parts = []
        for track, unit in dataset.served:
            train = slice(*track.span("train"))
            causes_of_series = np.diff(dataset.future.known[train].astype(float), axis=0)
            parts.append((causes_of_series, np.diff(levels[train], axis=0) / unit))
        causes, changes = (np.concatenate(each) for each in zip(*parts, strict=True))
        known = np.isfinite(changes)
        weights = [
            np.linalg.lstsq(causes[rows], column[rows], rcond=None)[0]
            for column, rows in zip(changes.T, known.T, strict=True)
        ]
        return cls(transform, np.stack(weights, axis=1))

    def in_unit(self, unit: Values) -> Self:
        """The effects on a series with another unit.

        Args:
            unit: `(targets,)`, its scale relative to that of the first series.
        """
        return replace(self, weights=self.weights * unit)

    def removed(self, values: Values, known: Floats, units: Values | float = 1.0) -> Values:
        """Targets without the effect.

        Args:
            values: `(rows, targets)` in original units; NaN is missing.
            known: `(rows, known)`, as `FeaturePipeline.known` returns it.
            units: `(rows, targets)`, the values' scale relative to the first series.
        """
        effect = known.astype(float) @ self.weights * units
        return values * np.exp(-effect) if self.transform == "log_return" else values - effect

    def removed_from(self, dataset: Dataset) -> Dataset:
        """A dataset with targets without the effect."""
        if dataset.future is None:
            return dataset
        known = dataset.future.known
        lengths = np.diff([*dataset.first_rows, len(known)])
        units = np.repeat(dataset.units, lengths, axis=0)
        return replace(
            dataset,
            actual=self.removed(dataset.actual, known, units),
            base=self.removed(dataset.base, known, units),
        )

    def to_json(self) -> dict[str, Any]:
        """The effects as JSON values."""
        return {"transform": self.transform, "weights": self.weights.tolist()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The effects that `to_json` stored."""
        return cls(stored["transform"], np.array(stored["weights"], float))
