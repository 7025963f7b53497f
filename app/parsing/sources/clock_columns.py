"""Names of columns that are the times of a day, such as `00:00, 01:00, ... 23:00`."""

from collections.abc import Sequence
from itertools import pairwise

from app.parsing.values.cells import CellKind, kind_of

DAY_MINUTES = 24 * 60
# Fewer times of day may be those of a few readings, which a table has as channels.
LEAST_CLOCKS = 24
MOST_CLOCKS = DAY_MINUTES


def clock_columns(names: Sequence[str]) -> dict[int, str]:
    """The columns whose names are times of day."""
    return {n: name for n, name in enumerate(names) if kind_of(name) == CellKind.CLOCK}


def cover_a_day(names: Sequence[str]) -> bool:
    """Whether times of day are in order, in equal steps, and cover a day from 0:00 or to 24:00."""
    if not LEAST_CLOCKS <= len(names) <= MOST_CLOCKS:
        return False
    minutes = [_minutes(name) for name in names]
    step = DAY_MINUTES // len(names)
    are_equal = all(other - one == step for one, other in pairwise(minutes))
    return are_equal and step * len(names) == DAY_MINUTES and minutes[0] in (0, step)


def ends_at_24(names: Sequence[str]) -> bool:
    """Whether the last time of day is 24:00."""
    return _minutes(names[-1]) == DAY_MINUTES


def _minutes(name: str) -> int:
    """Minutes since midnight; -1 if the name has other parts than full minutes."""
    parts = name.strip().split(":")
    if not 2 <= len(parts) <= 3 or not all(part.isdigit() for part in parts):
        return -1
    hours, minutes, *seconds = map(int, parts)
    return -1 if any(seconds) else hours * 60 + minutes
