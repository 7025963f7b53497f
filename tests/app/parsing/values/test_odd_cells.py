"""Odd fields in columns of numbers: the cell is missing, the row stays, a finding counts texts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.parsing.findings import Issue
from app.parsing.reader import Table
from tests.app.parsing.files import codes, column, read_text, rejections

pytestmark = pytest.mark.unit

FIRST = datetime(2023, 1, 20, tzinfo=UTC)
ROWS = 120
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def value(row: int) -> float:
    """A number with one decimal that neither repeats at once nor rises steadily."""
    return (row * row * 7 % 331) / 10


def file_of(
    cells: list[str],
    *,
    names: str = "time,temp,rain",
    mark: str = ",",
    step: timedelta = HOUR,
    decimal: str = ".",
) -> str:
    """A file whose second channel holds the given fields."""
    lines = [
        mark.join(
            [f"{FIRST + row * step:%Y-%m-%d %H:%M}", f"{value(row)}".replace(".", decimal), cell]
        )
        for row, cell in enumerate(cells)
    ]
    return "\n".join([names.replace(",", mark), *lines, ""])


def with_odd(text: str, *, every: int = 7, decimal: str = ".", rows: int = ROWS) -> list[str]:
    """Fields of which each seventh is odd."""
    return [
        text if row % every == 3 else f"{value(row + 50)}".replace(".", decimal)
        for row in range(rows)
    ]


def truth(cells: list[str], odd: str = "", decimal: str = ".") -> list[float | None]:
    """The fields as numbers; odd ones are missing."""
    return [None if cell in (odd, "") else float(cell.replace(decimal, ".")) for cell in cells]


def finding(table: Table, code: str) -> Issue:
    """The issue with a code."""
    return next(issue for issue in table.issues if issue.code == code)


class TestCells:
    @pytest.mark.parametrize(
        "text", ["T", "<1", "> 2420", "\u22640.5", "48s", "Low", "BDL", "Tr.", "#VALUE", "12 or 13"]
    )
    @pytest.mark.parametrize(("mark", "decimal"), [(",", "."), (";", ","), ("\t", ".")])
    def test_an_odd_field_is_missing_and_its_row_is_stored(
        self, text: str, mark: str, decimal: str
    ) -> None:
        cells = with_odd(text, decimal=decimal)
        table = read_text(file_of(cells, mark=mark, decimal=decimal))
        assert (len(table.times), table.rejected) == (ROWS, [])
        assert column(table, "temp") == [value(row) for row in range(ROWS)]
        assert column(table, "rain") == truth(cells, text, decimal)
        issue = finding(table, "odd_cells")
        assert issue.count == cells.count(text)
        assert f"rain ({text!r} {issue.count})" in issue.message
        assert issue.examples[0].text.endswith(text)

    def test_texts_are_counted_each_and_the_suggestion_lists_them(self) -> None:
        cells = [
            "T" if n % 9 == 1 else "<1" if n == 50 else "x7" if n == 60 else "5" for n in range(90)
        ]
        issue = finding(read_text(file_of(cells)), "odd_cells")
        assert issue.count == 12
        assert "rain ('T' 10, '<1' 1, 'x7' 1)" in issue.message
        # A text that occurs once may be damage.
        assert issue.suggestion == {"channels": [{"name": "rain", "missing": ["<1", "T"]}]}

    def test_the_suggestion_keeps_the_marks_of_the_channel(self) -> None:
        missing: dict[str, Any] = {"rain": [-9999.0, "M2"]}
        issue = finding(read_text(file_of(with_odd("T")), missing=missing), "odd_cells")
        assert issue.suggestion == {"channels": [{"name": "rain", "missing": [-9999.0, "M2", "T"]}]}

    def test_an_infinite_number_is_missing_too(self) -> None:
        table = read_text(file_of(["inf" if n == 5 else f"{value(n)}" for n in range(40)]))
        assert column(table, "rain")[5] is None
        assert codes(table)["odd_cells"] == 1
        assert table.rejected == []

    def test_prices_of_bars_are_named_as_the_channel_is(self) -> None:
        rows = "".join(
            f"{FIRST + n * DAY:%Y-%m-%d},{n + 5},{n + 6},{n + 4},{close}\n"
            for n, close in enumerate("halt" if n % 9 == 2 else n + 5 for n in range(40))
        )
        table = read_text(f"Date,Open,High,Low,Close\n{rows}")
        suggestion = finding(table, "odd_cells").suggestion
        assert suggestion == {"channels": [{"name": "close", "missing": ["halt"]}]}
        assert (table.kind, len(table.times)) == ("ohlc", 40)
        known = read_text(f"Date,Open,High,Low,Close\n{rows}", missing={"close": ["halt"]})
        assert "odd_cells" not in codes(known)


class TestRows:
    def test_a_row_without_a_number_whose_text_is_damage_is_quarantined(self) -> None:
        text = file_of(["5", "", "abc", "7", *with_odd("", rows=36)])
        lines = text.splitlines()
        lines[3] = lines[3].replace(f",{value(2)},", ",,")
        table = read_text("\n".join(lines))
        assert rejections(table) == [(4, "unreadable_number")]
        assert len(table.times) == 39

    @pytest.mark.parametrize("text", ["Low", "<0.1"])
    def test_a_mark_alone_in_its_row_is_a_missing_value(self, text: str) -> None:
        cells = with_odd(text)
        lines = [line.split(",") for line in file_of(cells).splitlines()]
        table = read_text("\n".join(f"{line[0]},{line[2]}" for line in lines))
        assert (len(table.times), table.rejected) == (ROWS, [])
        assert column(table, "rain") == truth(cells, text)

    def test_a_row_without_a_time_is_quarantined(self) -> None:
        table = read_text(file_of(with_odd("T")) + "Total,12,T\n")
        assert rejections(table) == [(ROWS + 2, "unreadable_time")]
        assert "'T' 17" in finding(table, "odd_cells").message


class TestColumns:
    def test_a_column_of_mostly_odd_fields_is_left_out(self) -> None:
        table = read_text(file_of(["T" if n % 5 else "1.5" for n in range(ROWS)]))
        assert table.channels == ("temp",)
        assert codes(table)["text_columns"] == 1

    def test_it_is_a_channel_if_its_texts_mean_missing(self) -> None:
        cells = ["T" if n % 5 else f"{value(n)}" for n in range(ROWS)]
        table = read_text(file_of(cells), missing={"rain": ["T"]})
        assert column(table, "rain") == truth(cells, "T")
        assert "odd_cells" not in codes(table)

    def test_a_known_channel_of_nothing_but_marks_has_no_values(self) -> None:
        table = read_text(file_of(["T"] * ROWS), missing={"rain": ["T"]})
        assert column(table, "rain") == [None] * ROWS

    def test_numbers_that_begin_later_than_the_sample_are_found(self) -> None:
        cells = ["dry" if n < 150 else f"{value(n)}" for n in range(400)]
        table = read_text(file_of(cells))
        assert column(table, "rain") == truth(cells, "dry")
        assert codes(table)["odd_cells"] == 150

    def test_listed_numbers_and_texts_are_missing_together(self) -> None:
        cells = ["T" if n % 9 == 4 else "-9999" if n % 9 == 7 else "3.5" for n in range(ROWS)]
        table = read_text(file_of(cells), missing={"rain": ["T", -9999.0]})
        assert column(table, "rain") == [3.5 if cell == "3.5" else None for cell in cells]
        assert "odd_cells" not in codes(table)


class TestDigitGroups:
    @pytest.mark.parametrize(
        ("written", "number"),
        [
            ("1,23,456.78", 123_456.78),
            ("-12,34,567.5", -1_234_567.5),
            ("12,34,56,789", 123_456_789.0),
            ("\u20b91,23,456.78", 123_456.78),
            ("1,234,567", 1_234_567.0),
        ],
    )
    @pytest.mark.parametrize("mark", [",", ";"])
    def test_lakhs_are_numbers_and_prove_the_point(
        self, written: str, number: float, mark: str
    ) -> None:
        cells = [f'"{written}"' if n % 3 else '"9,100"' for n in range(30)]
        sign = "\u20b9" if written.startswith("\u20b9") else ""
        cells = [cell.replace('"9', f'"{sign}9') for cell in cells]
        table = read_text(file_of(cells, mark=mark))
        assert column(table, "rain") == [number if n % 3 else 9100.0 for n in range(30)]
        assert table.rejected == []

    def test_points_that_occur_twice_separate_thousands(self) -> None:
        cells = ["1.234.567" if n % 3 else "9.100" for n in range(30)]
        lines = [line.split(";") for line in file_of(cells, mark=";").splitlines()]
        table = read_text("\n".join(f"{line[0]};{line[2]}" for line in lines))
        assert column(table, "rain")[:2] == [9100.0, 1_234_567.0]
