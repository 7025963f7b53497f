"""Windows: the last `lookback` rows up to an origin, gathered when a batch needs them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from models.arrays import Floats, RowIndices
from models.features.dataset import Batch, Dataset, SplitName


def window_offsets(lookback: int, step: int) -> RowIndices:
    """A window's rows relative to its origin: every `step`-th row, the origin last.

    Args:
        lookback: Rows that the window spans.
        step: Rows between two samples.

    Returns:
        `(lookback // step,)`, increasing, ending in 0.
    """
    return np.arange(-window_reach(lookback, step), 1, step)


def window_reach(lookback: int, step: int) -> int:
    """Rows from the first sample of a window to its origin."""
    return (max(1, lookback // step) - 1) * step


@dataclass(frozen=True, slots=True)
class WindowReader:
    """Gathers windows while a series is served.

    Args:
        offsets: `(samples,)`, rows relative to the origin.
        features: `(rows, features)` of float32.
        before: Number of these rows before the first origin.
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
        """The windows whose origin and last label lie in a part.

        Windows without any label are omitted.

        Args:
            dataset: The arrays.
            part: The part of the split.
            offsets: Rows relative to the origin.
        """
        farthest = int(dataset.scaling.leads.max())
        observed = np.asarray(~np.isnan(dataset.actual).all(axis=1))
        origins, ends = [], []
        for track in dataset.tracks:
            first, stop = track.span(part)
            # A window may begin in the previous part: only labels must not cross the border.
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
        """Batches in random order; each window is used once before any is used twice.

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
        """Batches in time order; each epoch continues where the previous one ended.

        Args:
            size: Windows per batch.
            count: Number of batches.
            epoch: From 1; the first window follows the last one.
        """
        first = (epoch - 1) * size * count
        order = (first + np.arange(size * count)) % len(self.origins)
        return (self.batch(order[k * size : (k + 1) * size]) for k in range(count))

    def even_batches(self, size: int, most: int) -> Iterator[Batch]:
        """Batches of evenly spaced windows in time order; the last batch is filled up.

        Args:
            size: Windows per batch.
            most: The largest number of windows; above it, evenly spaced ones are taken.
        """
        count = min(len(self.origins), most)
        picks = np.linspace(0, len(self.origins) - 1, count).astype(np.int64)
        for first in range(0, count, size):
            chosen = picks[first : first + size]
            batch = self.batch(np.resize(chosen, size))
            # Compiled steps need one batch shape: repeated windows have the weight 0.
            batch.weights[len(chosen) :] = 0.0
            yield batch


# Validation reads at most this many windows: more hardly improve the estimate.
MOST_VALIDATION_WINDOWS = 16_384


@dataclass(frozen=True, slots=True)
class WindowLoader:
    """Batches of a windowed run: windows, each with a state that starts from zero.

    Args:
        training: Windows of the training rows.
        validation: Windows of the validation rows.
        batch_size: Windows per batch.
        updates_per_epoch: Batches per epoch.
        seed: Fixes the order.
        shuffle: Whether windows are in random order rather than in time order.
    """

    training: Windows
    validation: Windows
    batch_size: int
    updates_per_epoch: int
    seed: int
    shuffle: bool = True

    @property
    def state_shapes(self) -> list[tuple[str, int]]:
        """Empty: states are not carried."""
        return []

    def train_batches(self, epoch: int) -> Iterator[Batch]:
        """Windows of an epoch; a random order depends only on the epoch and the seed."""
        if not self.shuffle:
            return self.training.ordered_batches(self.batch_size, self.updates_per_epoch, epoch)
        return self.training.random_batches(
            self.batch_size, self.updates_per_epoch, (self.seed, epoch)
        )

    def validation_batches(self) -> Iterator[Batch]:
        """Evenly spaced validation windows."""
        return self.validation.even_batches(self.batch_size, MOST_VALIDATION_WINDOWS)
