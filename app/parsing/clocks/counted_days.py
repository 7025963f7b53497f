"""Detect a column that counts the periods of each day: 1 to 48, and 46 or 50 on some days."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.parsing.arrow import to_integers, to_mask
from app.parsing.lines import Mask
from app.parsing.times.fields import Integers
from app.parsing.times.zone_names import PRINCIPAL
from app.parsing.times.zone_proof import has_changes
from models.calendars.cadence import DAY_MICROSECONDS, Cadence
from models.calendars.timezones import to_utc

# Numbers that count the periods of a day: from an hour down to a minute.
LEAST_IN_DAY, MOST_IN_DAY = 24, 1440
# A counter counts completely on at least this share of the days.
LEAST_COMPLETE = 0.8
LEAST_DAYS = 1
# With fewer days, the first and the last one are looked at too.
FEW_DAYS = 3


@dataclass(frozen=True, slots=True)
class CountedDays:
    """Days whose periods are counted.

    Args:
        usual: The number of periods of most days.
        longest: That of the longest day.
        short: The days that are complete with an hour less, by number or code.
    """

    usual: int
    longest: int
    short: Integers

    @property
    def period(self) -> str:
        """The length of a period."""
        return Cadence("us", DAY_MICROSECONDS // self.usual).text


def counted(column: Any) -> tuple[Integers, Mask]:
    """The whole numbers of a column, and which rows have one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    digits = pc.struct_field(pc.extract_regex(texts, r"^(?P<number>\d{1,4})(?:\.0+)?$"), "number")
    return to_integers(digits), to_mask(pc.is_valid(digits))


def count_texts(dates: Any, numbers: Integers) -> CountedDays | None:
    """What `count_days` finds for dates that are texts."""
    import pyarrow.compute as pc

    return count_days(to_integers(pc.index_in(dates, value_set=pc.unique(dates))), numbers)


def count_days(days: Integers, numbers: Integers) -> CountedDays | None:
    """The days whose rows are numbered from 0 or 1 without a gap; None if most are not.

    Args:
        days: The day of each row, in any order.
        numbers: The number of each row.
    """
    if not LEAST_IN_DAY - 1 <= numbers.max(initial=0) <= MOST_IN_DAY * 25 // 24:
        return None
    order = np.lexsort((numbers, days))
    days, numbers = days[order], numbers[order]
    first = np.flatnonzero(np.append(True, np.diff(days) != 0))
    counts = np.diff(np.append(first, len(days)))
    usual = int(np.bincount(counts).argmax())
    if len(first) < LEAST_DAYS or usual < LEAST_IN_DAY or MOST_IN_DAY % usual:
        return None
    follows = np.diff(numbers, prepend=numbers[0] - 1) == 1
    follows[first] = numbers[first] <= 1
    complete = np.logical_and.reduceat(follows, first)
    hour = usual // 24
    # The file may begin and end within a day.
    inner = slice(1, -1) if len(first) > FEW_DAYS else slice(None)
    is_day = (complete & (np.abs(counts - usual) <= hour))[inner]
    if np.mean(is_day) < LEAST_COMPLETE:
        return None
    is_short = complete[inner] & (counts[inner] == usual - hour)
    return CountedDays(usual, int(counts.max()), days[first][inner][is_short])


def midnights(days: Integers, zone: str) -> Integers:
    """The beginnings of local days in UTC, in microseconds."""
    local = (days * DAY_MICROSECONDS).view("datetime64[us]")
    return to_utc(local, zone).astype("datetime64[us]").view(np.int64)


def zones_with_days(days: Integers, *, longer: bool) -> list[str]:
    """The zones in which all of these days, counted from 1970, have more or less than 24 hours."""
    days = np.unique(days)
    changes = {
        zone: (midnights(days + 1, zone) - midnights(days, zone)) - DAY_MICROSECONDS
        for zone in PRINCIPAL
        if has_changes(zone)
    }
    return [zone for zone, more in changes.items() if ((more > 0) if longer else (more < 0)).all()]
