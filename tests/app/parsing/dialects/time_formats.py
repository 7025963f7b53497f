"""Times as programs of all kinds write them, in one column."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.app.parsing.dialects.writers import (
    DAY,
    DAYS,
    HOUR,
    MONTHS,
    ROWS,
    TIMES,
    case,
    epoch,
    parts,
    times_of,
    weather,
)


def mixed_epochs(moment: datetime) -> str:
    """Seconds on some rows, milliseconds on others."""
    return epoch(1000 if moment.hour % 2 else 1)(moment)


def eastern(moment: datetime) -> str:
    """A time with the name of its zone."""
    return f"{moment.astimezone(ZoneInfo('US/Eastern')):%Y%m%d %H:%M:%S} US/Eastern"


FORMS: list[tuple[str, str | Callable[[datetime], str], list[datetime]]] = [
    ("ISO with T", "%Y-%m-%dT%H:%M:%S", TIMES),
    ("ISO with Z", "%Y-%m-%dT%H:%M:%SZ", TIMES),
    ("ISO with microseconds", "%Y-%m-%dT%H:%M:%S.%f", TIMES),
    ("ISO with nanoseconds", "%Y-%m-%dT%H:%M:%S.%f000Z", TIMES),
    ("compact", "%Y%m%d%H%M%S", TIMES),
    ("compact with T", "%Y%m%dT%H%M%SZ", TIMES),
    ("compact date", "%Y%m%d", DAYS),
    ("compact hours", "%Y%m%d%H", TIMES),
    ("compact months", "%Y%m", MONTHS),
    ("blanks, day first", "%d %m %Y %H:%M", TIMES),
    ("hours behind an h", "%d/%m/%Y %Hh%M", TIMES),
    ("AM and PM by one letter", lambda m: f"{m:%m/%d/%Y %I:%M}{'ap'[m.hour >= 12]}", TIMES),
    ("Chinese", lambda m: f"{m.year}年{m.month}月{m.day}日", DAYS),
    ("no seconds", "%Y-%m-%d %H:%M", TIMES),
    ("points", "%d.%m.%Y %H:%M", TIMES),
    ("points, no date padding", lambda m: f"{m.day}.{m.month}.{m.year} {m:%H:%M}", TIMES),
    ("day first", "%d/%m/%Y %H:%M", TIMES),
    ("month first", "%m/%d/%Y %H:%M", TIMES),
    ("month first, AM and PM", "%m/%d/%Y %I:%M:%S %p", TIMES),
    ("AM and PM without a blank", "%m/%d/%Y %I:%M%p", TIMES),
    ("AM and PM, small", lambda m: f"{m:%Y-%m-%d %I:%M} {m:%p}".lower(), TIMES),
    ("AM and PM, hour only", "%Y-%m-%d %I %p", TIMES),
    ("AM and PM behind a dash", "%Y-%m-%d %I-%p", TIMES),
    ("month name", "%d-%b-%Y %H:%M", TIMES),
    ("month name, two-digit year", "%d-%b-%y", DAYS),
    ("month name touching", "%d%b%Y", DAYS),
    ("month name first", '"%b %d, %Y"', DAYS),
    ("long month name", "%d %B %Y %H:%M", TIMES),
    ("long month name first", '"%B %d, %Y %I:%M %p"', TIMES),
    ("weekday", '"%a, %d %b %Y %H:%M:%S GMT"', TIMES),
    ("C asctime", "%a %b %d %H:%M:%S %Y", TIMES),
    ("Apache log", "%d/%b/%Y:%H:%M:%S +0000", TIMES),
    ("two-digit years, day first", "%d/%m/%y", DAYS),
    ("two-digit years, month first", "%m/%d/%y %H:%M", TIMES),
    ("two-digit years, points", "%d.%m.%y %H:%M", TIMES),
    ("year and month", "%Y-%m", MONTHS),
    ("month and year", "%m/%Y", MONTHS),
    ("month name and year", "%b %Y", MONTHS),
    ("long month name and year", "%B %Y", MONTHS),
    ("month name and two-digit year", "%b-%y", MONTHS),
    ("year and M", "%YM%m", MONTHS),
    ("two-digit years before 1969", "%m/%d/%y", times_of(DAY, datetime(1949, 1, 3, tzinfo=UTC))),
    ("year alone", "%Y", [datetime(1900 + n, 1, 1, tzinfo=UTC) for n in range(ROWS)]),
    (
        "quarters",
        lambda m: f"{m.year}-Q{(m.month + 2) // 3}",
        [datetime(1990 + n // 4, 1 + n % 4 * 3, 1, tzinfo=UTC) for n in range(ROWS)],
    ),
    (
        "quarters first",
        lambda m: f"Q{(m.month + 2) // 3} {m.year}",
        [datetime(1990 + n // 4, 1 + n % 4 * 3, 1, tzinfo=UTC) for n in range(ROWS)],
    ),
    ("epoch seconds", epoch(1), TIMES),
    ("epoch seconds with a point", epoch(1, 1), TIMES),
    ("epoch milliseconds", epoch(1000), TIMES),
    ("epoch microseconds", epoch(1e6), TIMES),
    ("epoch nanoseconds", epoch(1e9), TIMES),
    ("epoch seconds and milliseconds", mixed_epochs, TIMES),
    ("ISO with an offset", lambda m: f"{m + timedelta(hours=5.5):%Y-%m-%dT%H:%M:%S}+05:30", TIMES),
    ("ISO with a short offset", lambda m: f"{m - 5 * HOUR:%Y-%m-%d %H:%M:%S}-05", TIMES),
    (
        "offsets that change",
        lambda m: f"{m + m.month * HOUR:%Y-%m-%d %H:%M:%S}+0{m.month}00",
        TIMES,
    ),
    ("name of a zone", eastern, TIMES),
    ("abbreviation of a clock", lambda m: f"{m - 5 * HOUR:%Y-%m-%d %H:%M} EST", TIMES),
    ("offset behind GMT", lambda m: f"{m + HOUR:%d.%m.%Y %H:%M:%S.000} GMT+0100", TIMES),
    (
        "JavaScript",
        lambda m: f"{m + HOUR:%a %b %d %Y %H:%M:%S} GMT+0100 (Central European Standard Time)",
        TIMES,
    ),
    ("intervals", lambda m: f"{m:%d.%m.%Y %H:%M} - {m + HOUR:%d.%m.%Y %H:%M}", TIMES),
    ("offset behind a blank", lambda m: f"{m + HOUR:%Y-%m-%d %H:%M:%S} +0100", TIMES),
    ("named UTC", "%Y-%m-%d %H:%M:%S UTC", TIMES),
    (
        "interleaved forms",
        lambda m: m.strftime("%Y-%m-%d %H:%M" if m.day % 2 else "%d.%m.%Y %H:%M:%S"),
        TIMES,
    ),
    (
        "German month names",
        lambda m: f"{m.day}. {('Januar', 'Februar', 'März')[m.month - 1]} {m.year}",
        DAYS,
    ),
    (
        "French month names",
        lambda m: f"{m.day} {('janvier', 'février', 'mars')[m.month - 1]} {m.year}",
        DAYS,
    ),
    (
        "Spanish month names",
        lambda m: f"{m.day}-{('ene', 'feb', 'mar')[m.month - 1]}-{m.year}",
        DAYS,
    ),
]


TIME_FORMS = [
    case(f"time: {name}", weather(time=form, times=times), times) for name, form, times in FORMS
]


GIVEN_FORMATS = [
    case(
        "named columns",
        parts("a,b,c", "%Y,%m,%d", times=DAYS),
        DAYS,
        timestamp="a,b,c",
        timestamp_format="%Y %m %d",
    ),
    case("name of a zone behind a format", weather(time=eastern), timestamp_format="%Y%m%d %T"),
    case(
        "name of a zone in a format",
        weather(time=eastern),
        timestamp_format="%Y%m%d %T US/Eastern",
        timezone="US/Eastern",
    ),
    case(
        "days of a spreadsheet",
        weather(time=lambda m: f"{(m - datetime(1899, 12, 30, tzinfo=UTC)) / DAY:.10f}"),
        timestamp_format="excel",
    ),
    case(
        "a zone's name as part of the format",
        weather(time=lambda m: f"{m - 5 * HOUR:%Y-%m-%d %H:%M} EST"),
        timestamp_format="%Y-%m-%d %H:%M EST",
        timezone="Etc/GMT+5",
    ),
]
