"""Counters of rows and parts of the time are left out with a finding; `columns=` returns them."""

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.parsing import reader, regular
from app.parsing.findings import Issue
from app.parsing.reader import Table
from tests.app.parsing.files import codes, column, read_text

pytestmark = pytest.mark.unit

FIRST = datetime(2023, 1, 20, tzinfo=UTC)
ROWS = 60
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHUFFLED = random.Random(5).sample(range(ROWS), ROWS)  # noqa: S311
Cells = Callable[[int], object]


def value(row: int) -> float:
    """A number with one decimal that does not rise steadily."""
    return (row * row * 7 % 331) / 10


def moment(row: int, step: timedelta = HOUR) -> datetime:
    """The time of a row."""
    return FIRST + row * step


def file_of(
    name: str,
    cells: Cells,
    *,
    before: bool = False,
    mark: str = ",",
    step: timedelta = HOUR,
    rows: int = ROWS,
    form: str = "%Y-%m-%d %H:%M",
) -> str:
    """A file with times, a column under test before or behind them, and values."""
    header = [name, "time"] if before else ["time", name]
    lines = []
    for row in range(rows):
        time = f"{moment(row, step):{form}}"
        fields = [f"{cells(row)}", time] if before else [time, f"{cells(row)}"]
        lines.append(mark.join([*fields, f"{value(row)}"]))
    return "\n".join([mark.join([*header, "x"]), *lines, ""])


def finding(table: Table, code: str) -> Issue:
    """The issue with a code."""
    return next(issue for issue in table.issues if issue.code == code)


def remedy(issue: Issue) -> tuple[str, ...]:
    """The columns that a finding's remedy names."""
    found = re.search(r"`columns=([^`]+)`", issue.message)
    assert found is not None, issue.message
    return tuple(found[1].split(","))


def require_left_out(text: str, name: str, code: str, expected: Cells, **options: Any) -> None:
    """Fail unless a column is left out with a finding that names it and whose remedy works."""
    table = read_text(text, **options)
    assert table.channels == ("x",)
    assert column(table, "x") == [value(row) for row in range(len(table.times))]
    issue = finding(table, code)
    assert name in issue.message
    wanted = read_text(text, columns=remedy(issue), **options)
    rows = range(len(wanted.times))
    assert column(wanted, name) == [float(str(expected(row))) for row in rows]
    assert code not in codes(wanted)


class TestCounters:
    @pytest.mark.parametrize("mark", [",", ";", "\t"])
    @pytest.mark.parametrize("first", [0, 1, 7000])
    @pytest.mark.parametrize("name", ["", "Unnamed: 0"])
    def test_the_index_of_a_data_frame(self, name: str, first: int, mark: str) -> None:
        text = file_of(name, lambda row: first + row, before=True, mark=mark)
        require_left_out(text, name or "column_1", "row_counters", lambda row: first + row)

    @pytest.mark.parametrize(
        "cells",
        [lambda row: 3 * row + row % 3, lambda row: SHUFFLED[row], lambda row: row % 20],
        ids=["rows were left out", "rows were sorted", "files were joined"],
    )
    def test_an_index_with_holes(self, cells: Cells) -> None:
        text = file_of("", cells, before=True)
        require_left_out(text, "column_1", "row_counters", cells)

    @pytest.mark.parametrize(
        "name", ["RECORD", "Record No.", "RecNbr", "row_id", "lfd. Nr.", "seq", "RowNumber", "id"]
    )
    @pytest.mark.parametrize("step", [timedelta(minutes=10), DAY])
    def test_record_numbers(self, name: str, step: timedelta) -> None:
        text = file_of(name, lambda row: 7000 + row, step=step)
        require_left_out(text, name, "row_counters", lambda row: 7000 + row)

    def test_a_counter_that_starts_again_after_a_power_failure(self) -> None:
        require_left_out(
            file_of("RECORD", lambda row: row % 25), "RECORD", "row_counters", lambda row: row % 25
        )

    def test_a_counter_of_any_name_before_the_time(self) -> None:
        text = file_of("foo", lambda row: row + 3, before=True)
        require_left_out(text, "foo", "row_counters", lambda row: row + 3)

    def test_newest_first(self) -> None:
        header, *lines = file_of("seq", lambda row: row + 3).splitlines()
        table = read_text("\n".join([header, *reversed(lines)]))
        assert table.channels == ("x",)

    def test_without_a_header(self) -> None:
        text = file_of("", lambda row: row, before=True).split("\n", 1)[1]
        table = read_text(text)
        assert table.channels == ("column_3",)
        wanted = read_text(text, columns=remedy(finding(table, "row_counters")))
        assert wanted.channels == ("column_1", "column_3")

    @pytest.mark.parametrize("name", ["total", "odometer_km", "Zählerstand"])
    def test_a_measurement_that_rises_by_one_is_kept_and_named(self, name: str) -> None:
        table = read_text(file_of(name, lambda row: 17_250 + row))
        assert column(table, name) == [17_250.0 + row for row in range(ROWS)]
        issue = finding(table, "possible_counters")
        assert name in issue.message
        assert remedy(issue) == ("x",)

    def test_names_alone_prove_nothing(self) -> None:
        table = read_text(file_of("record", lambda row: value(row + 9)))
        assert table.channels == ("record", "x")
        assert "row_counters" not in codes(table)

    def test_the_only_column_stays(self) -> None:
        rows = "".join(f"{moment(n):%Y-%m-%d %H:%M},{n}\n" for n in range(ROWS))
        table = read_text(f"time,record\n{rows}")
        assert table.channels == ("record",)
        assert "record" in finding(table, "possible_counters").message

    def test_a_channel_of_the_series_stays(self) -> None:
        table = read_text(file_of("RECORD", lambda row: row), known={"RECORD": {}, "x": {}})
        assert table.channels == ("RECORD", "x")

    @pytest.mark.parametrize("rows", [1, 2, 3])
    def test_a_few_more_rows_of_a_series_without_it(self, rows: int) -> None:
        text = file_of("RECORD", lambda row: 7_060 + row, rows=rows)
        assert read_text(text, known={"x": {}}).channels == ("x",)

    def test_volumes_of_bars_stay(self) -> None:
        rows = "".join(f"{n},{moment(n, DAY):%Y-%m-%d},5,6,4,5,{n}\n" for n in range(ROWS))
        table = read_text(f",Date,Open,High,Low,Close,Volume\n{rows}")
        assert table.channels == ("open", "high", "low", "close", "volume")


