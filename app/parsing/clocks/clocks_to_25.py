"""Times of day that count the hours of a local day: to 25:00 where clocks go back."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.parsing.arrow import to_integers
from app.parsing.clocks.counted_days import CountedDays, count_texts
from app.parsing.lines import Mask
from app.parsing.times.joined import joined

# A date and the hour, and perhaps minutes and full seconds.
DATE_AND_CLOCK = r"^(?P<date>.*\S)[ T]+(?P<hour>\d{1,2}?)(?::?(?P<minute>\d{2})(?::?00)?)?$"
HOUR, DAY = 60, 1440


@dataclass(frozen=True, slots=True)
class CountedClocks:
    """The date of each row and the number of its period, and the days that these make."""

    columns: list[Any]
    days: CountedDays


def counted_clocks(columns: list[Any], unread: Mask) -> CountedClocks | None:
    """Dates and numbers of times that count to 25:00 on some day; None for other times.

    Args:
        columns: The columns of the time.
        unread: Rows whose time no clock shows.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not unread.any():
        return None
    found = pc.extract_regex(joined(columns, pad=False), DATE_AND_CLOCK)
    if found.null_count:
        return None
    hours, minutes = (to_integers(_number(found, name)) for name in ("hour", "minute"))
    since = hours * HOUR + minutes
    if since.max() <= DAY or since.max() > DAY + HOUR or not (unread & (since > DAY)).any():
        return None
    period = int(np.gcd.reduce(np.append(minutes, HOUR)))
    dates = pc.struct_field(found, "date")
    numbers = since // period
    days = count_texts(dates, numbers)
    if days is None or days.longest == days.usual:
        return None
    return CountedClocks([dates, pc.cast(pa.array(numbers), pa.string())], days)


def _number(found: Any, name: str) -> Any:
    """The digits of a group; a group without digits is 0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.struct_field(found, name)
    return pc.if_else(pc.equal(texts, pa.scalar("")), pa.scalar("0"), texts)
