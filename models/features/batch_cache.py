"""Cache batches that are the same in every epoch, if they fit in memory."""

from collections.abc import Callable, Iterator

from models.features.dataset import Batch

# The size limit of cached batches: larger ones are made again in every epoch.
MOST_BYTES = 512 * 1024 * 1024


class CachedBatches:
    """Batches in order; the first complete pass stores them.

    Args:
        make: Makes all batches, each of the same size.
        count: Number of batches.
        most_bytes: Size limit of features, labels and weights together; above it, batches are
            not stored.
    """

    def __init__(
        self, make: Callable[[], Iterator[Batch]], count: int, most_bytes: int = MOST_BYTES
    ) -> None:
        self._make = make
        self._count = count
        self._most_bytes = most_bytes
        self._cached: list[Batch] | None = None

    def __iter__(self) -> Iterator[Batch]:
        return self._gather() if self._cached is None else iter(self._cached)

    def _gather(self) -> Iterator[Batch]:
        gathered: list[Batch] = []
        for batch in self._make():
            # The first batch shows whether all of them fit.
            if batch.size_bytes * self._count <= self._most_bytes:
                gathered.append(batch)
            yield batch
        if gathered:
            self._cached = gathered
