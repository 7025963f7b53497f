"""Files that are made to exhaust memory or time are refused while they are read."""

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.parsing.errors import FileTooLarge, NotATable, ParsingError
from app.parsing.options import ReadOptions
from app.parsing.reader import read_table
from app.parsing.sources import packed_sizes
from app.parsing.sources.grids import MOST_CELL_BYTES
from app.parsing.sources.text_lines import MOST_LINE_BYTES, split_lines

pytestmark = pytest.mark.unit

GIBIBYTE = 2**30
KIBIBYTE = 1024
ROWS = b"2024-01-01T00:00:00Z,1\n" * 400
ZEROS = bytes(100 * KIBIBYTE)


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, 9)


def zipped(content: bytes, method: int = zipfile.ZIP_DEFLATED, name: str = "a.csv") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.writestr(name, content)
    return target.getvalue()


def workbook(sheet: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    return target.getvalue()


def document(content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
    return target.getvalue()


def read(content: bytes, limit_bytes: int = GIBIBYTE) -> None:
    read_table(io.BytesIO(content), ReadOptions(), limit_bytes=limit_bytes)


def refusal(content: bytes, limit_bytes: int = GIBIBYTE) -> str:
    with pytest.raises(ParsingError) as caught:
        read(content, limit_bytes)
    assert isinstance(caught.value, FileTooLarge), caught.value
    return caught.value.detail


class TestRatio:
    @pytest.mark.parametrize("pack", [gzipped, zipped, workbook, document])
    @pytest.mark.parametrize("content", [ZEROS, b" " * len(ZEROS), b'"' * len(ZEROS)])
    def test_what_unpacks_to_many_times_its_size_is_refused(
        self,
        monkeypatch: pytest.MonkeyPatch,
        pack: Callable[[bytes], bytes],
        content: bytes,
    ) -> None:
        monkeypatch.setattr(packed_sizes, "FREE_BYTES", 10 * KIBIBYTE)
        monkeypatch.setattr(packed_sizes, "MOST_RATIO", 20)
        assert "times its own size once unpacked" in refusal(pack(content))

    def test_a_small_file_may_shrink_as_far_as_it_does(self) -> None:
        with pytest.raises(NotATable):
            read(gzipped(ZEROS))

    def test_no_more_than_the_limit_is_unpacked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(packed_sizes, "FREE_BYTES", 10 * KIBIBYTE)
        unpacked: list[int] = []
        inflate = gzip.GzipFile.read

        def counted(self: gzip.GzipFile, size: int | None = -1) -> bytes:
            piece = inflate(self, size)
            unpacked.append(len(piece))
            return piece

        monkeypatch.setattr(gzip.GzipFile, "read", counted)
        packer = zlib.compressobj(9, wbits=31)
        pieces = [packer.compress(bytes(1024 * KIBIBYTE)) for _ in range(100)]
        packed = b"".join(pieces) + packer.flush()
        refusal(packed)
        most = packed_sizes.MOST_RATIO * len(packed)
        assert most < sum(unpacked) <= most + 2 * 1024 * KIBIBYTE

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_methods_that_unpack_without_a_bound_are_refused_before(self, method: int) -> None:
        with pytest.raises(NotATable, match="usual method, deflate"):
            read(zipped(ROWS, method))

    @pytest.mark.parametrize(
        "magic", [b"BZh9", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf"]
    )
    def test_other_archives_are_named_and_not_unpacked(self, magic: bytes) -> None:
        with pytest.raises(NotATable, match="archive"):
            read(magic + bytes(100))


class TestColumns:
    def parquet(self, rows: int) -> bytes:
        target = io.BytesIO()
        table = pa.table({"time": pa.array([0] * rows), "v": pa.array([0.5] * rows)})
        pq.write_table(table, target, compression="zstd", row_group_size=1000)
        return target.getvalue()

    def test_the_unpacked_rows_of_parquet_are_counted_by_group(self) -> None:
        content = self.parquet(50_000)
        assert len(content) < 100 * KIBIBYTE
        assert "bytes long once unpacked" in refusal(content, 500 * KIBIBYTE)

    def test_a_footer_that_hides_the_size_changes_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[int] = []
        group = pq.ParquetFile.read_row_group

        def counted(self: pq.ParquetFile, number: int, **options: object) -> pa.Table:
            calls.append(number)
            return group(self, number, **options)

        monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
        # The footer says 16 bytes for each row, dictionaries take less: 20 groups are below it.
        content = self.parquet(20_000)
        refusal(content, 319 * KIBIBYTE // 2)
        assert len(calls) < 20

    def test_the_memory_of_arrow_is_no_damage_of_the_file(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def exhausted(*_: object, **__: object) -> None:
            raise pa.ArrowMemoryError("malloc of size 1 failed")

        monkeypatch.setattr(pq.ParquetFile, "read_row_group", exhausted)
        with pytest.raises(MemoryError):
            read(self.parquet(10))


class TestCells:
    LONG = "9" * (MOST_CELL_BYTES + 1)
    TIMES = ("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z")

    def csv(self) -> bytes:
        rows = "".join(f"{time},1,{self.LONG}\n" for time in self.TIMES)
        return f"time,v,note\n{rows}".encode()

    def json(self) -> bytes:
        rows = [{"time": time, "v": 1, "note": self.LONG} for time in self.TIMES]
        return json.dumps(rows).encode()

    def arrow(self) -> bytes:
        target = io.BytesIO()
        table = pa.table(
            {"time": list(self.TIMES), "v": [1.0, 2.0], "note": [self.LONG, self.LONG]}
        )
        with pa.ipc.new_stream(target, table.schema) as writer:
            writer.write_table(table)
        return target.getvalue()

    @pytest.mark.parametrize("form", [csv, json, arrow])
    def test_a_cell_longer_than_any_value_is_refused(
        self, form: Callable[["TestCells"], bytes]
    ) -> None:
        assert "in the column 'note'" in refusal(form(self))

    def test_a_line_longer_than_any_table_s_is_refused(self) -> None:
        content = b"time,v\n2024-01-01," + b"9" * MOST_LINE_BYTES + b"\n"
        assert "bytes in line 2" in refusal(content)


class TestQuotes:
    def test_a_quote_that_is_never_closed_leaves_the_lines_as_they_are(self) -> None:
        text = 'time,v\n"2024-01-01,1\n' + "2024-01-02,1\n" * 50
        assert list(split_lines(text).texts) == text.split("\n")

    @pytest.mark.parametrize("breaks", [1, 10])
    def test_a_field_of_several_lines_is_still_one(self, breaks: int) -> None:
        field = "\n".join("x" * (breaks + 1))
        found = split_lines(f'a,b\n1,"{field}"\n2,y\n')
        assert list(found.texts) == ["a,b", f'1,"{field}"', "2,y", ""]
        assert found.numbers.tolist() == [1, 2, 3 + breaks, 4 + breaks]


def test_a_gzip_that_ends_early_is_damaged_not_large() -> None:
    with pytest.raises(ParsingError, match="damaged"):
        read(gzipped(ROWS)[:-8] + struct.pack("<I", 0))
