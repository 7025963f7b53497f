"""Workbooks: the sheet that is read, its header and dates, and workbooks that claim too much."""

import builtins
import gzip
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.parsing.errors import (
    DamagedFile,
    FileTooLarge,
    NotATable,
    OptionInvalid,
    SeveralTables,
)
from tests.app.parsing.files import codes, column, moments, read_bytes
from tests.app.parsing.workbook_files import Rows, ods, xlsx, xlsx_of_parts, zipped

pytestmark = pytest.mark.unit

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MARCH = datetime.fromisoformat("2023-03-01")
WRITERS = pytest.mark.parametrize("write", [xlsx, ods])


def table(
    first: datetime, step: timedelta, rows: int, header: tuple[str, ...] = ("Time", "Gas")
) -> tuple[Rows, list[str], list[float]]:
    """A header and rows of a time and numbers; the times as text, and the first numbers."""
    times = [first + step * n for n in range(rows)]
    values = [round(20 + n * 7919 % 101 / 50, 2) for n in range(rows)]
    body: Rows = [
        [time, *(value + 10 * n for n in range(len(header) - 1))]
        for time, value in zip(times, values, strict=True)
    ]
    return [list(header), *body], [time.isoformat() for time in times], values


@WRITERS
@pytest.mark.parametrize(
    ("first", "step"),
    [
        (MARCH, HOUR),
        (datetime.fromisoformat("1999-12-31T23:50:00"), timedelta(minutes=10)),
        (datetime.fromisoformat("2024-02-27"), DAY),
        (datetime.fromisoformat("2020-05-01T00:00:07"), timedelta(seconds=7)),
    ],
)
def test_dates_are_real_dates(write: Any, first: datetime, step: timedelta) -> None:
    rows, times, values = table(first, step, 200)
    read = read_bytes(write({"Data": rows}))
    assert moments(read) == times
    assert column(read, "Gas") == values
    assert not read.issues


def test_the_format_and_the_sheet_are_reported() -> None:
    rows, _, _ = table(MARCH, HOUR, 30)
    assert read_bytes(xlsx({"März": rows})).dialect["format"] == "xlsx"
    assert read_bytes(gzip.compress(ods({"März": rows}))).dialect["sheet"] == "März"


@WRITERS
def test_the_only_sheet_with_a_table_is_read(write: Any) -> None:
    rows, times, _ = table(MARCH, HOUR, 40)
    read = read_bytes(write({"Read me": [["About these data"], ["See page 2"]], "Data": rows}))
    assert moments(read) == times
    assert codes(read) == {"other_tables": 1}
    assert "Read me" in read.issues[0].message


def test_a_sheet_without_times_is_not_preferred() -> None:
    rows, times, _ = table(MARCH, HOUR, 40)
    stations: Rows = [["Station", "Height"], *([f"s{n}", 100 + n] for n in range(60))]
    assert moments(read_bytes(xlsx({"Stations": stations, "Data": rows}))) == times


@WRITERS
def test_of_several_tables_one_is_asked_for(write: Any) -> None:
    price, _, prices = table(MARCH, DAY, 40, ("Date", "Gas"))
    volume, _, volumes = table(datetime.fromisoformat("2020-03-01"), DAY, 50, ("Date", "Traded"))
    book = write({"Price list": price, "Volume": volume})
    with pytest.raises(SeveralTables, match=r"`sheet=Price list`, `sheet=Volume`"):
        read_bytes(book)
    assert column(read_bytes(book, sheet="Price list"), "Gas") == prices
    for sheet in ("Volume", "volume", "2"):
        assert column(read_bytes(book, sheet=sheet), "Traded") == volumes
    with pytest.raises(OptionInvalid, match=r"'Price list', 'Volume'"):
        read_bytes(book, sheet="Amount")


@WRITERS
def test_titles_notes_and_blank_rows_above_the_header(write: Any) -> None:
    rows, times, values = table(MARCH, HOUR, 40, ("Time", "Gas", "Oil"))
    title: Rows = [["Prices of energy"], ["Source: a made one"], ["Unit", "EUR"], []]
    read = read_bytes(write({"Data": [*title, *rows]}))
    assert moments(read) == times
    assert read.channels == ("Gas", "Oil")
    assert column(read, "Gas") == values


def test_a_table_that_begins_in_another_corner() -> None:
    rows, times, _ = table(MARCH, HOUR, 40)
    moved: Rows = [[], [], *([None, None, *row] for row in rows)]
    moved[20][2] = "odd text"
    read = read_bytes(xlsx({"Data": moved}))
    assert moments(read)[0] == times[0]
    assert [one.line for one in read.rejected] == [21]


def test_a_header_of_merged_cells() -> None:
    rows, times, values = table(MARCH, HOUR, 40, ("", "min", "max", "min", "sum"))
    above: Rows = [["Time", "Temperature", None, "Rain", None]]
    read = read_bytes(xlsx({"Data": [*above, *rows]}, merged=("B1:C1", "D1:E1", "A1:A2")))
    assert read.channels == ("Temperature min", "Temperature max", "Rain min", "Rain sum")
    assert column(read, "Temperature min") == values
    assert moments(read) == times


