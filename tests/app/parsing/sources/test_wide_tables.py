"""Tables with a column for each time: they are read as one row for each time."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from app.parsing.errors import (
    AmbiguousTimes,
    FileTooLarge,
    OptionInvalid,
    SeveralSeries,
    UnreadableFile,
)
from app.parsing.options import ReadOptions
from app.parsing.sources import wide_tables
from app.parsing.split.parts import read_parts
from tests.app.parsing.files import LIMIT_BYTES, codes, column, moments, read_bytes, read_text
from tests.app.parsing.workbook_files import xlsx

pytestmark = pytest.mark.unit

COUNT = 24
VALUES = [round(5 + n * 7919 % 101 / 8, 3) for n in range(COUNT)]
FIRST = datetime(2019, 5, 9, tzinfo=UTC)


def days(step: int = 1) -> list[datetime]:
    return [FIRST + timedelta(days=step * n) for n in range(COUNT)]


def months() -> list[datetime]:
    return [datetime(2019 + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(COUNT)]


def years() -> list[datetime]:
    return [datetime(1990 + n, 1, 1, tzinfo=UTC) for n in range(COUNT)]


HEADERS: dict[str, tuple[list[datetime], Callable[[datetime], str]]] = {
    "days": (days(), lambda t: f"{t:%Y-%m-%d}"),
    "weeks": (days(7), lambda t: f"{t:%d.%m.%Y}"),
    "days of two-digit years": (days(), lambda t: f"{t.month}/{t.day}/{t:%y}"),
    "months": (months(), lambda t: f"{t:%Y-%m}"),
    "months by name": (months(), lambda t: f"{t:%b %Y}"),
    "compact months": (months(), lambda t: f"{t:%Y%m}"),
    "years": (years(), lambda t: f"{t:%Y}"),
    "years of R": (years(), lambda t: f"X{t:%Y}"),
    "years of a data bank": (years(), lambda t: f"{t:%Y} [YR{t:%Y}]"),
}


def wide(
    times: list[str], rows: dict[str, list[Any]], *, separator: str = ",", label: str = "country"
) -> str:
    """A table with a row for each label."""
    lines = [[label, *times], *([name, *cells] for name, cells in rows.items())]
    return "".join(separator.join(map(str, line)) + "\n" for line in lines)


def parts_of(text: str, **options: Any) -> dict[str, tuple[list[str], list[float]]]:
    """Times and values of each series of a split file."""
    parts = read_parts(io.BytesIO(text.encode()), ReadOptions(**options), limit_bytes=LIMIT_BYTES)
    return {one.label: (moments(one.table), one.table.values[:, 0].tolist()) for one in parts}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("header", HEADERS)
def test_headers_of_times(header: str, newest_first: bool, separator: str) -> None:
    times, form = HEADERS[header]
    pairs = list(zip(times, VALUES, strict=True))
    shown = pairs[::-1] if newest_first else pairs
    text = wide(
        [form(time) for time, _ in shown], {"A": [v for _, v in shown]}, separator=separator
    )
    read = read_text(text)
    assert moments(read) == [f"{time:%Y-%m-%dT%H:%M:%S}" for time in times]
    assert (read.channels, column(read, "value")) == (("value",), VALUES)
    assert codes(read)["wide_table"] == 1


class TestSeveralRows:
    TIMES = tuple(f"{time:%Y-%m-%d}" for time in days())

    def test_rows_are_series(self) -> None:
        other = [value + 100 for value in VALUES]
        text = wide(list(self.TIMES), {"Chad": VALUES, "Cuba": other})
        with pytest.raises(SeveralSeries, match=r"`split=country`"):
            read_text(text)
        times = [f"{time}T00:00:00" for time in self.TIMES]
        assert parts_of(text, split="country") == {"Chad": (times, VALUES), "Cuba": (times, other)}

    def test_each_row_keeps_its_own_span(self) -> None:
        late = ["", "NA", *VALUES[2:5], "", *VALUES[6:20], *[""] * 4]
        found = parts_of(wide(list(self.TIMES), {"a": VALUES, "b": late}), split="country")
        assert [len(found[name][0]) for name in "ab"] == [COUNT, 18]
        assert found["b"][0][0] == f"{self.TIMES[2]}T00:00:00"

    def test_rows_without_a_name_are_numbered(self) -> None:
        rows = [",".join(self.TIMES), *[",".join(map(str, VALUES))] * 2]
        with pytest.raises(SeveralSeries, match=r"`split=row`"):
            read_text("\n".join(rows))
        assert len(parts_of("\n".join(rows), split="row")) == 2

    def test_years_with_lines_above_and_an_empty_column_behind(self) -> None:
        table = wide([f"{1990 + n}" for n in range(COUNT)], {"A,AAA": VALUES, "B,BBB": VALUES})
        table = table.replace("country,", "Country Name,Country Code,").replace("\n", ",\n")
        text = f"Data Source,Made\n\nLast Updated,2024-01-01\n\n{table}"
        with pytest.raises(SeveralSeries, match=r"`split=Country Name`"):
            read_text(text)
        assert parts_of(text, split="Country Code")["BBB"][1] == VALUES


def test_columns_of_a_workbook() -> None:
    naive = [time.replace(tzinfo=None) for time in days()]
    read = read_bytes(xlsx({"Data": [["Item", *naive], ["a", *VALUES]]}))
    assert column(read, "value") == VALUES
    assert moments(read)[0] == "2019-05-09T00:00:00"


@pytest.mark.parametrize(
    ("label", "rows", "second"),
    [
        ("month", ["Jan", "Feb", "Mar", "Apr"], "2020-02-01T00:00:00"),
        ("Month", ["1", "2", "3", "4"], "2020-02-01T00:00:00"),
        ("quarter", ["Q1", "Q2", "Q3", "Q4"], "2020-04-01T00:00:00"),
    ],
)
def test_parts_of_years_beside_columns_of_years(label: str, rows: list[str], second: str) -> None:
    table = {name: [n + 10 * k for k in range(3)] for n, name in enumerate(rows)}
    read = read_text(wide(["2020", "2021", "2022"], table, label=label))
    assert moments(read)[:2] == ["2020-01-01T00:00:00", second]
    assert column(read, "value") == [n + 10 * k for k in range(3) for n in range(4)]


class TestWhatIsNotWide:
    def test_rows_that_have_a_time(self) -> None:
        text = "date,2019,2020,2021\n2024-01-01,1,2,3\n2024-01-02,4,5,6\n"
        assert read_text(text).channels == ("2019", "2020", "2021")
        read = read_text("day,2019,2020,2021\n1,1,2,3\n2,4,5,6\n", start="2024-01-01", cadence="1D")
        assert len(read.times) == 2

    def test_names_that_are_not_in_order(self) -> None:
        text = "id,2021,2019,2020\na,1,2,3\nb,4,5,6\n"
        read = read_text(text, header=True, start="2024-01-01", cadence="1D", columns=("2021",))
        assert column(read, "2021") == [1, 4]

    @pytest.mark.parametrize("header", ["", "t,1500,1600,1700\n", "a,1500,1600,1700\n"])
    def test_numbers_that_look_like_years(self, header: str) -> None:
        rows = "".join(
            f"{1672531200 + 60 * n},{1500 + n},{1600 + n},{1700 + n}\n" for n in range(9)
        )
        if header.startswith("a"):
            rows = rows.replace("16725", "x")
        try:
            read = read_text(header + rows)
        except UnreadableFile:
            assert header.startswith("a")
        else:
            assert len(read.times) == 9
            assert read.values[0].tolist() == [1500, 1600, 1700]

    def test_the_parameter_decides(self) -> None:
        times = [f"{time:%Y-%m-%d}" for time in days()]
        text = wide(times, {"A": VALUES})
        read = read_text(text, wide=False, start="2024-01-01", cadence="1D")
        assert read.channels == tuple(times)
        with pytest.raises(OptionInvalid, match=r"`wide=true`.*'time', 'a'"):
            read_text("time,a\n2024-01-01,1\n", wide=True)

    def test_two_times_are_read_only_with_the_parameter(self) -> None:
        text = wide(["2024-01-01", "2024-01-02"], {"A": [1, 2]})
        assert column(read_text(text, wide=True), "value") == [1, 2]


def test_times_of_day_as_columns() -> None:
    rows = "".join(f"2024-01-0{n},{n}.1,{n}.2,{n}.3\n" for n in range(1, 5))
    text = f"date,00:00,08:00,16:00\n{rows}"
    assert read_text(text).channels == ("00:00", "08:00", "16:00")
    read = read_text(text, wide=True)
    assert moments(read)[:4] == [
        "2024-01-01T00:00:00",
        "2024-01-01T08:00:00",
        "2024-01-01T16:00:00",
        "2024-01-02T00:00:00",
    ]
    assert column(read, "value")[:4] == [1.1, 1.2, 1.3, 2.1]


class TestTimesOfADay:
    """A column for each time of a whole day beside a date needs no parameter."""

    def text(
        self,
        minutes: int,
        form: str = "{:02}:{:02}",
        first: int = 0,
        rows: int = 40,
        more: str = "",
    ) -> str:
        clocks = range(first, first + 1440, minutes)
        names = ",".join(form.format(*divmod(clock, 60)) for clock in clocks)
        lines = [f"date,{names}{',total' if more else ''}"]
        for day in range(rows):
            values = (f"{day}.{place:02}" for place in range(1440 // minutes))
            date = np.datetime64("2024-01-01") + day
            lines.append(f"{date},{','.join(values)}{more}")
        return "\n".join(lines)

    @pytest.mark.parametrize("minutes", [60, 30, 15, 5])
    @pytest.mark.parametrize("form", ["{:02}:{:02}", "{}:{:02}", "{:02}:{:02}:00"])
    @pytest.mark.parametrize("rows", [2, 700])
    def test_they_are_read_as_times(self, minutes: int, form: str, rows: int) -> None:
        read = read_text(self.text(minutes, form, rows=rows))
        day = 1440 // minutes
        truth = np.arange(rows * day) * np.timedelta64(minutes, "m") + np.datetime64("2024-01-01")
        np.testing.assert_array_equal(read.times.view("datetime64[us]"), truth)
        assert read.values[:, 0].tolist() == [
            float(f"{n // day}.{n % day:02}") for n in range(rows * day)
        ]
        assert codes(read)["wide_table"] == rows

    def test_wide_false_keeps_the_columns(self) -> None:
        read = read_text(self.text(60, rows=5), wide=False)
        assert (len(read.channels), len(read.times)) == (24, 5)

    def test_ends_to_24_are_reported(self) -> None:
        text = self.text(60, first=60)
        assert codes(read_text(text))["interval_ends"] == 40
        read = read_text(text, times="end")
        assert moments(read)[:2] == ["2024-01-01T00:00:00", "2024-01-01T01:00:00"]
        assert "interval_ends" not in codes(read)

    def test_numbers_beside_them_are_asked_about(self) -> None:
        text = self.text(60, rows=30, more=",99.5")
        with pytest.raises(OptionInvalid, match=r"`wide=true` .* leaves 'total' out; `wide=false`"):
            read_text(text)
        assert len(read_text(text, wide=True).times) == 30 * 24
        assert len(read_text(text, wide=False).channels) == 25

    def test_a_few_readings_of_a_day_stay_channels(self) -> None:
        assert len(read_text(self.text(120, rows=30)).channels) == 12


def test_dates_that_can_be_read_in_two_ways_are_refused() -> None:
    text = wide([f"0{n}/01/2020" for n in range(1, 10)], {"A": VALUES[:9]})
    with pytest.raises(AmbiguousTimes, match=r"`timestamp_format="):
        read_text(text)
    read = read_text(text, timestamp_format="monthfirst")
    assert moments(read)[1] == "2020-02-01T00:00:00"


def test_values_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide_tables, "MOST_LINES", 100)
    text = wide([f"{time:%Y-%m-%d}" for time in days()], {f"a{n}": VALUES for n in range(5)})
    with pytest.raises(FileTooLarge, match=r"at most 100 values"):
        read_text(text)


NUMBERED = {"Hour {}": 24, "HE{:02}": 24, "h{}": 24, "SP{}": 48, "Interval {}": 96}


@pytest.mark.parametrize("form", NUMBERED)
def test_columns_that_number_the_periods_of_a_day_are_times(form: str) -> None:
    count = NUMBERED[form]
    names = ",".join(form.format(n) for n in range(1, count + 1))
    rows = [[n * 7919 % 101 + day for n in range(count)] for day in range(4)]
    lines = [
        f"{FIRST + timedelta(days=day):%Y-%m-%d}," + ",".join(map(str, rows[day]))
        for day in range(4)
    ]
    table = read_text("\n".join([f"Delivery day,{names}", *lines, ""]))
    step = timedelta(days=1) / count
    assert moments(table) == [
        f"{FIRST.replace(tzinfo=None) + step * n:%Y-%m-%dT%H:%M:%S}" for n in range(4 * count)
    ]
    assert column(table, "value") == [float(one) for row in rows for one in row]


def test_numbered_columns_beside_full_times_are_channels() -> None:
    names = ",".join(f"H{n}" for n in range(1, 25))
    rows = [
        f"{FIRST + timedelta(hours=n):%Y-%m-%dT%H:%MZ}," + ",".join(["1.5"] * 24) for n in range(30)
    ]
    assert len(read_text("\n".join([f"time,{names}", *rows, ""])).channels) == 24


def test_flags_of_eurostat_are_no_part_of_values() -> None:
    names = "\t".join(f"{2015 + n // 12}-{n % 12 + 1:02} " for n in range(COUNT))
    cells = [f"{90 + n}.5{' p' if n > 20 else ' '}" if n != 9 else ": c" for n in range(COUNT)]
    text = f"freq,geo\\TIME_PERIOD\t{names}\nM,DE\t" + "\t".join(cells) + "\n"
    found = column(read_text(text), "value")
    assert [one for n, one in enumerate(found) if n != 9] == [
        90.5 + n for n in range(COUNT) if n != 9
    ]
    assert found[9] is None or np.isnan(found[9])
