"""What known-future channels do to the targets at the same step, taken off the highway's lags.

A linear map of past values repeats what a promotion did to them, and the network beside it
would have to unlearn that. So the highway reads and predicts the targets without the
channels' own part, as in regression with autoregressive errors (Hyndman & Athanasopoulos,
FPP3, chapter 10); the head, which knows the channels' future, says the rest.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from models.dataset import Dataset
from models.scaling import Floats, Transform, positive_log
from models.series import Values


@dataclass(frozen=True, slots=True)
class KnownEffects:
    """A linear effect of what is known of a row on the row's targets.

    Args:
        transform: The targets' transform: effects on prices are ratios.
        weights: `(known, targets)` in the targets' units, or in logarithms.
    """

    transform: Transform
    weights: Values

    @classmethod
    def fit(cls, dataset: Dataset) -> Self | None:
        """Least squares of the targets' changes from row to row on those of what is known.

        Args:
            dataset: The arrays; the training rows of the first track are read.

        Returns:
            The effects; None if there are no known-future channels.
        """
        if dataset.future is None or dataset.future.known.shape[1] == 0:
            return None
        transform = dataset.scaling.transform
        train = slice(*dataset.tracks[0].span("train"))
        base = dataset.base[train]
        levels = positive_log(base) if transform == "log_return" else base
        causes = np.diff(dataset.future.known[train].astype(float), axis=0)
        changes = np.diff(levels, axis=0)
        known = np.isfinite(changes)
        weights = [
            np.linalg.lstsq(causes[rows], column[rows], rcond=None)[0]
            for column, rows in zip(changes.T, known.T, strict=True)
        ]
        return cls(transform, np.stack(weights, axis=1))

    def removed(self, values: Values, known: Floats) -> Values:
        """Targets without the effect.

        Args:
            values: `(rows, targets)` in original units; NaN is missing.
            known: `(rows, known)`, as `FeaturePipeline.known` returns it.
        """
        effect = known.astype(float) @ self.weights
        return values * np.exp(-effect) if self.transform == "log_return" else values - effect

    def removed_from(self, dataset: Dataset) -> Dataset:
        """A dataset whose targets are without the effect."""
        if dataset.future is None:
            return dataset
        known = dataset.future.known
        return replace(
            dataset,
            actual=self.removed(dataset.actual, known),
            base=self.removed(dataset.base, known),
        )

    def to_json(self) -> dict[str, Any]:
        """The effects as plain values."""
        return {"transform": self.transform, "weights": self.weights.tolist()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The effects that `to_json` described."""
        return cls(stored["transform"], np.array(stored["weights"], float))
