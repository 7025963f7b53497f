"""A name that no database could store is refused, not stored as another one."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.parsing.errors import UnreadableFile
from tests.app.parsing.files import read_bytes

pytestmark = pytest.mark.unit

TIMES = [f"2024-01-{day:02}" for day in range(1, 21)]


def json_lines(name: str) -> bytes:
    return "".join(json.dumps({"time": time, name: 1.5}) + "\n" for time in TIMES).encode()


def json_array(name: str) -> bytes:
    return json.dumps([{"time": time, name: 1.5} for time in TIMES]).encode()


def json_columns(name: str) -> bytes:
    return json.dumps({"time": TIMES, name: [1.5] * len(TIMES)}).encode()


def parquet(name: str) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"time": TIMES, name: [1.5] * len(TIMES)}), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


@pytest.mark.parametrize("write", [json_lines, json_array, json_columns, parquet])
def test_a_nul_in_a_name_is_refused_with_the_character(write: object) -> None:
    with pytest.raises(UnreadableFile, match=r"U\+0000"):
        read_bytes(write("a\0b"))  # type: ignore[operator]


def test_a_variable_of_a_tidy_table_is_refused() -> None:
    rows = [{"time": time, "variable": each, "value": 1} for time in TIMES for each in ("a\0", "b")]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    with pytest.raises(UnreadableFile, match=r"U\+0000"):
        read_bytes(content, pivot="variable", value="value")
