"""Measure how completely times fill a grid of equal steps: evidence for one of two readings."""

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

# Fewer times may be regular by chance.
LEAST_TIMES = 6
# A reading is proven if its times fill this share of the grid, and those of every other reading
# at most the smaller one.
FULL_SHARE = 0.8
MOST_OTHER_SHARE = 0.6
# At least this share of the steps must have the grid's length.
LEAST_STEP_SHARE = 0.5


def the_regular_one(readings: list[Integers]) -> int | None:
    """The index of the only reading whose times follow each other in equal steps."""
    shares = [filled_share(times) for times in readings]
    best = int(np.argmax(shares))
    others = shares[:best] + shares[best + 1 :]
    is_proven = shares[best] >= FULL_SHARE and max(others, default=0.0) <= MOST_OTHER_SHARE
    return best if is_proven else None


def filled_share(times: Integers) -> float:
    """The share of a grid's points that have a row; 0 if there is not a grid.

    The grid's step is the most common one, of fixed length or of whole months.
    """
    different = np.unique(times)
    if len(different) < LEAST_TIMES:
        return 0.0
    moments = different.astype("datetime64[us]")
    months = moments.astype("datetime64[M]")
    grids = [different]
    if (np.ptp((moments - months).astype(np.int64))) == 0:
        grids.append(months.astype(np.int64))
    return max(map(_share_of_grid, grids))


def _share_of_grid(numbers: Integers) -> float:
    steps = np.diff(numbers)
    sizes, counts = np.unique(steps, return_counts=True)
    size = int(sizes[np.argmax(counts)])
    if counts.max() < LEAST_STEP_SHARE * len(steps) or (steps % size).any():
        return 0.0
    return len(numbers) / (int(numbers[-1] - numbers[0]) // size + 1)
