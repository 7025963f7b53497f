"""Lanes: series laid out as parallel segments, read chunk by chunk with the state carried.

Row i of the batch of chunk k+1 begins where row i of the batch of chunk k ended. So the order
of chunks is the order of time and is never shuffled.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np

from models.arrays import RowIndices
from models.features.batch_cache import KeptBatches
from models.features.dataset import Batch, Dataset, SplitName

# Measured on hourly weather: chunks of 96 steps train an LSTM to its best within ten
# epochs of a dozen updates; longer chunks are no better and shorter ones forget.
LONGEST_CHUNK = 96
UPDATES_PER_EPOCH = 12
MOST_LANES = 64


@dataclass(frozen=True, slots=True)
class LaneSizes:
    """How a series is laid out: steps per chunk, number of lanes, steps without loss."""

    chunk: int
    lanes: int
    burn_in: int


def default_lane_sizes(rows: int, tracks: int = 1) -> LaneSizes:
    """Sizes that give about a dozen updates an epoch.

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
    """Segments of a dataset's tracks, all of the same number of chunks.

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
            part: Which part of the split has a loss.
            sizes: Steps per chunk and number of lanes. Lanes are shared out over the series in
                proportion to their rows; every track has at least one.
            warm_up: Steps before each segment that are read without loss, to fill the
                state. They may lie in the part before, and are left out where the series begins.
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
        """The number of lanes."""
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
        """The chunks in order of time."""
        return (self.batch(chunk) for chunk in range(self.chunks))


@dataclass(frozen=True, slots=True)
class LaneFeed:
    """Batches of a stateful run: the chunks of the training lanes, the same in every epoch.

    Args:
        training: Lanes over the training rows.
        validation: Lanes over the validation rows; None if there are none.
        state_shapes: Name and units of each recurrent state.
        kept_training: The training batches.
        kept_validation: The validation batches; none without validation rows.
    """

    training: Lanes
    validation: Lanes | None
    state_shapes: list[tuple[str, int]]
    kept_training: KeptBatches
    kept_validation: KeptBatches

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
        kept = KeptBatches(training.batches, training.chunks)
        if held_out == 0:
            return cls(training, None, state_shapes, kept, KeptBatches(lambda: iter(()), 0))
        # Every lane is warmed up on a whole chunk of earlier rows: as many lanes as leave
        # two chunks with a loss to each.
        lanes = int(np.clip(held_out // (2 * sizes.chunk), 1, sizes.lanes))
        validation = Lanes.lay(
            dataset, "validation", replace(sizes, lanes=lanes), warm_up=sizes.chunk
        )
        kept_validation = KeptBatches(validation.batches, validation.chunks)
        return cls(training, validation, state_shapes, kept, kept_validation)

    @property
    def updates_per_epoch(self) -> int:
        """The number of chunks."""
        return self.training.chunks

    def train_batches(self, epoch: int) -> Iterator[Batch]:
        """The training chunks in order of time."""
        return iter(self.kept_training)

    def validation_batches(self) -> Iterator[Batch]:
        """The validation chunks in order of time."""
        return iter(self.kept_validation)


def _shares(dataset: Dataset, part: SplitName, lanes: int) -> list[int]:
    """How many lanes each track of each series is cut into."""
    series = np.array([track.series for track in dataset.tracks])
    rows = [stop - first for first, stop in (track.span(part) for track in dataset.tracks)]
    rows_of_series, tracks_of_series = np.bincount(series, rows), np.bincount(series)
    shares = lanes * rows_of_series / rows_of_series.sum() / tracks_of_series
    return [max(1, round(share)) for share in shares.tolist()]


def _cut(first: int, stop: int, pieces: int) -> list[tuple[int, int]]:
    """Split a range into pieces of (almost) equal length, none empty."""
    borders = np.linspace(first, stop, min(pieces, max(1, stop - first)) + 1).astype(int).tolist()
    return list(pairwise(borders))
