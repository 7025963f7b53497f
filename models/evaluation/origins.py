"""Origins of an evaluation: which rows to forecast from, and how far their forecasts overlap."""

import numpy as np

from models.arrays import RowIndices
from models.grid.splits import origins
from models.serving.forecaster import Forecaster

# A windowed network reads a whole window for each origin: with more origins than this the figures
# change little and take much longer.
MOST_WINDOWS = 4096


def origins_within(
    forecaster: Forecaster, span: tuple[int, int], *, most_points: int
) -> RowIndices:
    """The rows of a part of the split whose labels all lie in it.

    Args:
        forecaster: Its farthest lead counts.
        span: The first row of the part and the row after its last one.
        most_points: Limit for origins times leads times targets, which bounds memory. Above it,
            or above `MOST_WINDOWS` windows, evenly spaced rows stand for all.

    Returns:
        `(origins,)` of int64, increasing.
    """
    most = max(1, most_points // (len(forecaster.leads) * len(forecaster.targets)))
    most = min(most, MOST_WINDOWS) if forecaster.windowed else most
    whole = origins(slice(*span), int(forecaster.leads[-1]))
    return evenly_spaced(np.arange(whole.start, whole.stop), most)


def evenly_spaced(rows: RowIndices, most: int) -> RowIndices:
    """At most `most` evenly spaced rows, with the first and the last one.

    Args:
        rows: `(rows,)`.
        most: The largest number of rows, at least 1.

    Example:
        >>> evenly_spaced(np.arange(10), 4).tolist()
        [0, 3, 6, 9]
    """
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def spacing(at: RowIndices) -> int:
    """The smallest number of rows between neighbouring origins; 1 for fewer than two."""
    return int(np.diff(at).min()) if len(at) > 1 else 1


def overlap(leads: RowIndices, rows_between: int) -> int:
    """How many later origins have forecasts that overlap with those of one origin.

    Args:
        leads: `(leads,)`, steps ahead, increasing.
        rows_between: Rows between neighbouring origins.

    Example:
        >>> overlap(np.array([1, 2, 6]), 2)
        2
    """
    return (int(leads[-1]) - 1) // rows_between
