"""Batches that are the same in every epoch: made once and kept, if they are small enough."""

from collections.abc import Callable, Iterator

from models.features.dataset import Batch

# What kept batches may take: beyond it they are made anew in every epoch.
MOST_BYTES = 512 * 1024 * 1024


class KeptBatches:
    """Batches in their order, gathered by the first pass that comes to its end.

    Args:
        make: Makes all batches, of one size.
        count: How many they are.
        most_bytes: Of features, labels and weights together; more are not kept.
    """

    def __init__(
        self, make: Callable[[], Iterator[Batch]], count: int, most_bytes: int = MOST_BYTES
    ) -> None:
        self._make = make
        self._count = count
        self._most_bytes = most_bytes
        self._kept: list[Batch] | None = None

    def __iter__(self) -> Iterator[Batch]:
        return self._gather() if self._kept is None else iter(self._kept)

    def _gather(self) -> Iterator[Batch]:
        gathered: list[Batch] = []
        for batch in self._make():
            # Too many are known by the first one: none is held in vain.
            if batch.size_bytes * self._count <= self._most_bytes:
                gathered.append(batch)
            yield batch
        if gathered:
            self._kept = gathered
