"""Small files in the dialects that people send; what each holds is known from formulas.

Row `n` of the weather files: temp(n) = 20 + 7 sin(n / 3) to two decimals, rain(n) = 1000 + 2.5 n.
Row `n` of the bars: close(n) = 100 + 5 sin(n / 4) to two decimals, open(n) = close(n - 1), high
and low half a unit beyond both, adjusted close = close / 2, volume(n) = 1000000 + 37 n.
"""

import io
import math
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

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
    sentence: str
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


def aligned(text: str) -> str:
    """Columns separated by blanks, at fixed places."""
    return "".join(
        "".join(f"{field:>22}" for field in line.split(",")) + "\n" for line in text.splitlines()
    )


def parts(header: str, form: str | Callable[[datetime], str], mark: str = ",", **given: Any) -> str:
    """Weather whose time stands in several columns."""
    return weather(f"{header}{mark}temp{mark}rain\n", time=form, mark=mark, **given)
