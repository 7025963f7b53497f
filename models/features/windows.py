"""Windows: the last `lookback` rows before an origin, gathered when a batch needs them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from models.arrays import Floats, RowIndices
from models.features.dataset import Batch, Dataset, SplitName


def window_offsets(lookback: int, step: int) -> RowIndices:
    """Rows of a window relative to its origin: every `step`-th, the origin last.

    Args:
        lookback: Rows that the window spans.
        step: Rows between two samples.

    Returns:
        `(lookback // step,)`, increasing, ending in 0.
    """
    samples = max(1, lookback // step)
    return np.arange(-(samples - 1) * step, 1, step)


@dataclass(frozen=True, slots=True)
class WindowReader:
    """Windows of a series as it is served.

    Args:
        offsets: `(samples,)`, rows relative to the origin.
        features: `(rows, features)`.
        before: How many of these rows lie before the first origin.
    """

    offsets: RowIndices
    features: Floats
    before: int

    def at(self, origins: RowIndices) -> Floats:
        """The windows of origins `(windows,)`: `(windows, samples, features)`."""
        found: Floats = self.features[self.before + origins[:, np.newaxis] + self.offsets]
        return found


@dataclass(frozen=True, slots=True)
class Windows:
    """Every window of a part of the split.

    Args:
        dataset: The arrays.
        origins: `(windows,)`, the last row of each window.
        ends: `(windows,)`, the row at which labels end.
        offsets: `(samples,)`, rows relative to the origin.
    """

    dataset: Dataset
    origins: RowIndices
    ends: RowIndices
    offsets: RowIndices

    @classmethod
    def of(cls, dataset: Dataset, part: SplitName, offsets: RowIndices) -> Self:
        """The windows whose origin lies in a part and whose last label does too.

        Those without any label are left out: there is nothing to learn from them.

        Args:
            dataset: The arrays.
            part: Which part of the split.
            offsets: Rows relative to the origin.
        """
        farthest = int(dataset.scaling.leads.max())
        observed = np.asarray(~np.isnan(dataset.actual).all(axis=1))
        origins, ends = [], []
        for track in dataset.tracks:
            first, stop = track.span(part)
            # A window may begin in the part before: only its labels must not cross.
            found = np.arange(max(first, track.train - int(offsets[0])), stop - farthest)
            labelled = np.zeros(len(found), bool)
            for lead in dataset.scaling.leads:
                labelled |= observed[found + lead]
            found = found[labelled]
            origins.append(found)
            ends.append(np.full(len(found), stop))
        return cls(dataset, np.concatenate(origins), np.concatenate(ends), offsets)

    def batch(self, picks: RowIndices) -> Batch:
        """Gather windows.

        Args:
            picks: `(batch,)`, positions in `origins`.

        Returns:
            Features `(batch, samples, features)`, labels and weights `(batch, leads * targets)`,
            and what is known of the steps after the origins.
        """
        origins = self.origins[picks]
        labels, weights = self.dataset.labels(origins, self.ends[picks])
        features = self.dataset.features[origins[:, np.newaxis] + self.offsets]
        return Batch(features, labels, weights, self.dataset.future_inputs(origins))

    def random_batches(self, size: int, count: int, seed: tuple[int, int]) -> Iterator[Batch]:
        """Batches in random order, each window once before any comes twice.

        Args:
            size: Windows per batch.
            count: Number of batches.
            seed: Seed and epoch: the same pair gives the same batches.
        """
        generator = np.random.default_rng(seed)
        rounds = -(-size * count // len(self.origins))
        order = np.concatenate([generator.permutation(len(self.origins)) for _ in range(rounds)])
        return (self.batch(order[k * size : (k + 1) * size]) for k in range(count))

    def ordered_batches(self, size: int, count: int, epoch: int) -> Iterator[Batch]:
        """Batches in order of time; each epoch goes on where the one before it ended.

        Args:
            size: Windows per batch.
            count: Number of batches.
            epoch: From 1; after the last window comes the first again.
        """
        first = (epoch - 1) * size * count
        order = (first + np.arange(size * count)) % len(self.origins)
        return (self.batch(order[k * size : (k + 1) * size]) for k in range(count))

    def even_batches(self, size: int, most: int) -> Iterator[Batch]:
        """Batches of evenly spaced windows in order of time, the last one filled up.

        Args:
            size: Windows per batch.
            most: The largest number of windows; windows are left out evenly above it.
        """
        count = min(len(self.origins), most)
        picks = np.linspace(0, len(self.origins) - 1, count).astype(np.int64)
        for first in range(0, count, size):
            chosen = picks[first : first + size]
            batch = self.batch(np.resize(chosen, size))
            # Compiled steps want one batch shape: repeated windows weigh nothing.
            batch.weights[len(chosen) :] = 0.0
            yield batch


# Validation reads at most this many windows: more only make the estimate slower.
MOST_VALIDATION_WINDOWS = 16_384


@dataclass(frozen=True, slots=True)
class WindowFeed:
    """Batches of a windowed run: windows, each with a state that starts from zero.

    Args:
        training: Windows of the training rows.
        validation: Windows of the validation rows.
        batch_size: Windows per batch.
        updates_per_epoch: Batches per epoch.
        seed: Fixes the order.
        shuffle: Whether windows come in random order, or in order of time.
    """

    training: Windows
    validation: Windows
    batch_size: int
    updates_per_epoch: int
    seed: int
    shuffle: bool = True

    @property
    def state_shapes(self) -> list[tuple[str, int]]:
        """No states are carried."""
        return []

    def train_batches(self, epoch: int) -> Iterator[Batch]:
        """Windows of an epoch; if they are random, the epoch and the seed fix which."""
        if not self.shuffle:
            return self.training.ordered_batches(self.batch_size, self.updates_per_epoch, epoch)
        return self.training.random_batches(
            self.batch_size, self.updates_per_epoch, (self.seed, epoch)
        )

    def validation_batches(self) -> Iterator[Batch]:
        """Evenly spaced windows."""
        return self.validation.even_batches(self.batch_size, MOST_VALIDATION_WINDOWS)
