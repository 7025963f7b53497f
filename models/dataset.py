"""Training arrays: features, targets and labels of every track of a series, in one table.

A track is a run of rows in time order. A series resampled from 10 minutes to an hour has six:
one for each phase of the hour. All tracks lie one after the other in the same arrays, so a
row number names a row of a track, and `row + lead` names the row that many steps later.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.future import FutureTable
from models.lags import LaidHighway
from models.scaling import Floats, TargetScaling
from models.series import Rows, Values

Part = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Features, labels and weights of some rows, with the same leading axes.

    `future` is what is known of the steps ahead; None if nothing is.
    """

    features: Floats
    labels: Floats
    weights: Floats
    future: Floats | None = None

    @property
    def inputs(self) -> list[Floats]:
        """The network's inputs in its own order, without lags and states."""
        return [self.features] if self.future is None else [self.features, self.future]

    @property
    def size_bytes(self) -> int:
        """What the arrays take in memory."""
        return sum(each.nbytes for each in (*self.inputs, self.labels, self.weights))


@dataclass(frozen=True, slots=True)
class Track:
    """Row numbers of one track: where each part of the split begins and where the last ends."""

    train: int
    validation: int
    test: int
    end: int

    def span(self, part: Part) -> tuple[int, int]:
        """First row of a part, and the row after its last one."""
        borders = {
            "train": (self.train, self.validation),
            "validation": (self.validation, self.test),
            "test": (self.test, self.end),
        }
        return borders[part]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Arrays that batches are gathered from.

    Args:
        features: `(rows, features)` of float32, without NaN.
        actual: `(rows, targets)` in original units; NaN is missing.
        base: `(rows, targets)`, the last observed value at each row; NaN before the first.
        scaling: What turns actual values into labels.
        tracks: Where tracks and the parts of their split lie.
        highway: What is taken off the labels, because the highway says it already.
        future: What is known of the steps ahead of each row; None if nothing is.
    """

    features: Floats
    actual: Values
    base: Values
    scaling: TargetScaling
    tracks: tuple[Track, ...]
    highway: LaidHighway | None = None
    future: FutureTable | None = None

    @property
    def first_rows(self) -> list[int]:
        """The first row of each track."""
        return [0, *(track.end for track in self.tracks[:-1])]

    @property
    def outputs(self) -> int:
        """The network's output width: leads times targets."""
        return int(self.scaling.scale.size)

    @property
    def future_width(self) -> int:
        """The number of inputs that are known of the steps ahead."""
        return 0 if self.future is None else self.future.width

    def future_inputs(self, rows: Rows) -> Floats | None:
        """What is known of the steps ahead of rows, if anything; see `FutureTable.inputs`."""
        return None if self.future is None else self.future.inputs(rows)

    def row_count(self, part: Part) -> int:
        """Rows of a part of the split, over all tracks."""
        return sum(stop - first for first, stop in (track.span(part) for track in self.tracks))

    def labels(self, rows: Rows, ends: Rows) -> tuple[Floats, Floats]:
        """Labels of rows, and weights that are 0 where there is nothing to learn from.

        Args:
            rows: `(..., )` row numbers.
            ends: Broadcasts against `rows`: a label at or after this row is not used, so
                that no label of one part of the split is learnt in another.

        Returns:
            Labels and weights, both `(..., leads * targets)` of float32. A label is weighted 0
            if it is missing, if nothing was observed before it, or if it lies past the end.
        """
        ahead = rows[..., np.newaxis] + self.scaling.leads
        inside = ahead < np.asarray(ends)[..., np.newaxis]
        actual = self.actual[np.where(inside, ahead, 0)]
        wanted = self.scaling.encode(actual, self.base[rows][..., np.newaxis, :])
        known = np.isfinite(wanted) & inside[..., np.newaxis]
        shape = (*rows.shape, self.outputs)
        labels = np.where(known, wanted, 0.0).astype(np.float32).reshape(shape)
        if self.highway is not None:
            labels -= self.highway.outputs(rows)
        return labels, known.astype(np.float32).reshape(shape)
