"""Columns of both ends of each row's interval, such as `open_time` and `close_time`."""

from collections.abc import Sequence

import numpy as np

from app.parsing.derived.row_counters import has_word
from app.parsing.times.fields import Integers
from app.parsing.times.zone_proof import HOUR

DAY = 24 * HOUR
BEGINS = frozenset(
    {"start", "begin", "beginn", "beginning", "open", "from", "von", "ab", "debut", "inicio"}
    | {"inizio", "since"}
)
ENDS = frozenset(
    {"end", "ending", "ende", "close", "to", "until", "till", "bis", "fin", "final", "fine", "stop"}
)
# Months and quarters differ by some days.
LONGEST_STEP, MOST_DIFFERENCE = 366 * DAY, 4 * DAY
# Without the name of an end, a constant step proves it. Clocks differ by quarters of an hour.
LONGEST_UNNAMED_STEP = 31 * DAY
LEAST_ROWS = 5
CLOCK_STEP = HOUR // 4


def beginning_first(
    candidates: list[int], moments: Sequence[int], names: tuple[str, ...]
) -> list[int]:
    """The columns of times, with one whose name says beginning before one that says end."""
    if not candidates or not has_word(names[candidates[0]], ENDS):
        return candidates
    begins = [n for n in (*candidates, *moments) if has_word(names[n], BEGINS)]
    return [*begins[:1], *candidates]


def is_other_end(name: str, differences: Integers, *, is_time: bool) -> bool:
    """Whether a column of times is the other end of the rows' intervals, and not another clock.

    Args:
        name: The column's name.
        differences: Microseconds from the rows' times to the column's, of all rows.
        is_time: Whether the name is that of a time.
    """
    if not len(differences) or not differences.all():
        return False
    if has_word(name, ENDS):
        is_short = 0 < differences.min() <= differences.max() <= LONGEST_STEP
        return bool(is_short and np.ptp(differences) <= MOST_DIFFERENCE)
    step = abs(int(differences[0]))
    is_constant = len(differences) >= LEAST_ROWS and np.ptp(differences) == 0
    is_clock = is_time and step % CLOCK_STEP == 0
    return bool(is_constant and step <= LONGEST_UNNAMED_STEP and not is_clock)
