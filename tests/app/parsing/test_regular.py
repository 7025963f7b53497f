"""Files read in pieces: to the last detail what the reader of whole files makes of them."""

import io
from dataclasses import replace
from gzip import decompress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.parsing import reader, regular
from app.parsing.errors import FileTooLarge
from app.parsing.findings import Findings
from app.parsing.options import ReadOptions
from app.parsing.pieces import Irregular
from app.parsing.reader import Table, read_table
from app.parsing.reading_record import ReadingRecord
from tests.app.parsing.clocks import moments_from, on_clock, table_of
from tests.app.parsing.dialects.cases import CASES
from tests.app.parsing.files import options_of

pytestmark = pytest.mark.unit

# The others' rows need more than numbers and times as they stand.
LEAST_REGULAR_CASES = 100


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is very large, and has many pieces."""
    monkeypatch.setattr(reader, "REGULAR_BYTES", -1)
    monkeypatch.setattr(regular, "PIECE_BYTES", 777)


def read_both_ways(
    content: bytes, options: ReadOptions, monkeypatch: pytest.MonkeyPatch
) -> tuple[Table, Table, ReadingRecord, ReadingRecord] | None:
    """A file read in pieces and as a whole, if it can be read in pieces."""
    pieces, whole, nothing = ReadingRecord(), ReadingRecord(), Findings()
    file = io.BytesIO(content)
    try:
        one = reader._read_in_pieces(file, options, pieces, nothing, lambda _: None)
    except Irregular:
        return None
    with monkeypatch.context() as patch:
        patch.setattr(reader, "REGULAR_BYTES", len(content))
        other = read_table(file, options, limit_bytes=2**30, record=whole)
    del whole.dialect["compression"]
    return one, replace(other, dialect=one.dialect | whole.dialect), pieces, whole


def require_equal(one: Table, other: Table) -> None:
    """Fail unless two tables say the same of the same rows."""
    np.testing.assert_array_equal(one.times, other.times)
    np.testing.assert_array_equal(one.values, other.values)
    rest = {"times": np.empty(0), "values": np.empty(0)}
    for name in Table.__slots__:
        if name not in rest:
            assert getattr(one, name) == getattr(other, name), name


class TestBothWays:
    def test_every_dialect_is_read_in_one_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read = 0
        for case in CASES:
            both = read_both_ways(case.content, options_of(case.query), monkeypatch)
            if both is not None:
                one, other, pieces, whole = both
                require_equal(one, other)
                assert pieces == whole, case.name
                read += 1
        assert read >= LEAST_REGULAR_CASES

    def test_a_long_real_file_out_of_order_is_read_in_one_way(
        self, shared_data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(regular, "PIECE_BYTES", 1_000_000)
        content = decompress((shared_data / "jena_climate_2009-01_2011-01.csv.gz").read_bytes())
        both = read_both_ways(content, ReadOptions(kind="climate"), monkeypatch)
        assert both is not None
        require_equal(*both[:2])
        assert (both[0].rows_read, both[0].rows_duplicate) == (106_727, 144)

    @pytest.mark.parametrize(
        ("header", "form", "options"),
        [
            ("Time (MST),v", "%Y-%m-%d %H:%M", {}),
            ("time_utc,v", "%Y-%m-%d %H:%M", {"timezone": "Europe/Berlin"}),
            ("hour ending,v", "%Y-%m-%d %H:%M", {}),
            ("time,v", "%Y-%m-%d %H:%M", {"timezone": "America/Denver", "times": "end"}),
            ("time,v", "%Y-%m-%d %H:%M", {}),
            ("time,v", "%Y-%m-%d %H:%M:%S%z", {}),
        ],
    )
    def test_clocks_are_understood_in_one_way(
        self,
        header: str,
        form: str,
        options: dict[str, Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        moments = on_clock(moments_from("2023-10-20", 24 * 30), "America/Denver")
        content = table_of(header, ((f"{there:{form}}",) for there in moments)).encode()
        both = read_both_ways(content, ReadOptions(**options), monkeypatch)
        assert both is not None
        require_equal(*both[:2])
        assert both[0].issues

    def test_a_column_of_clocks_is_left_to_the_other_reader(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moments = on_clock(moments_from("2023-10-20", 24 * 30), "America/Denver")
        rows = ((f"{there:%Y-%m-%d %H:%M}", there.tzname()) for there in moments)
        content = table_of("time,tz,v", rows).encode()
        assert read_both_ways(content, ReadOptions(), monkeypatch) is None

    def test_rows_kept_aside_keep_their_lines_and_texts(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = [
            f"2024-{1 + n // 28:02}-{1 + n % 28:02},2,{3 - n % 7 // 6 * 2},1,2" for n in range(99)
        ]
        content = "\n".join(["date,open,high,low,close", *rows, "", ""]).encode()
        both = read_both_ways(content, ReadOptions(), monkeypatch)
        assert both is not None
        require_equal(*both[:2])
        assert both[0].rejected[1].line == 15
        assert both[0].rejected[1].text == "2024-01-14,2,1,1,2"

    def test_a_proof_that_comes_last_is_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = [f"0{1 + n % 9}/02/2024 {n // 9:02}:00,{n}" for n in range(200)]
        unclear = "\n".join(["date,a", *rows]).encode()
        assert read_both_ways(unclear, ReadOptions(), monkeypatch) is None
        both = read_both_ways(unclear + b"\n13/02/2024 00:00,1", ReadOptions(), monkeypatch)
        assert both is not None
        assert both[0].dialect["timestamp_format"] == ["%d/%m/%Y %H:%M"]


class TestTooLarge:
    def test_a_very_large_file_that_is_not_regular_is_refused_with_the_reason(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reader, "WHOLE_BYTES", 100)
        content = "time,a\n" + "".join(f"2024-01-{1 + n:02},{n}\n" for n in range(20))
        assert read_table(io.BytesIO(content.encode()), ReadOptions(), limit_bytes=2**30).rows_read
        broken = content + "2024-02-01,x\n"
        with pytest.raises(FileTooLarge, match="'a' has fields that are not plain numbers"):
            read_table(io.BytesIO(broken.encode()), ReadOptions(), limit_bytes=2**30)
