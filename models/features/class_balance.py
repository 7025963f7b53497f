"""Class frequencies in the training rows, and the class weights that follow from them."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from models.arrays import Floats, Values
from models.errors import DataError
from models.features.classes import ClassCoding
from models.features.dataset import Dataset
from models.spec.spec import Spec

ROWS_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """Counts of each class in the training rows.

    Args:
        coding: The coding of the classes.
        counts: `(outputs, classes)`, for every lead of every target.
    """

    coding: ClassCoding
    counts: Values

    @classmethod
    def of(cls, dataset: Dataset) -> Self | None:
        """Count the labels of the training rows; None where labels are values.

        Raises:
            DataError: If the training rows hold only one class.
        """
        coding = dataset.classes
        if coding is None:
            return None
        counts = np.zeros((dataset.outputs, len(coding.names)))
        for track in dataset.tracks:
            first, stop = track.span("train")
            for begin in range(first, stop, ROWS_AT_ONCE):
                rows = np.arange(begin, min(begin + ROWS_AT_ONCE, stop))
                labels, known = dataset.labels(rows, np.array(stop))
                for code in range(len(coding.names)):
                    counts[:, code] += ((labels == code) & (known > 0)).sum(axis=0)
        if not ((counts > 0).sum(axis=-1) >= 2).any():
            raise DataError(_single(coding, counts))
        return cls(coding, counts)

    def weights(self, spec: Spec) -> Values | None:
        """The weight of an error on each class in training.

        Args:
            spec: A resolved spec.

        Returns:
            The spec's weights as `(outputs, classes)`; balanced ones are
            `rows / (classes * rows of the class)` (King & Zeng 2001,
            doi:10.1093/oxfordjournals.pan.a004868), and 1 for a class without rows. None if all
            classes count equally.
        """
        if spec.class_weights is None:
            return None
        if spec.class_weights != "balanced":
            return np.tile(np.array(spec.class_weights, float), (len(self.counts), 1))
        total = self.counts.sum(axis=-1, keepdims=True)
        return np.where(
            self.counts > 0,
            total / np.maximum(self.counts, 1) / self.counts.shape[-1],
            1.0,
        )

    @property
    def first_scores(self) -> Floats:
        """The network's initial scores, which give the class frequencies: `(outputs * scores,)`."""
        logs = np.log(frequencies(self.counts))
        scores = logs[:, 1:] - logs[:, :1] if self.coding.single else logs
        return scores.reshape(-1).astype(np.float32)


def frequencies(counts: Values) -> Values:
    """The share of each class by Laplace's rule of succession, `(n + 1) / (N + classes)`.

    Args:
        counts: `(..., classes)`.

    Returns:
        The same shape, all above 0; the sum over classes is 1.
    """
    raised = counts + 1
    shares: Values = raised / raised.sum(axis=-1, keepdims=True)
    return shares


def _single(coding: ClassCoding, counts: Values) -> str:
    totals = counts.sum(axis=0).astype(int).tolist()
    found = ", ".join(f"{name} {total}" for name, total in zip(coding.names, totals, strict=True))
    remedy = " A smaller `dead_band` may help." if coding.band else ""
    return f"The training rows must hold labels of 2 classes. Received labels: {found}.{remedy}"
