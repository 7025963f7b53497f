"""Small files in the dialects that people send; what each holds is known from formulas.

Row `n` of the weather files: temp(n) = 20 + 7 sin(n / 3) to two decimals, rain(n) = 1000 + 2.5 n.
Row `n` of the bars: close(n) = 100 + 5 sin(n / 4) to two decimals, open(n) = close(n - 1), high
and low half a unit beyond both, adjusted close = close / 2, volume(n) = 1000000 + 37 n.
"""

import gzip
import io
import json
import math
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 40
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# From here forty days and forty hours both prove the order of day and month.
START = datetime(2022, 1, 3, 0, 0, tzinfo=UTC)
# Steps that cross noon, midnight and months: every clock and month name is shown.
STEP = timedelta(hours=19)


@dataclass(frozen=True)
class Case:
    """A file, what the sender says about it, and what it holds: channels by their names."""

    name: str
    content: bytes
    times: list[datetime]
    values: dict[str, list[float | None]]
    query: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """A file that cannot be read in one way only, and what the refusal must say."""

    name: str
    content: bytes
    said: str
    query: dict[str, Any] = field(default_factory=dict)


def temp(n: int) -> float:
    """Degrees, with two decimals."""
    return round(20 + 7 * math.sin(n / 3), 2)


def rain(n: int) -> float:
    """Large enough for a thousands sign."""
    return 1000 + 2.5 * n


def close(n: int) -> float:
    """A price with two decimals."""
    return round(100 + 5 * math.sin(n / 4), 2)


def bar(n: int) -> dict[str, float]:
    """Prices and volume of a bar."""
    opened, closed = close(n - 1), close(n)
    high, low = round(max(opened, closed) + 0.5, 2), round(min(opened, closed) - 0.5, 2)
    prices = {"open": opened, "high": high, "low": low, "close": closed}
    return {**prices, "adj_close": round(closed / 2, 3), "volume": 1_000_000 + 37 * n}


def times_of(step: timedelta = STEP, start: datetime = START, rows: int = ROWS) -> list[datetime]:
    """Evenly spaced moments."""
    return [start + n * step for n in range(rows)]