def test_merged_cells_above_numbers_are_names() -> None:
    rows: Rows = [["", 2020, None, 2021, None], ["Time", "a", "b", "a", "b"]]
    rows += [[MARCH + n * DAY, n, n + 1, n + 2, n + 3] for n in range(9)]
    read = read_bytes(xlsx({"Data": rows}, merged=("B1:C1", "D1:E1")))
    assert read.channels == ("2020 a", "2020 b", "2021 a", "2021 b")
    assert column(read, "2021 b") == [n + 3 for n in range(9)]


def test_merged_cells_among_the_rows() -> None:
    rows, times, values = table(MARCH, HOUR, 9, ("Time", "Gas", "Oil"))
    read = read_bytes(xlsx({"Data": rows}, merged=("B5:C5", "B6:C6")))
    assert (moments(read), column(read, "Gas")) == (times, values)


def test_a_date_that_is_merged_over_its_hours() -> None:
    rows: Rows = [["Date", "Time", "Gas"]]
    for day in range(3):
        for hour in range(4):
            date = (MARCH + day * DAY).date().isoformat() if not hour else None
            rows.append([date, f"{hour:02}:00", day + hour / 8])
    book = xlsx({"Data": rows}, merged=("A2:A5", "A6:A9", "A10:A13"))
    expected = [MARCH + day * DAY + hour * HOUR for day in range(3) for hour in range(4)]
    assert moments(read_bytes(book)) == [time.isoformat() for time in expected]


def test_a_title_that_is_merged_over_the_table_is_not_a_name() -> None:
    rows, times, _ = table(MARCH, HOUR, 40, ("Time", "Gas", "Oil"))
    read = read_bytes(xlsx({"Data": [["All prices"], *rows]}, merged=("A1:C1",)))
    assert read.channels == ("Gas", "Oil")
    assert moments(read) == times


def test_empty_cells_are_missing_values() -> None:
    rows, times, _ = table(MARCH, HOUR, 40, ("Time", "Gas", "Oil"))
    rows[5][2] = rows[9][1] = None
    read = read_bytes(xlsx({"Data": rows}))
    assert len(read.times) == len(times)
    assert (column(read, "Oil")[4], column(read, "Gas")[8]) == (None, None)


class TestRefusals:
    def test_without_the_reader_the_remedy_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        original = builtins.__import__

        def without(name: str, *args: Any) -> Any:
            if name == "python_calamine":
                raise ImportError(name)
            return original(name, *args)

        monkeypatch.setattr(builtins, "__import__", without)
        rows, _, _ = table(MARCH, HOUR, 10)
        with pytest.raises(NotATable, match=r"workbook \(xlsx\).*CSV.*`excel`"):
            read_bytes(xlsx({"Data": rows}))

    @pytest.mark.parametrize(
        ("parts", "named"),
        [
            ({"[Content_Types].xml": "<Types/>", "word/document.xml": "<a/>"}, "Office document"),
            ({"[Content_Types].xml": "<Types/>", "xl/workbook.bin": ""}, "xlsb"),
            ({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": ""}, "Open"),
        ],
    )
    def test_other_documents_are_named(self, parts: dict[str, str], named: str) -> None:
        with pytest.raises(NotATable, match=named):
            read_bytes(zipped(parts))

    def test_a_damaged_workbook(self) -> None:
        content = xlsx_of_parts(["Data"], ["<sheetData><row r='1'><c r='A1'"])
        with pytest.raises((DamagedFile, NotATable)):
            read_bytes(content)
        with pytest.raises(DamagedFile):
            read_bytes(ods({"Data": [["Time"]]}, after="<broken>"))

    def test_a_sheet_without_a_table(self) -> None:
        with pytest.raises(NotATable, match=r"no sheet with a table. Sheets: Empty"):
            read_bytes(xlsx({"Empty": [["just a word"]]}))


class TestLimits:
    @pytest.mark.parametrize("mark", ["'", '"'])
    def test_cells_at_the_far_corner(self, mark: str) -> None:
        far = f"<row r={mark}1048576{mark}><c r={mark}XFD1048576{mark}><v>1</v></c></row>"
        body = f'<sheetData><row r="1"><c r="A1"><v>1</v></c></row>{far}</sheetData>'
        with pytest.raises(FileTooLarge, match=r"every cell between"):
            read_bytes(xlsx_of_parts(["Data"], [body]))

    def test_much_xml_in_a_small_file(self) -> None:
        body = f"<sheetData/><extLst>{' ' * 20_000_000}</extLst>"
        content = xlsx_of_parts(["Data"], [body])
        assert len(content) < 100_000
        with pytest.raises(FileTooLarge, match=r"once unpacked"):
            read_bytes(content)

    def test_repeated_cells_of_ods(self) -> None:
        rows, times, _ = table(MARCH, HOUR, 10)
        empty = (
            '<table:table-row table:number-rows-repeated="1048000">'
            '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
        )
        assert moments(read_bytes(ods({"Data": rows}, after=empty))) == times
        filled = empty.replace("/></table:table-row>", ">x</table:table-cell></table:table-row>")
        filled = filled.replace(">x<", "><text:p>1</text:p><")
        with pytest.raises(FileTooLarge, match=r"every cell between"):
            read_bytes(ods({"Data": rows}, after=filled))