class TestPartsOfTheTime:
    @pytest.mark.parametrize(
        ("name", "part"),
        [
            ("Year", lambda t: t.year),
            ("Jahr", lambda t: t.year),
            ("YY", lambda t: t.year % 100),
            ("Month", lambda t: t.month),
            ("obs_month", lambda t: t.month),
            ("Day", lambda t: t.day),
            ("doy", lambda t: t.timetuple().tm_yday),
            ("hour", lambda t: t.hour),
            ("HH", lambda t: t.hour),
            ("Quarter", lambda t: (t.month + 2) // 3),
            ("week", lambda t: t.isocalendar()[1]),
            ("day_of_week", lambda t: t.weekday()),
            ("Wochentag", lambda t: t.isoweekday()),
        ],
    )
    @pytest.mark.parametrize("mark", [",", ";"])
    def test_beside_a_full_time(
        self, name: str, part: Callable[[datetime], int], mark: str
    ) -> None:
        step = timedelta(hours=19)
        text = file_of(name, lambda row: part(moment(row, step)), mark=mark, step=step, rows=200)
        require_left_out(text, name, "time_parts", lambda row: part(moment(row, step)))

    @pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M-05:00", "%Y-%m-%dT%H:%M+05:30"])
    def test_of_a_clock_with_an_offset(self, form: str) -> None:
        text = file_of("hour", lambda row: moment(row).hour, form=form)
        require_left_out(text, "hour", "time_parts", lambda row: moment(row).hour)

    def test_of_a_local_clock(self) -> None:
        text = file_of("hour", lambda row: moment(row).hour)
        zone = "America/New_York"
        require_left_out(text, "hour", "time_parts", lambda row: moment(row).hour, timezone=zone)

    def test_values_under_the_name_of_a_part_are_kept(self) -> None:
        table = read_text(file_of("day", lambda row: row * row % 29))
        assert table.channels == ("day", "x")
        assert "time_parts" not in codes(table)

    def test_equal_numbers_under_another_name_are_kept_and_named(self) -> None:
        table = read_text(file_of("tunti", lambda row: moment(row).hour))
        assert column(table, "tunti") == [float(moment(row).hour) for row in range(ROWS)]
        assert "tunti (hour)" in finding(table, "possible_time_parts").message


class TestLargeFiles:
    @pytest.mark.parametrize("name", ["RECORD", "total", "Month"])
    def test_files_in_pieces_are_read_alike(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cells = {"Month": lambda row: moment(row).month}.get(name, lambda row: 90 + row)
        text = file_of(name, cells, rows=300)
        whole = read_text(text)
        monkeypatch.setattr(reader, "REGULAR_BYTES", -1)
        monkeypatch.setattr(reader, "WHOLE_BYTES", 100)
        monkeypatch.setattr(regular, "PIECE_BYTES", 777)
        pieces = read_text(text)
        assert (pieces.channels, pieces.issues) == (whole.channels, whole.issues)
        assert pieces.values.tolist() == whole.values.tolist()
        assert pieces.dialect["fields"] == whole.dialect["fields"]

    def test_a_large_file_with_odd_fields_is_read_as_a_whole(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = file_of("rain", lambda row: "T" if row % 7 == 1 else value(row + 5), rows=300)
        whole = read_text(text)
        monkeypatch.setattr(reader, "REGULAR_BYTES", -1)
        monkeypatch.setattr(regular, "PIECE_BYTES", 777)
        pieces = read_text(text)
        assert codes(pieces) == codes(whole)
        assert column(pieces, "rain") == column(whole, "rain")

    def test_a_large_file_whose_channel_begins_with_texts_is_read_as_a_whole(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reader, "REGULAR_BYTES", -1)
        monkeypatch.setattr(regular, "FIRST_BYTES", 20_000)
        mixed = file_of(
            "rain", lambda row: "dry" if row < 700 and row % 9 else value(row + 5), rows=4_000
        )
        table = read_text(mixed)
        assert table.channels == ("rain", "x")
        known = file_of("rain", lambda row: "dry" if row < 700 else value(row), rows=4_000)
        assert read_text(known, known={"rain": {}, "x": {}}).channels == ("rain", "x")
