"""Lanes: series cut into parallel segments, read chunk by chunk with the state carried along.

Row i of chunk k+1's batch begins where row i of chunk k's batch ended. So chunks are in time
order and are never shuffled.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np

from models.arrays import RowIndices
from models.features.batch_cache import CachedBatches
from models.features.dataset import Batch, Dataset, SplitName

# Measured on hourly weather: with chunks of 96 steps an LSTM reaches its best error within ten
# epochs of a dozen updates; longer chunks are not better, and shorter ones learn shorter memory.
LONGEST_CHUNK = 96
UPDATES_PER_EPOCH = 12
MOST_LANES = 64


@dataclass(frozen=True, slots=True)
class LaneSizes:
    """Sizes of lanes: steps per chunk, number of lanes, steps without loss."""

    chunk: int
    lanes: int
    burn_in: int


def default_lane_sizes(rows: int, tracks: int = 1) -> LaneSizes:
    """Sizes that give about a dozen updates per epoch.

    Args:
        rows: Training rows over all tracks.
        tracks: Number of tracks that the rows belong to.

    Returns:
        Sizes whose lanes are at least one chunk long.
    """
    chunk = int(np.clip(rows // tracks // 4, 8, LONGEST_CHUNK))
    wanted = round(rows / (chunk * UPDATES_PER_EPOCH))
    lanes = int(np.clip(wanted, 1, max(MOST_LANES, tracks)))
    per_track = max(1, lanes // tracks)
    return LaneSizes(chunk=chunk, lanes=per_track * tracks, burn_in=min(24, chunk // 4))


@dataclass(frozen=True, slots=True)
class Lanes:
    """Segments of a dataset's tracks, all with the same number of chunks.

    Args:
        dataset: The arrays.
        starts: `(lanes,)`, the first row of each lane.
        losses_from: `(lanes,)`, the first row of each lane that has a loss.
        stops: `(lanes,)`, the row after the last one with a loss.
        ends: `(lanes,)`, the row at which labels end.
        chunk: Steps per chunk.
        chunks: Chunks per lane.
    """

    dataset: Dataset
    starts: RowIndices
    losses_from: RowIndices
    stops: RowIndices
    ends: RowIndices
    chunk: int
    chunks: int

    @classmethod
    def lay(cls, dataset: Dataset, part: SplitName, sizes: LaneSizes, warm_up: int) -> Self:
        """Cut a part of every track into segments of (almost) equal length.

        Args:
            dataset: The arrays.
            part: The part of the split that has a loss.
            sizes: Steps per chunk and number of lanes. Lanes are divided over the series in
                proportion to their rows; every track has at least one.
            warm_up: Steps before each segment that are read without loss, to fill the state.
                They may lie in the previous part, and are omitted at the series' beginning.
        """
        shares = _shares(dataset, part, sizes.lanes)
        segments = [
            (max(first - warm_up, track.train), first, stop, track.span(part)[1])
            for track in dataset.tracks
            for first, stop in _cut(*track.span(part), shares[track.series])
            if first < stop
        ]
        starts, losses_from, stops, ends = np.array(segments, np.int64).T
        chunks = -(-int((stops - starts).max()) // sizes.chunk)
        return cls(dataset, starts, losses_from, stops, ends, sizes.chunk, chunks)

    @property
    def count(self) -> int:
        """Number of lanes."""
        return len(self.starts)

    def rows(self, chunk: int) -> RowIndices:
        """Row numbers of one chunk, `(lanes, chunk)`; past a lane's stop they have no loss."""
        return self.starts[:, np.newaxis] + chunk * self.chunk + np.arange(self.chunk)

    def batch(self, chunk: int) -> Batch:
        """Features, labels, weights and known future of one chunk."""
        rows = self.rows(chunk)
        has_loss = (rows >= self.losses_from[:, np.newaxis]) & (rows < self.stops[:, np.newaxis])
        inside = np.minimum(rows, len(self.dataset.features) - 1)
        labels, weights = self.dataset.labels(inside, self.ends[:, np.newaxis])
        return Batch(
            features=self.dataset.features[inside],
            labels=labels,
            weights=weights * has_loss[..., np.newaxis],
            future=self.dataset.future_inputs(inside),
        )

    def batches(self) -> Iterator[Batch]:
        """The chunks in time order."""
        return (self.batch(chunk) for chunk in range(self.chunks))


@dataclass(frozen=True, slots=True)
class LaneLoader:
    """Batches of a stateful run: the chunks of the training lanes, the same in every epoch.

    Args:
        training: Lanes over the training rows.
        validation: Lanes over the validation rows; None if there are none.
        state_shapes: Name and units of each recurrent state.
        cached_training: The training batches.
        cached_validation: The validation batches; empty without validation rows.
    """

    training: Lanes
    validation: Lanes | None
    state_shapes: list[tuple[str, int]]
    cached_training: CachedBatches
    cached_validation: CachedBatches

    @classmethod
    def of(cls, dataset: Dataset, sizes: LaneSizes, state_shapes: list[tuple[str, int]]) -> Self:
        """Lay out training and validation rows.

        Args:
            dataset: The arrays.
            sizes: Steps per chunk, number of training lanes, steps without loss.
            state_shapes: Name and units of each recurrent state.
        """
        training = Lanes.lay(dataset, "train", sizes, warm_up=sizes.burn_in)
        held_out = dataset.row_count("validation")
        cached = CachedBatches(training.batches, training.chunks)
        if held_out == 0:
            return cls(training, None, state_shapes, cached, CachedBatches(lambda: iter(()), 0))
        # Every lane is warmed up on a whole chunk of earlier rows, so take only as many lanes as
        # leave each one two chunks with a loss.
        lanes = int(np.clip(held_out // (2 * sizes.chunk), 1, sizes.lanes))
        validation = Lanes.lay(
            dataset, "validation", replace(sizes, lanes=lanes), warm_up=sizes.chunk
        )
        cached_validation = CachedBatches(validation.batches, validation.chunks)
        return cls(training, validation, state_shapes, cached, cached_validation)

    @property
    def updates_per_epoch(self) -> int:
        """Number of chunks per epoch."""
        return self.training.chunks

    def train_batches(self, epoch: int) -> Iterator[Batch]:
        """The training chunks in time order."""
        return iter(self.cached_training)

    def validation_batches(self) -> Iterator[Batch]:
        """The validation chunks in time order."""
        return iter(self.cached_validation)


def _shares(dataset: Dataset, part: SplitName, lanes: int) -> list[int]:
    """Number of lanes of each track."""
    series = np.array([track.series for track in dataset.tracks])
    rows = [stop - first for first, stop in (track.span(part) for track in dataset.tracks)]
    rows_of_series, tracks_of_series = np.bincount(series, rows), np.bincount(series)
    shares = lanes * rows_of_series / rows_of_series.sum() / tracks_of_series
    return [max(1, round(share)) for share in shares.tolist()]


def _cut(first: int, stop: int, pieces: int) -> list[tuple[int, int]]:
    """Split a range into non-empty pieces of (almost) equal length."""
    borders = np.linspace(first, stop, min(pieces, max(1, stop - first)) + 1).astype(int).tolist()
    return list(pairwise(borders))
