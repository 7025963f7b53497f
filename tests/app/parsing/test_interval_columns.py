"""Columns of both ends of each row's interval: the beginning is the time, the end is left out."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from tests.app.parsing.files import codes, read_text

pytestmark = pytest.mark.unit

FIRST = datetime(2021, 1, 1, tzinfo=UTC)
STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
KLINES = "open_time,open,high,low,close,volume,close_time,quote_volume,trades"
CHANNELS = ("open", "high", "low", "close", "volume")


def written(moment: datetime, form: str, before: int = 0) -> str:
    """A moment as text, or as a number that is some units earlier."""
    if form == "text":
        return f"{moment:%Y-%m-%d %H:%M:%S}"
    scale = {"s": 1, "ms": 1_000, "us": 1_000_000}[form]
    return str(int(moment.timestamp()) * scale - before)


def klines(step: timedelta, forms: tuple[str, str], count: int, before: int) -> list[str]:
    """Bars with an open and a close time, as exchanges of crypto currencies write them."""
    lines = []
    for n in range(count):
        begin = FIRST + n * step
        price = 100 + n % 7 + n % 3 * 0.5
        opened, closed = written(begin, forms[0]), written(begin + step, forms[1], before)
        bar = f"{price},{price + 1},{price - 1},{price + 0.5},{n % 13}.7"
        lines.append(f"{opened},{bar},{closed},{1000 + n * 7 % 31},{n % 17}")
    return lines


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize(
    "forms", [("ms", "ms"), ("s", "s"), ("us", "us"), ("text", "ms"), ("text", "s")]
)
@pytest.mark.parametrize("count", [30, 900])
def test_a_close_time_is_left_out(
    step: timedelta, forms: tuple[str, str], before: int, count: int
) -> None:
    lines = klines(step, forms, count, before)
    table = read_text("\n".join([KLINES, *lines]))
    assert table.channels == (*CHANNELS, "quote_volume", "trades")
    assert codes(table)["interval_columns"] == 1
    assert table.times[:2].tolist() == [
        int((FIRST + n * step).timestamp() * 1_000_000) for n in (0, 1)
    ]


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("count", [30, 900])
def test_without_names_a_constant_step_proves_it(step: timedelta, count: int) -> None:
    table = read_text("\n".join(klines(step, ("ms", "ms"), count, 1)))
    assert table.channels == (*CHANNELS, "column_8", "column_9")
    assert codes(table)["interval_columns"] == 1


def test_columns_bring_it_back() -> None:
    lines = klines(STEPS["minute"], ("ms", "ms"), 30, 1)
    table = read_text("\n".join([KLINES, *lines]), columns=("close", "close_time"))
    assert table.channels == ("close", "close_time")
    assert table.values[0, 1] == FIRST.timestamp() * 1000 + 59_999


def test_months_end_after_28_to_31_days() -> None:
    months = [datetime(2020 + n // 12, 1 + n % 12, 1, tzinfo=UTC) for n in range(25)]
    lines = [
        f"{written(one, 'ms')},{written(other, 'ms', 1)},{n * n % 17}"
        for n, (one, other) in enumerate(itertools.pairwise(months))
    ]
    table = read_text("\n".join(["open_time,close_time,v", *lines]))
    assert (table.channels, codes(table)["interval_columns"]) == (("v",), 1)


@pytest.mark.parametrize(
    "names", ["end,start", "to,from", "bis,von", "Ende,Beginn", "period_end,period_start"]
)
def test_the_beginning_is_the_time_wherever_it_stands(names: str) -> None:
    lines = [
        f"{written(FIRST + (n + 1) * STEPS['hour'], 'text')},"
        f"{written(FIRST + n * STEPS['hour'], 'text')},{n * n % 17}"
        for n in range(30)
    ]
    table = read_text("\n".join([f"{names},v", *lines]))
    assert table.times[0] == FIRST.timestamp() * 1_000_000
    assert (table.channels, codes(table)["text_columns"]) == (("v",), 1)


def test_a_measurement_near_the_time_stays() -> None:
    lines = [
        f"{written(FIRST + n * STEPS['minute'], 'text')},{1_609_459_260 + 60 * n + n % 2},{n % 7}"
        for n in range(30)
    ]
    table = read_text("\n".join(["time,pulses,v", *lines]))
    assert table.channels == ("pulses", "v")


def test_another_clock_is_no_end() -> None:
    lines = [
        f"{written(FIRST + n * STEPS['minute'], 'text')},{1_609_459_200 - 3600 + 60 * n},{n % 7}"
        for n in range(30)
    ]
    found = codes(read_text("\n".join(["date,unix,v", *lines])))
    assert "interval_columns" not in found
    assert found["clocks_disagree"] == 30
