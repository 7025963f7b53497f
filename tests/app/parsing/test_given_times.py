"""Files without times: `start` and `cadence` say when their rows are."""

import io
import json

import pytest

from app.parsing.errors import (
    AmbiguousNumbers,
    MissingColumns,
    OptionInvalid,
    SeveralSeries,
    UnreadableFile,
)
from app.parsing.findings import Findings
from app.parsing.options import ReadOptions
from app.parsing.reading_record import ReadingRecord
from app.parsing.regular import Irregular, read_regular
from tests.app.parsing.files import column, moments, read_bytes, read_text
from tests.app.parsing.workbook_files import xlsx

pytestmark = pytest.mark.unit

DAILY = {"start": "2020-02-27", "cadence": "1D"}
DAYS = ["2020-02-27", "2020-02-28", "2020-02-29", "2020-03-01", "2020-03-02", "2020-03-03"]
AT_MIDNIGHT = [f"{day}T00:00:00" for day in DAYS]
FLOW = [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]


def written(separator: str, header: str = "flow,level") -> str:
    """Six rows of two numbers."""
    rows = [f"{value},{n + 10}" for n, value in enumerate(FLOW)]
    return "\n".join([*([header] if header else []), *rows]).replace(",", separator) + "\n"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_rows_get_times(separator: str) -> None:
    read = read_text(written(separator), **DAILY)
    assert (read.channels, moments(read)) == (("flow", "level"), AT_MIDNIGHT)
    assert column(read, "flow") == FLOW
    assert [issue.code for issue in read.issues] == ["given_times"]


@pytest.mark.parametrize("content", [written(","), "flow\n1\n2\n3\n", "1\n2\n3\n", "[1, 2, 3]"])
def test_without_them_a_refusal_names_both(content: str) -> None:
    with pytest.raises(MissingColumns, match=r"`start=` and `cadence=`"):
        read_text(content)
    assert len(read_text(content, **DAILY).times) >= 3


@pytest.mark.parametrize("content", ["flow\n1\n2\n3\n", "1\n2\n3", "[1, 2, 3]", "[[1], [2], [3]]"])
def test_one_column(content: str) -> None:
    read = read_text(content, **DAILY)
    assert moments(read) == AT_MIDNIGHT[:3]
    assert read.values[:, 0].tolist() == [1, 2, 3]


def test_other_formats() -> None:
    rows = [{"flow": value} for value in FLOW]
    for content in (json.dumps(rows), "\n".join(map(json.dumps, rows))):
        assert moments(read_text(content, **DAILY)) == AT_MIDNIGHT
    book = xlsx({"Data": [["flow"], *([value] for value in FLOW)]})
    assert column(read_bytes(book, **DAILY), "flow") == FLOW


@pytest.mark.parametrize(
    ("start", "cadence", "zone", "expected"),
    [
        ("2024-03-31T01:00", "1h", "Europe/Berlin", ["2024-03-31T00:00", "2024-03-31T01:00"]),
        ("2024-03-31", "1D", "Europe/Berlin", ["2024-03-30T23:00", "2024-03-31T22:00"]),
        ("2024-01-31", "ME", "UTC", ["2024-01-31T00:00", "2024-02-29T00:00"]),
        ("2024-01-01", "QS", "UTC", ["2024-01-01T00:00", "2024-04-01T00:00"]),
        ("2024-01-05", "B", "UTC", ["2024-01-05T00:00", "2024-01-08T00:00"]),
        ("2024-01-05 10:00:07", "7s", "UTC", ["2024-01-05T10:00:07", "2024-01-05T10:00:14"]),
        ("2024-01-05T10:00+05:30", "30min", "UTC", ["2024-01-05T04:30", "2024-01-05T05:00"]),
        ("05.01.2024", "1D", "UTC", None),
    ],
)
def test_starts_and_steps(start: str, cadence: str, zone: str, expected: list[str] | None) -> None:
    options = {"start": start, "cadence": cadence, "timezone": zone}
    if expected is None:
        with pytest.raises(UnreadableFile):
            read_text(written(","), **options)
        return
    read = moments(read_text(written(","), **options))[:2]
    assert [text[: len(right)] for text, right in zip(read, expected, strict=True)] == expected