TIMES = times_of()
DAYS = times_of(DAY)
MONTHS = [datetime(1949 + n // 12, 1 + n % 12, 1, tzinfo=UTC) for n in range(ROWS)]
WEATHER: dict[str, list[float | None]] = {
    "temp": [temp(n) for n in range(ROWS)],
    "rain": [rain(n) for n in range(ROWS)],
}
ISO = "%Y-%m-%d %H:%M:%S"
BAR_NAMES = ("open", "high", "low", "close", "adj_close", "volume")


def bars(names: Iterable[str] = BAR_NAMES) -> dict[str, list[float | None]]:
    """Channels of bars."""
    return {name: [bar(n)[name] for n in range(ROWS)] for name in names}


def plain(value: float | None) -> str:
    """A number as Python writes it."""
    return "" if value is None else f"{value:.0f}" if value == int(value) else repr(value)


def european(value: float | None) -> str:
    """1.234,50: thousands points and a decimal comma."""
    text = f"{value:,.2f}"
    return text.replace(",", " ").replace(".", ",").replace(" ", ".")


def weather(
    header: str | None = "time,temp,rain\n",
    *,
    time: str | Callable[[datetime], str] = ISO,
    mark: str = ",",
    number: Callable[[float | None], str] = plain,
    times: list[datetime] = TIMES,
    tail: str = "",
    end: str = "\n",
) -> str:
    """The weather file in some dialect."""
    lines = []
    for n, moment in enumerate(times):
        stamp = moment.strftime(time) if isinstance(time, str) else time(moment)
        lines.append(mark.join([stamp, number(temp(n)), number(rain(n))]) + tail)
    text = (header or "") + "".join(f"{line}\n" for line in lines)
    return text.replace("\n", end)


def market(
    header: str | None,
    *,
    time: str = "%Y-%m-%d",
    mark: str = ",",
    order: Iterable[str] = BAR_NAMES,
    before: str = "",
    after: str = "",
    times: list[datetime] = DAYS,
    number: Callable[[float | None], str] = plain,
) -> str:
    """Bars in some dialect."""
    order = list(order)
    lines = [
        before + mark.join([moment.strftime(time), *(number(bar(n)[name]) for name in order)])
        for n, moment in enumerate(times)
    ]
    return (header or "") + "".join(f"{line}{after}\n" for line in lines)


def case(
    name: str,
    text: str | bytes,
    times: list[datetime] = TIMES,
    values: dict[str, list[float | None]] = WEATHER,
    **query: Any,
) -> Case:
    """A file that must be read rightly."""
    return Case(name, text.encode() if isinstance(text, str) else text, times, values, query)


def renamed(first: str, second: str) -> dict[str, list[float | None]]:
    """The weather under other names."""
    return {first: WEATHER["temp"], second: WEATHER["rain"]}


def newest_first(text: str) -> str:
    """The rows turned round behind the header."""
    header, *rows = text.splitlines(keepends=True)
    return header + "".join(reversed(rows))


def quoted_lines(text: str) -> str:
    """Every line in quotes as a whole."""
    return "".join(f'"{line}"\n' for line in text.splitlines())


def quoted_fields(text: str) -> str:
    """Every field in quotes."""
    return "".join('"' + line.replace(",", '","') + '"\n' for line in text.splitlines())


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def with_gaps(word: str) -> tuple[str, dict[str, list[float | None]]]:
    """Every fourth temperature replaced by a word for nothing."""
    kept: list[float | None] = [None if n % 4 == 0 else temp(n) for n in range(ROWS)]
    lines = [
        f"{moment.strftime(ISO)},{word if kept[n] is None else plain(kept[n])},{plain(rain(n))}\n"
        for n, moment in enumerate(TIMES)
    ]
    return "time,temp,rain\n" + "".join(lines), {**WEATHER, "temp": kept}


def epoch(unit: float, places: int = 0) -> Callable[[datetime], str]:
    """Seconds since 1970 times a unit."""
    return lambda moment: f"{moment.timestamp() * unit:.{places}f}"


def mixed_epochs(moment: datetime) -> str:
    """Seconds on some rows, milliseconds on others."""
    return epoch(1000 if moment.hour % 2 else 1)(moment)


def aligned(text: str) -> str:
    """Columns separated by blanks, at fixed places."""
    return "".join(
        "".join(f"{field:>22}" for field in line.split(",")) + "\n" for line in text.splitlines()
    )


def by_year(header: str, mark: str, behind: str = "") -> str:
    """The temperatures of forty months, a row for each year; months to come are stars."""
    cells = [plain(temp(n)) for n in range(ROWS)] + ["*"] * (-ROWS % 12)
    rows = [
        mark.join([str(MONTHS[n].year), *cells[n : n + 12]]) + behind for n in range(0, ROWS, 12)
    ]
    return header + "".join(f"{row}\n" for row in rows)


def parts(header: str, form: str, mark: str = ",", **given: Any) -> str:
    """Weather whose time stands in several columns."""
    return weather(f"{header}{mark}temp{mark}rain\n", time=form, mark=mark, **given)


def unpadded(form: Callable[[datetime], int]) -> Callable[[datetime], str]:
    """Date and a clock as a number without leading zeros."""
    return lambda moment: f"{moment:%Y%m%d},{form(moment)}"


def wide(columns: int) -> Case:
    """A file of many columns: column c of row n holds n + c / 8."""
    names = [f"c{number}" for number in range(columns)]
    rows = "".join(
        ",".join([moment.strftime(ISO), *(plain(n + c / 8) for c in range(columns))]) + "\n"
        for n, moment in enumerate(TIMES)
    )
    truth: dict[str, list[float | None]] = {
        name: [n + c / 8 for n in range(ROWS)] for c, name in enumerate(names)
    }
    return case(f"{columns} columns", ",".join(["time", *names]) + "\n" + rows, values=truth)


def json_rows(**other: Any) -> list[dict[str, Any]]:
    """Rows as objects."""
    return [
        {"time": f"{moment:%Y-%m-%dT%H:%M:%S}Z", "temp": temp(n), "rain": rain(n), **other}
        for n, moment in enumerate(TIMES)
    ]


def json_lines(rows: list[dict[str, Any]]) -> str:
    """One object on each line."""
    return "".join(json.dumps(row) + "\n" for row in rows)


SEPARATORS = [
    *(
        case(f"separator {name}", weather(f"time{mark}temp{mark}rain\n", mark=mark))
        for name, mark in [("comma", ","), ("tab", "\t"), ("semicolon", ";"), ("pipe", "|")]
    ),
    case("comma and blank", weather("time, temp, rain\n", mark=", ")),
    case("semicolon and blank", weather("time ; temp ; rain\n", mark=" ; ")),
    case("pipe with blanks", weather("time | temp | rain\n", mark=" | ")),
    case("one blank", parts("date time", "%Y-%m-%d %H:%M:%S", " ")),
    case("one blank, one name for date and time", parts("time", "%Y-%m-%d %H:%M:%S", " ")),
    case("aligned", aligned(weather(time="%Y-%m-%dT%H:%M:%S"))),
    case(
        "tab, blanks in the time", weather("time\ttemp\train\n", mark="\t", time="%d %b %Y %H:%M")
    ),
    case("quoted whole lines", quoted_lines(weather())),
    case(
        "quoted whole lines with quoted fields",
        quoted_lines(quoted_fields(weather()).replace('"', '""')),
    ),
    case("quoted fields", quoted_fields(weather())),
    case("trailing separators", weather("time,temp,rain,,\n", tail=",,")),
    case("trailing separators in rows only", weather(tail=",")),
    case("trailing separator in the header only", weather("time,temp,rain,\n")),
    case("trailing semicolons", weather("time;temp;rain;\n", mark=";", tail=";")),
    case("given separator", weather("time~temp~rain\n", mark="~"), delimiter="~"),
    case("blank lines between", weather().replace("\n", "\n\n")),
    wide(3000),
]

HEADERS = [
    case("no header", weather(None), values=renamed("column_2", "column_3")),
    case("no header, named", weather(None), columns="time,temp,rain"),
    case(
        "no header, date and clock",
        weather(None, time="%Y%m%d,%H:%M:%S"),
        values=renamed("column_3", "column_4"),
    ),
    case("URL before the header", "https://example.org/weather\n" + weather()),
    case("URL and blank line", "https://example.org/weather\n\n" + weather()),
    case("comments", "# made by a logger\n# station: 7, Jena\n" + weather()),
    case("commented header", weather("#time,temp,rain\n")),
    case(
        "commented header behind comments", "# one, two, three\n#\n" + weather("# time,temp,rain\n")
    ),
    case(
        "comments of as many words as there are columns",
        "% This file holds\n%\n" + parts("date hour", "%Y-%m-%d %H", " "),
    ),
    case("preamble with separators", "Station,7\nPlace,Jena,Germany\n" + weather()),
    case("sep= line", "sep=;\n" + weather("time;temp;rain\n", mark=";")),
    case("units below the names", weather("time,temp,rain\n,degC,mm\n")),
    case("footer", weather() + "\nData from example.org\n"),
    case("names repeated in the middle", weather() + weather()),
    case(
        "an index before",
        "".join(f"{n - 1 if n else ''},{line}\n" for n, line in enumerate(weather().splitlines())),
        values={"column_1": [float(n) for n in range(ROWS)], **WEATHER},
    ),
]


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

COLUMNS = [
    case("date and clock", parts("date,clock", "%d/%m/%Y,%H.%M.%S")),
    case("date and hour as a number", parts("date,hour", lambda m: f"{m:%Y-%m-%d},{m.hour}")),
    case(
        "date and hour ending",
        parts("date,hour_ending", lambda m: f"{m - HOUR:%Y-%m-%d},{(m - HOUR).hour + 1}"),
    ),
    case("date and hr", parts("dteday,hr", lambda m: f"{m:%Y-%m-%d},{m.hour}")),
    case(
        "a time that never changes",
        parts("_start,_time", lambda m: f"2022-01-01T00:00:00Z,{m:%Y-%m-%dT%H:%M:%SZ}"),
    ),
    case(
        "types above the names, all commented",
        "#group,false,false\n#datatype,double,double\n" + weather("_time,temp,rain\n"),
    ),
    case("months without a name", weather(",temp,rain\n", time="%Y%m", times=MONTHS), MONTHS),
    case("date and clock as HHMM", parts("date,time", "%Y%m%d,%H%M")),
    case("date and clock as HHMMSS", parts("date,time", "%Y%m%d,%H%M%S")),
    case(
        "date and clock as HMM without zeros",
        parts(
            "date,time",
            unpadded(lambda m: m.hour * 100 + m.minute),
            times=times_of(timedelta(minutes=25)),
        ),
        times_of(timedelta(minutes=25)),
    ),
    case(
        "date and clock as HMMSS without zeros",
        parts("date,time", unpadded(lambda m: m.hour * 10000 + m.minute * 100)),
    ),
    case("date and clock of a zone", parts("Date;Hour UTC", "%Y/%m/%d;%H%M UTC", ";")),
    case(
        "date and hours to 2400",
        parts("Date,Hour (PST)", lambda m: f"{m - HOUR:%m/%d/%Y},{(m - HOUR).hour + 1:02}00"),
    ),
    case(
        "date and hour without names",
        weather(None, time=lambda m: f"{m:%Y-%m-%d},{m.hour}", times=times_of(HOUR)),
        times_of(HOUR),
        renamed("column_3", "column_4"),
    ),
    case("clock before date", parts("time,date", "%H:%M,%Y-%m-%d")),
    case("date and clock with AM and PM", parts("date,time", "%m/%d/%Y,%I:%M %p")),
    case("year, month", parts("year,month", lambda m: f"{m.year},{m.month}", times=MONTHS), MONTHS),
    case("year and month name", parts("Year,Month", "%Y,%b", times=MONTHS), MONTHS),
    case(
        "year, month, day",
        parts("year,month,day", lambda m: f"{m.year},{m.month},{m.day}", times=DAYS),
        DAYS,
    ),
    case("day, month, year", parts("Day,Month,Year", "%d,%m,%Y", times=DAYS), DAYS),
    case(
        "year, month, day, hour",
        parts("year,month,day,hour", lambda m: f"{m.year},{m.month},{m.day},{m.hour}"),
    ),
    case("year, month, day, clock", parts("YYYY,MM,DD,Time", "%Y,%m,%d,%H:%M")),
    case("year, month, day, hour, minute", parts("yr,mo,dy,hr,mn", "%Y,%m,%d,%H,%M")),
    case(
        "buoy",
        aligned(
            weather("#YY,MM,DD,hh,mm,temp,rain\n#yr,mo,dy,hr,mn,degC,mm\n", time="%Y,%m,%d,%H,%M")
        ),
    ),
    case(
        "station, day and hours to 24",
        parts(
            "# STN,YYYYMMDD,   HH",
            lambda m: f"  260,{m - HOUR:%Y%m%d},{(m - HOUR).hour + 1:5d}",
        ),
        values={"STN": [260.0] * ROWS, **WEATHER},
    ),
    case(
        "year and month without names",
        aligned(weather(None, time="%Y,%m", times=MONTHS)),
        MONTHS,
        renamed("column_3", "column_4"),
    ),
    case(
        "station, year, month, day and hour without names",
        weather(None, time=lambda m: f"7;{m.year};{m.month};{m.day};{m.hour}", mark=";"),
        values={"column_1": [7.0] * ROWS, **renamed("column_6", "column_7")},
    ),
    case(
        "year, month and day without names, newest first",
        "".join(reversed(weather(None, time="%Y;%m;%d", mark=";", times=DAYS).splitlines(True))),
        DAYS,
        renamed("column_4", "column_5"),
    ),
    case(
        "a row for each year",
        by_year(
            "Means\nYear,Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec,J-D\n", ",", behind=",9.5"
        ),
        MONTHS,
        {"value": WEATHER["temp"]},
    ),
    case(
        "a row for each year, without names",
        by_year(" 1949 1952\n", "   "),
        MONTHS,
        {"value": WEATHER["temp"]},
    ),
    case("year and day of the year", parts("year,doy", "%Y,%j", times=DAYS), DAYS),
    case(
        "epoch beside a date", parts("unix,date", lambda m: f"{epoch(1)(m)},{m:%Y-%m-%d %H:%M:%S}")
    ),
    case(
        "named columns",
        parts("a,b,c", "%Y,%m,%d", times=DAYS),
        DAYS,
        timestamp="a,b,c",
        timestamp_format="%Y %m %d",
    ),
    case("newest first", newest_first(weather())),
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
    case("newest first, day first", newest_first(weather(time="%d.%m.%Y %H:%M"))),
]

NUMBERS = [
    case(
        "decimal comma",
        weather("time;temp;rain\n", mark=";", number=lambda v: plain(v).replace(".", ",")),
    ),
    case("decimal comma, thousands points", weather("time;temp;rain\n", mark=";", number=european)),
    case("decimal comma, quoted between commas", weather(number=lambda v: f'"{european(v)}"')),
    case("decimal comma, tab", weather("time\ttemp\train\n", mark="\t", number=european)),
    case("thousands commas, quoted", weather(number=lambda v: f'"{v:,.2f}"')),
    case("thousands apostrophes", weather(number=lambda v: f"{v:,.2f}".replace(",", "'"))),
    case("thousands blanks", weather(number=lambda v: f"{v:,.2f}".replace(",", " "))),
    case(
        "thousands no-break blanks",
        weather("time;temp;rain\n", mark=";", number=lambda v: european(v).replace(".", "\u00a0")),
    ),
    case("exponents", weather(number=lambda v: f"{v:.6e}")),
    case("dollar signs", weather(number=lambda v: f"${v:.2f}")),
    case("percent signs", weather(number=lambda v: f"{v:.2f}%")),
    case("units", weather(number=lambda v: f"{v:.2f} degC")),
    case("units without a blank", weather(number=lambda v: f"{v:.2f}°F")),
    case("units with a decimal comma", weather(number=lambda v: f'"{european(v)} kWh"')),
    case("stars of footnotes", weather().replace("5\n", "5*\n")),
    case("plus signs", weather(number=lambda v: f"+{v:.2f}")),
    *(
        case(f"missing as {word!r}", *[with_gaps(word)[0], TIMES, with_gaps(word)[1]])
        for word in [
            "",
            "NA",
            "null",
            "-",
            "#N/A",
            "NaN",
            "n.a.",
            "None",
            "--",
            ".",
            "N/A",
            "...",
            "***",
            "unavailable",
        ]
    ),
]

ENCODINGS = [
    *(
        case(
            f"encoding {name}",
            weather("time,temp °,rain\n").encode(name),
            values=renamed("temp °", "rain"),
        )
        for name in ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
    ),
    case("UTF-8 mark before quotes", quoted_fields(weather()).encode("utf-8-sig")),
    case("line ends CRLF", weather(end="\r\n")),
    case("line ends CR", weather(end="\r")),
    case("line ends mixed", weather().replace("5\n", "5\r\n")),
    case("no final line end", weather().rstrip("\n")),
    case("end-of-file character", weather() + "\x1a"),
    case("gzip", gzip.compress(weather().encode())),
    case("gzip of UTF-16", gzip.compress(weather().encode("utf-16"))),
    case("zip", zipped({"data/weather.csv": weather().encode()})),
    case(
        "zip with a Mac folder",
        zipped({"weather.csv": weather().encode(), "__MACOSX/._weather.csv": b"x"}),
    ),
]

MARKETS = [
    case("Yahoo", market("Date,Open,High,Low,Close,Adj Close,Volume\n"), DAYS, bars()),
    case(
        "letters",
        market("t,o,h,l,c,v\n", order=(*BAR_NAMES[:4], "volume")),
        DAYS,
        bars((*BAR_NAMES[:4], "volume")),
    ),
    case(
        "letters, capital, other order",
        market("T,V,C,L,H,O\n", order=("volume", "close", "low", "high", "open")),
        DAYS,
        bars(("volume", "close", "low", "high", "open")),
    ),
    case(
        "yfinance, three lines",
        market(
            "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,\n",
            order=("close", "high", "low", "open", "volume"),
        ),
        DAYS,
        bars(("close", "high", "low", "open", "volume")),
    ),
    case(
        "yfinance, two lines",
        market(
            "Price,Close,High,Low,Open,Volume\nDate,,,,,\n",
            order=("close", "high", "low", "open", "volume"),
        ),
        DAYS,
        bars(("close", "high", "low", "open", "volume")),
    ),
    case(
        "yfinance, adjusted",
        market(
            f"Price,Adj Close,Close,High,Low,Open,Volume\nTicker{',^GSPC' * 6}\nDate{',' * 6}\n",
            order=("adj_close", "close", "high", "low", "open", "volume"),
        ),
        DAYS,
        bars(("adj_close", "close", "high", "low", "open", "volume")),
    ),
    case(
        "yfinance, ticker above price",
        market(
            "Ticker,AAPL,AAPL,AAPL,AAPL\nPrice,Open,High,Low,Close\nDate,,,,\n", order=BAR_NAMES[:4]
        ),
        DAYS,
        bars(BAR_NAMES[:4]),
    ),
    case(
        "quantmod",
        market(
            '"","GSPC.Open","GSPC.High","GSPC.Low","GSPC.Close","GSPC.Adjusted","GSPC.Volume"\n',
            time='"%Y-%m-%d"',
        ),
        DAYS,
        bars(),
    ),
    case(
        "quantmod, zoo",
        market(
            '"Index" "GSPC.Open" "GSPC.High" "GSPC.Low" "GSPC.Close"\n',
            mark=" ",
            order=BAR_NAMES[:4],
        ),
        DAYS,
        bars(BAR_NAMES[:4]),
    ),
    case(
        "quantmod, write.table",
        market(
            '"BRK.B.Open" "BRK.B.High" "BRK.B.Low" "BRK.B.Close"\n',
            time='"%Y-%m-%d"',
            mark=" ",
            order=BAR_NAMES[:4],
        ),
        DAYS,
        bars(BAR_NAMES[:4]),
    ),
    case(
        "MetaTrader 5",
        market(
            "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\n",
            time="%Y.%m.%d\t%H:%M:%S",
            mark="\t",
            order=(*BAR_NAMES[:4], "volume"),
            times=times_of(HOUR),
        ),
        times_of(HOUR),
        bars((*BAR_NAMES[:4], "volume")),
    ),
    case(
        "MetaTrader 5, both volumes",
        market(
            "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\n",
            time="%Y.%m.%d\t%H:%M:%S",
            mark="\t",
            order=(*BAR_NAMES[:4], "adj_close", "volume"),
            times=times_of(HOUR),
        ),
        times_of(HOUR),
        {**bars(BAR_NAMES[:4]), "TICKVOL": bars()["adj_close"], "volume": bars()["volume"]},
    ),
    case(
        "MetaTrader 4",
        market(None, time="%Y.%m.%d,%H:%M", order=(*BAR_NAMES[:4], "volume"), times=times_of(HOUR)),
        times_of(HOUR),
        bars((*BAR_NAMES[:4], "volume")),
    ),
    case(
        "Stooq",
        market(
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n",
            before="^SPX,60,",
            time="%Y%m%d,%H%M%S",
            order=(*BAR_NAMES[:4], "volume"),
            times=times_of(HOUR),
        ),
        times_of(HOUR),
        {"PER": [60.0] * ROWS, **bars((*BAR_NAMES[:4], "volume"))},
    ),
    case(
        "exchange with a URL",
        "https://www.example.org\n"
        + newest_first(
            market(
                "unix,date,symbol,open,high,low,close,Volume BTC\n",
                time="%s,%Y-%m-%d %H:%M:%S,BTC/USD",
                order=(*BAR_NAMES[:4], "volume"),
                times=times_of(HOUR),
            )
        ),
        times_of(HOUR),
        {**bars(BAR_NAMES[:4]), "Volume BTC": bars()["volume"]},
    ),
    case(
        "prices in dollars",
        market(
            "Date,Close/Last,Volume,Open,High,Low\n",
            time="%m/%d/%Y",
            order=("close", "volume", "open", "high", "low"),
            number=lambda v: f"${v:.2f}" if v and v < 1e4 else plain(v),
        ),
        DAYS,
        bars(("close", "volume", "open", "high", "low")),
    ),
    case(
        "price for close, volume in millions",
        market(
            '"Date","Price","Open","High","Low","Vol."\n',
            time='"%b %d, %Y"',
            order=("close", "open", "high", "low", "volume"),
            number=lambda v: f'"{v:,.2f}"' if v and v < 1e4 else f'"{(v or 0) / 1e6:.6f}M"',
        ),
        DAYS,
        bars(("close", "open", "high", "low", "volume")),
    ),
    case(
        "Alpha Vantage",
        market(
            "timestamp,1. open,2. high,3. low,4. close,5. volume\n",
            order=(*BAR_NAMES[:4], "volume"),
        ),
        DAYS,
        bars((*BAR_NAMES[:4], "volume")),
    ),
    *(
        case(
            f"names of bars: {language}",
            market(f"{names}\n", mark=";", order=(*BAR_NAMES[:4], "volume")),
            DAYS,
            bars((*BAR_NAMES[:4], "volume")),
        )
        for language, names in [
            ("prices", "Date;Open Price;High Price;Low Price;Close Price;Volume"),
            ("German", "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen"),
            ("French", "Date;Ouverture;+ Haut;+ Bas;Clôture;Volume"),
            ("Spanish", "Fecha;Apertura;Máximo;Mínimo;Cierre;Vol."),
            ("Chinese", "日期;开盘;最高;最低;收盘;成交量"),
            ("Korean", "날짜;시가;고가;저가;종가;거래량"),
        ]
    ),
    case(
        "no header, by the prices",
        market(None, order=(*BAR_NAMES[:4], "volume")),
        DAYS,
        bars((*BAR_NAMES[:4], "volume")),
    ),
    case(
        "no header, epoch milliseconds",
        market(None, time="%s000", order=(*BAR_NAMES[:4], "volume")),
        DAYS,
        bars((*BAR_NAMES[:4], "volume")),
    ),
    case(
        "one symbol",
        market("date,symbol,open,high,low,close\n", time="%Y-%m-%d,AAPL", order=BAR_NAMES[:4]),
        DAYS,
        bars(BAR_NAMES[:4]),
    ),
]

JSON = [
    case("JSON lines", json_lines(json_rows())),
    case("JSON lines, gzip", gzip.compress(json_lines(json_rows()).encode())),
    case(
        "JSON lines, epoch",
        json_lines(
            [{**row, "time": int(m.timestamp())} for row, m in zip(json_rows(), TIMES, strict=True)]
        ),
    ),
    case(
        "JSON lines, numbers as text",
        json_lines([{**row, "temp": str(row["temp"])} for row in json_rows()]),
    ),
    case(
        "JSON lines, null",
        json_lines(
            [
                {**row, "temp": None if n % 4 == 0 else row["temp"]}
                for n, row in enumerate(json_rows())
            ]
        ),
        values=with_gaps("")[1],
    ),
    case(
        "JSON lines, absent keys",
        json_lines(
            [
                {k: v for k, v in row.items() if k != "temp" or n % 4}
                for n, row in enumerate(json_rows())
            ]
        ),
        values={"rain": WEATHER["rain"], "temp": with_gaps("")[1]["temp"]},
    ),
    case("JSON array", json.dumps(json_rows(), indent=1)),
    case("JSON array in an object", json.dumps({"status": "OK", "results": json_rows()}, indent=1)),
    case(
        "JSON array in an object on one line", json.dumps({"count": ROWS, "results": json_rows()})
    ),
    case(
        "JSON lines, objects inside",
        json_lines(
            [{"time": row.pop("time"), "data": {"is": row, "id": "a"}} for row in json_rows()]
        ),
        values=renamed("data.is.temp", "data.is.rain"),
    ),
]


def arrow_table(times: Any = None, **other: Any) -> Any:
    """The weather as an Arrow table."""
    columns = {"time": TIMES if times is None else times, **WEATHER, **other}
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def parquet(table: Any, **given: Any) -> bytes:
    """A Parquet file."""
    target = io.BytesIO()
    pq.write_table(table, target, **given)
    return target.getvalue()


def arrow_stream(table: Any) -> bytes:
    """An Arrow IPC stream."""
    target = io.BytesIO()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    return target.getvalue()


def arrow_file(table: Any, compression: str | None = None) -> bytes:
    """An Arrow IPC file, also known as Feather."""
    target = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_file(target, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=7)
    return target.getvalue()


SMALL_TYPES = pa.table(
    {
        "time": pa.array(TIMES, pa.timestamp("ns", "UTC")),
        "n": pa.array(range(ROWS), pa.int16()),
        "half": pa.array([n / 2 for n in range(ROWS)], pa.float32()),
        "wet": pa.array([n % 3 == 0 for n in range(ROWS)]),
    }
)
SMALL_VALUES: dict[str, list[float | None]] = {
    "n": [float(n) for n in range(ROWS)],
    "half": [n / 2 for n in range(ROWS)],
    "wet": [float(n % 3 == 0) for n in range(ROWS)],
}
IN_INDIA = pa.array(TIMES, pa.timestamp("ms", "Asia/Kolkata"))
INDIAN_CLOCK = [(moment + timedelta(hours=5.5)).replace(tzinfo=None) for moment in TIMES]
BAR_TABLE = pa.table({"Date": DAYS, **{name.title(): bars()[name] for name in BAR_NAMES[:4]}})
ARROW = [
    *(
        case(f"Parquet, {name}", parquet(arrow_table(), compression=name))
        for name in ("snappy", "gzip", "zstd", "none")
    ),
    case("Parquet, row groups", parquet(arrow_table(), row_group_size=7)),
    case("Parquet, a time zone", parquet(arrow_table(IN_INDIA))),
    case("Parquet, times as text", parquet(arrow_table([f"{m:%d.%m.%Y %H:%M}" for m in TIMES]))),
    case("Parquet, epoch", parquet(arrow_table([int(m.timestamp() * 1000) for m in TIMES]))),
    case("Parquet, days", parquet(arrow_table([m.date() for m in DAYS])), DAYS),
    case("Parquet, symbol and list", parquet(arrow_table(s=["a"] * ROWS, tags=[["x"]] * ROWS))),
    case(
        "Parquet, null",
        parquet(arrow_table(temp=with_gaps("")[1]["temp"])),
        values=with_gaps("")[1],
    ),
    case("Parquet, bars", parquet(BAR_TABLE), DAYS, bars(BAR_NAMES[:4])),
    case(
        "Parquet, times without a zone",
        parquet(arrow_table(INDIAN_CLOCK)),
        timezone="Asia/Kolkata",
    ),
    case("Arrow stream", arrow_stream(arrow_table())),
    case("Arrow file", arrow_file(arrow_table())),
    case("Arrow file, lz4", arrow_file(arrow_table(), "lz4")),
    case("Arrow file, zstd", arrow_file(arrow_table(), "zstd")),
    case("Arrow, small types", arrow_stream(SMALL_TYPES), values=SMALL_VALUES),
]

CASES = [
    *SEPARATORS,
    *HEADERS,
    *TIME_FORMS,
    *COLUMNS,
    *NUMBERS,
    *ENCODINGS,
    *MARKETS,
    *JSON,
    *ARROW,
]

SMALL = times_of(DAY, rows=6)
REFUSED = [
    Refused(
        "numbers with a flag",
        weather(
            '"time","temp","rain"\n', number=lambda v: f'"{(v or 0) % 1000:+05.0f},5"'
        ).encode(),
        "No column holds numbers",
    ),
    Refused(
        "numbers without names that do not count on like dates",
        "".join(f"{2000 + n % 3};{1 + n % 12};{temp(n)}\n" for n in range(ROWS)).encode(),
        "`timestamp=`",
    ),
    Refused(
        "numbers of two units",
        weather(number=lambda v: f"{v} {'degC' if round(v or 0) % 2 else 'degF'}").encode(),
        "No column holds numbers",
    ),
    Refused(
        "order of day and month",
        weather(time="%d/%m/%Y", times=SMALL).encode(),
        "`timestamp_format=%d/%m/%Y`",
    ),
    Refused(
        "order of day and month, two-digit years",
        weather(time="%d/%m/%y", times=SMALL).encode(),
        "`timestamp_format=",
    ),
    Refused(
        "comma or thousands",
        b"time;a\n2022-01-03;1,234\n2022-01-04;2,500\n",
        "`decimal=,` or `decimal=.`",
    ),
    Refused(
        "point or thousands",
        b"time;a\n2022-01-03;1.234\n2022-01-04;987\n2022-01-05;12.345\n",
        "`decimal=,` or `decimal=.`",
    ),
    Refused(
        "decimal comma and decimal point",
        "".join(
            ["time;a\n", *(f"{m:%Y-%m-%d};{n}{',.'[n % 2]}5\n" for n, m in enumerate(DAYS))]
        ).encode(),
        "`decimal=,` or `decimal=.`",
    ),
    Refused(
        "interleaved separators",
        "".join(
            [f"{m:%Y-%m-%d}{',;'[n % 2]}{temp(n)}{',;'[n % 2]}1\n" for n, m in enumerate(DAYS)]
        ).encode(),
        "`delimiter=",
    ),
    Refused(
        "both orders of day and month",
        weather(
            time=lambda m: m.strftime("%d/%m/%Y" if m.hour else "%m/%d/%Y"),
            times=times_of(timedelta(hours=12)),
        ).encode(),
        "two ways",
    ),
    Refused(
        "six digits for a date", weather(time="%y%m%d", times=DAYS).encode(), "`timestamp_format="
    ),
    Refused(
        "days of a spreadsheet",
        weather(
            time=lambda m: str((m - datetime(1899, 12, 30, tzinfo=UTC)).days), times=DAYS
        ).encode(),
        "`timestamp_format=",
    ),
    Refused("no times", b"a,b\n1.5,2\n2.5,3\n", "`timestamp=`"),
    Refused(
        "several symbols",
        "".join(
            [
                "date,symbol,close\n",
                *(
                    f"{m:%Y-%m-%d},{s},{close(n)}\n"
                    for n, m in enumerate(DAYS)
                    for s in ("AAPL", "MSFT")
                ),
            ]
        ).encode(),
        "'AAPL', 'MSFT'",
    ),
    Refused(
        "several symbols, one after the other",
        "".join(
            [
                "date,symbol,close\n",
                *(
                    f"{m:%Y-%m-%d},{s},{close(n)}\n"
                    for s in ("AAPL", "MSFT")
                    for n, m in enumerate(DAYS)
                ),
            ]
        ).encode(),
        "'AAPL', 'MSFT'",
    ),
    Refused(
        "several symbols, one channel asked for",
        "".join(
            f"{m:%Y-%m-%d},{'AB'[n % 2] * 3},{close(n)}\n" for n, m in enumerate(DAYS)
        ).encode(),
        "'AAA', 'BBB'",
        {"columns": "date,symbol,close", "header": False},
    ),
    Refused(
        "several series by their numbers",
        "".join(
            ["date,store,sales\n"]
            + [f"{m:%Y-%m-%d},{s},{close(n) + s}\n" for n, m in enumerate(DAYS) for s in (1, 2)]
        ).encode(),
        "the column 'store' has 2 values ('1', '2')",
    ),
    Refused("zip with two files", zipped({"a.csv": b"x", "b.csv": b"y"}), "a.csv, b.csv"),
    Refused("zip of nothing", zipped({}), "exactly one file"),
    Refused("damaged gzip", gzip.compress(weather().encode())[:-30], "damaged"),
    Refused("a workbook", zipped({"[Content_Types].xml": b"<Types/>"}), "Excel workbook"),
    Refused(
        "a page",
        b"<!DOCTYPE html><html><body><table><tr><td>1</td></tr></table></body></html>",
        "HTML",
    ),
    Refused(
        "JSON with two values of one name",
        b'{"time": "2022-01-03", "a.b": 1, "a": {"b": 2}}\n{"time": "2022-01-04", "a.b": 3}\n',
        "two values of one name",
    ),
    Refused("nested JSON", b'{"data": {"time": ["2022-01-03"], "a": [1]}}', "JSON"),
    Refused("an object over several lines", json.dumps(json_rows()[0], indent=1).encode(), "JSON"),
    Refused(
        "rows of another separator before the header",
        "\n".join(
            [*weather(None, mark="\t", number=european).splitlines()[:3], weather()]
        ).encode(),
        "mixes separators",
    ),
    Refused(
        "a few rows of another separator",
        (weather(None, mark=";", number=european) + weather(None)[:300]).encode(),
        "mixes separators",
    ),
    Refused("a zone's name", weather(time="%Y-%m-%d %H:%M EST").encode(), "`timestamp_format="),
    Refused("half a character", b'{"time": "2022-01-03", "\\ud800": 1}\n' * 3, "half a character"),
    Refused("an array of arrays", b'[["2022-01-03", 1], ["2022-01-04", 2]]', "JSON"),
    Refused("damaged Parquet", parquet(arrow_table())[:-50] + b"PAR1", "damaged parquet"),
    Refused("damaged Arrow", arrow_stream(arrow_table())[:-600], "damaged arrow"),
    Refused("a tape", b"ORC" + bytes(100), "an ORC file"),
]
