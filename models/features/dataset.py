"""Training arrays: features, targets and labels of every track of a panel, in one table.

A track is a run of rows in time order. A series resampled from 10 minutes to an hour has six
tracks, one for each phase of the hour. All tracks of all series are concatenated in the same
arrays, so a row number identifies a row of a track, and `row + lead` is the row `lead` steps
later.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from models.arrays import Floats, RowIndices, Values
from models.features.classes import ClassCoding
from models.features.highway import LagReader
from models.features.known_future import FutureTable
from models.features.lags import LaidHighway
from models.features.scaling import TargetScaling

SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Features, labels and weights of rows, with the same leading axes.

    Args:
        features: `(..., features)` of float32.
        labels: `(..., leads * targets)` of float32.
        weights: The shape of `labels`; 0 where there is nothing to learn from.
        future: `(..., leads * known of a step)`, what is known of the steps ahead; None if
            nothing is.
    """

    features: Floats
    labels: Floats
    weights: Floats
    future: Floats | None = None

    @property
    def inputs(self) -> list[Floats]:
        """The network's inputs in their order, without lags and states."""
        return [self.features] if self.future is None else [self.features, self.future]

    @property
    def size_bytes(self) -> int:
        """The arrays' size in memory, in bytes."""
        return sum(each.nbytes for each in (*self.inputs, self.labels, self.weights))


@dataclass(frozen=True, slots=True)
class Track:
    """Row numbers of one track.

    Args:
        train: The first training row.
        validation: The first validation row.
        test: The first test row.
        end: The row after the last one.
        series: Position of the track's series in the panel.
    """

    train: int
    validation: int
    test: int
    end: int
    series: int = 0

    def span(self, part: SplitName) -> tuple[int, int]:
        """The first row of a part, and the row after its last one."""
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
        scaling: Turns actual values into labels; in a panel, the scaling of its first series.
        tracks: The row numbers of tracks and of the parts of their split.
        highway: The highway whose outputs are subtracted from the labels.
        panel: The scaling of each series of a panel, with the same transform and leads; empty if
            `scaling` applies to all rows.
        future: What is known of the steps ahead of each row; None if nothing is.
        classes: Turns actual values into class codes, in place of `scaling`; None if labels are
            values.
    """

    features: Floats
    actual: Values
    base: Values
    scaling: TargetScaling
    tracks: tuple[Track, ...]
    highway: LaidHighway | None = None
    panel: tuple[TargetScaling, ...] = ()
    future: FutureTable | None = None
    classes: ClassCoding | None = None

    @property
    def first_rows(self) -> list[int]:
        """The first row of each track."""
        return [0, *(track.end for track in self.tracks[:-1])]

    @property
    def served(self) -> list[tuple[Track, Values]]:
        """The first track of each series, with its row of `units`."""
        first_of_series = {
            track.series: (track, unit)
            for track, unit in zip(self.tracks[::-1], self.units[::-1], strict=True)
        }
        return [first_of_series[series] for series in sorted(first_of_series)]

    @property
    def units(self) -> Values:
        """Each track's scale relative to the first series' scale, `(tracks, targets)`."""
        units = np.stack([scaling.scale[-1] for scaling in self.panel or (self.scaling,)])
        relative: Values = units / units[0]
        return relative[[track.series for track in self.tracks]]

    @property
    def outputs(self) -> int:
        """Number of labels of a row: leads times targets."""
        return int(self.scaling.scale.size)

    @property
    def future_width(self) -> int:
        """Number of inputs that are known of the steps ahead."""
        return 0 if self.future is None else self.future.width

    def future_inputs(self, rows: RowIndices) -> Floats | None:
        """What is known of the steps ahead of rows, if anything; see `FutureTable.inputs`."""
        return None if self.future is None else self.future.inputs(rows)

    def row_count(self, part: SplitName) -> int:
        """Number of rows of a part of the split, over all tracks."""
        return sum(stop - first for first, stop in (track.span(part) for track in self.tracks))

    def labels(self, rows: RowIndices, ends: RowIndices) -> tuple[Floats, Floats]:
        """Labels of rows, and weights that are 0 where there is nothing to learn from.

        Args:
            rows: `(..., )` row numbers.
            ends: Broadcasts against `rows`: labels at or after this row are not used, so that
                labels of one part of the split are not learnt in another.

        Returns:
            Labels and weights, both `(..., leads * targets)` of float32: scaled values, or
            class codes. The weight is 0 if the label is missing, if nothing was observed before
            it, or if it lies past the end.
        """
        ahead = rows[..., np.newaxis] + self.scaling.leads
        inside = ahead < np.asarray(ends)[..., np.newaxis]
        actual = self.actual[np.where(inside, ahead, 0)]
        coding = self.classes or self._scaling_at(rows)
        wanted = coding.encode(actual, self.base[rows][..., np.newaxis, :])
        known = np.isfinite(wanted) & inside[..., np.newaxis]
        shape = (*rows.shape, self.outputs)
        labels = np.where(known, wanted, 0.0).astype(np.float32).reshape(shape)
        if self.highway is not None:
            labels -= self.highway.outputs(rows)
        return labels, known.astype(np.float32).reshape(shape)

    def lag_readers(self, lags: int) -> list[LagReader]:
        """The lag reader of each track: the same number of lags, in the unit of its series."""
        scalings = self.panel or (self.scaling,)
        return [LagReader.of(scalings[track.series], lags) for track in self.tracks]

    def _scaling_at(self, rows: RowIndices) -> TargetScaling:
        """The scaling of rows `(...)`: in a panel, each row has its series' scaling."""
        if not self.panel:
            return self.scaling
        track = np.searchsorted(self.first_rows, rows, side="right") - 1
        series = np.array([each.series for each in self.tracks])[track]
        mean = np.stack([each.mean for each in self.panel])[series]
        scale = np.stack([each.scale for each in self.panel])[series]
        return replace(self.scaling, mean=mean[..., np.newaxis, :], scale=scale)