class TestDecimalCommas:
    ROWS = "0,5\n1,5\n2,25\n"

    def test_one_column_with_a_name(self) -> None:
        read = read_text(f"flow\n{self.ROWS}", **DAILY)
        assert (read.channels, column(read, "flow")) == (("flow",), [0.5, 1.5, 2.25])

    def test_two_columns_with_names(self) -> None:
        read = read_text(f"flow,level\n{self.ROWS}", **DAILY)
        assert (column(read, "flow"), column(read, "level")) == ([0, 1, 2], [5, 5, 25])

    def test_without_names_it_is_asked_for(self) -> None:
        with pytest.raises(AmbiguousNumbers, match=r"`delimiter=;` or `delimiter=,`"):
            read_text(self.ROWS, **DAILY)
        assert read_text(self.ROWS, delimiter=";", **DAILY).values.tolist() == [
            [0.5],
            [1.5],
            [2.25],
        ]
        assert read_text(self.ROWS, delimiter=",", **DAILY).values[0].tolist() == [0, 5]


class TestRowsThatAreNotUsable:
    def test_a_row_of_separators_is_a_missing_row(self) -> None:
        read = read_text("a,b\n1,2\n,\n3,4\n", **DAILY)
        assert moments(read) == AT_MIDNIGHT[:3]
        assert column(read, "a") == [1, None, 3]

    def test_a_quarantined_row_keeps_its_place(self) -> None:
        read = read_text("a,b\n1,2\n3,4\n5\n6,7\n8,9\n", **DAILY)
        assert [one.line for one in read.rejected] == [4]
        assert moments(read) == [AT_MIDNIGHT[n] for n in (0, 1, 3, 4)]

    def test_an_empty_line_of_one_column_is_a_missing_row(self) -> None:
        read = read_text("a\n1\n2\n\n4\n5\n", **DAILY)
        assert moments(read) == [AT_MIDNIGHT[n] for n in (0, 1, 3, 4)]

    def test_lines_with_an_empty_line_after_each_are_rows(self) -> None:
        read = read_text("a\n\n1\n\n2\n\n3\n\n4\n\n", **DAILY)
        assert moments(read) == AT_MIDNIGHT[:4]

    def test_empty_lines_between_rows_of_several_columns(self) -> None:
        assert moments(read_text("a,b\n1,2\n\n3,4\n", **DAILY)) == AT_MIDNIGHT[:2]


class TestSeveralSeries:
    BLOCKS = "shop,sold\n" + "".join(f"{shop},{n}\n" for shop in "xyz" for n in range(5))
    TURNS = "shop,sold\n" + "".join(f"{shop},{n}\n" for n in range(5) for shop in "xyz")

    @pytest.mark.parametrize("text", [BLOCKS, TURNS])
    def test_blocks_and_turns_are_refused(self, text: str) -> None:
        with pytest.raises(SeveralSeries, match=r"`split=shop`.*`columns="):
            read_text(text, **DAILY)
        assert len(read_text(text, columns=("sold",), **DAILY).times) == 15

    def test_a_flag_is_not_a_series(self) -> None:
        rows = "".join(f"{n},{'low' if n % 7 in (1, 2) else 'ok'}\n" for n in range(40))
        assert len(read_text(f"sold,flag\n{rows}", **DAILY).times) == 40


class TestRefusals:
    @pytest.mark.parametrize("given", [{"start": "2024-01-01"}, {"cadence": "1h"}])
    def test_one_without_the_other(self, given: dict[str, str]) -> None:
        with pytest.raises(OptionInvalid, match=r"`start=` and `cadence=` must be given together"):
            read_text(written(","), **given)

    def test_a_file_with_times(self) -> None:
        text = "date,a,b\n2024-01-01,1,2\n2024-01-02,3,4\n"
        with pytest.raises(OptionInvalid, match=r"files without times.*`columns=`.*'date'"):
            read_text(text, **DAILY)
        assert moments(read_text(text, columns=("a",), **DAILY)) == AT_MIDNIGHT[:2]

    def test_a_start_that_is_not_a_point(self) -> None:
        with pytest.raises(OptionInvalid, match=r"point of the cadence MS, such as 2020-02-01\."):
            read_text(written(","), start="2020-02-27", cadence="MS")
        assert read_text(written(","), start="2020-02-01", cadence="MS").rows_read == 6

    @pytest.mark.parametrize(
        ("option", "value"), [("cadence", "often"), ("cadence", "0h"), ("start", "yesterday")]
    )
    def test_what_cannot_be_read(self, option: str, value: str) -> None:
        with pytest.raises(OptionInvalid) as caught:
            read_text(written(","), **{**DAILY, option: value})
        assert caught.value.errors[0].pointer == f"/query/{option}"
        assert value in str(caught.value)


def test_the_reader_of_regular_files_leaves_them_to_the_other() -> None:
    content = io.BytesIO(written(",").encode())
    with pytest.raises(Irregular):
        read_regular(content, ReadOptions(**DAILY), Findings(), ReadingRecord(), lambda _: None)
