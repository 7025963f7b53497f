"""Small files that would be large once unpacked are refused before they are unpacked."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.parsing.errors import FileTooLarge
from app.parsing.sources.arrow_messages import unpacked_bytes
from tests.app.parsing.dialects.arrow_files import arrow_file, arrow_stream, arrow_table, parquet
from tests.app.parsing.files import read_bytes

pytestmark = pytest.mark.unit

ROWS = 400_000
ZEROS = pa.table({"time": np.arange(ROWS) + 1_641_168_000, "a": np.zeros(ROWS)})
LIMIT_BYTES = 1_000_000


class TestUnpackedSizes:
    @pytest.mark.parametrize("packing", ["zstd", "lz4"])
    def test_a_packed_arrow_file_says_its_size(self, packing: str) -> None:
        content = arrow_file(ZEROS.select(["a"]), packing)
        assert len(content) < LIMIT_BYTES * 30
        with pytest.raises(FileTooLarge, match=r"at most 1000000 bytes long once unpacked"):
            read_bytes(content, limit_bytes=LIMIT_BYTES)

    @pytest.mark.parametrize("packing", [None, "zstd", "lz4"])
    def test_the_size_of_messages_is_that_of_their_buffers(self, packing: str | None) -> None:
        table = pa.table({"a": np.arange(1000.0), "b": ["text"] * 1000}).combine_chunks()
        target = io.BytesIO()
        options = pa.ipc.IpcWriteOptions(compression=packing)
        with pa.ipc.new_stream(target, table.schema, options=options) as writer:
            writer.write_table(table)
        messages = pa.ipc.MessageReader.open_stream(target.getvalue())
        total = sum(unpacked_bytes(message) for message in messages)
        assert table.nbytes <= total <= table.nbytes + 500

    def test_rows_and_columns_of_parquet_are_counted_first(self) -> None:
        content = parquet(ZEROS.select(["a"]))
        assert len(content) < 10_000
        with pytest.raises(FileTooLarge, match=r"once unpacked"):
            read_bytes(content, limit_bytes=LIMIT_BYTES)

    def test_a_long_text_on_every_row_is_counted_before_it_is_repeated(self) -> None:
        table = arrow_table(note=["x" * 50_000] * 40)
        assert read_bytes(parquet(table), limit_bytes=3_000_000).channels == ("temp", "rain")
        with pytest.raises(FileTooLarge, match=r"once unpacked"):
            read_bytes(parquet(table), limit_bytes=LIMIT_BYTES)

    def test_keys_times_rows_of_json_are_bounded(self) -> None:
        lines = "".join(f'{{"time": "2024-01-01", "k{n}": 1}}\n' for n in range(2_000))
        with pytest.raises(FileTooLarge, match=r"once every row has every key"):
            read_bytes(lines.encode(), limit_bytes=LIMIT_BYTES)

    def test_a_stream_within_the_limit_is_read(self) -> None:
        assert len(read_bytes(arrow_stream(ZEROS)).times) == ROWS

    def test_a_parquet_file_of_many_columns_is_refused(self) -> None:
        target = io.BytesIO()
        pq.write_table(pa.table({f"c{n}": [1.0] for n in range(5_001)}), target)
        with pytest.raises(FileTooLarge, match=r"at most 5000 columns"):
            read_bytes(target.getvalue())
