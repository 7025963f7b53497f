"""Names of columns that are the times of a day, such as `00:00, ... 23:00` or `Hour 1, ... 24`."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from app.parsing.times.guesses import guess_formats
from app.parsing.values.cells import CellKind, kind_of

DAY_MINUTES = 24 * 60
# Fewer times of day may be those of a few readings, which a table has as channels.
LEAST_CLOCKS = 24
MOST_CLOCKS = DAY_MINUTES
# Numbers of the periods of a day, which only names of such periods make sure.
NUMBERED = re.compile(
    r"(?:hour|hours|hr|h|he|hh|sp|ptu|mtu|period|interval|slot|std|stunde|heure|hora)"
    r"(?:[ _-]?(?:ending|beginning))?[ _.-]?(\d{1,2})h?",
    re.IGNORECASE,
)
HOURS = frozenset("HI")
PERIODS_OF_A_DAY = frozenset({24, 48, 96})


def clock_columns(names: Sequence[str]) -> dict[int, str]:
    """The columns whose names are times of day, or numbers of all the periods of a day."""
    clocks = {n: name for n, name in enumerate(names) if kind_of(name) == CellKind.CLOCK}
    return clocks or _numbered_columns(names)


def _numbered_columns(names: Sequence[str]) -> dict[int, str]:
    """The beginnings of the periods that columns number from 0 or 1; empty if some lack."""
    found = {n: NUMBERED.fullmatch(name.strip()) for n, name in enumerate(names)}
    numbers = {n: int(match[1]) for n, match in found.items() if match}
    first, count = min(numbers.values(), default=0), len(numbers)
    if count not in PERIODS_OF_A_DAY or first not in (0, 1):
        return {}
    if list(numbers.values()) != list(range(first, first + count)):
        return {}
    step = DAY_MINUTES // count
    minutes = {n: (number - first) * step for n, number in numbers.items()}
    return {n: f"{one // 60:02}:{one % 60:02}" for n, one in minutes.items()}


def is_date(cell: Any) -> bool:
    """Whether a field is a date without a time of day, which a column's name can add."""
    forms = guess_formats(str(cell or "").strip())
    return not forms or any(not HOURS & set(form.directives) for form in forms)


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
