"""Parquet and Arrow files."""

import io
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.app.parsing.dialects.writers import (
    BAR_NAMES,
    DAYS,
    ROWS,
    TIMES,
    WEATHER,
    bars,
    case,
    with_gaps,
)


def arrow_table(times: Any = None, **other: Any) -> Any:
    """The weather as an Arrow table."""
    columns = {"time": TIMES if times is None else times, **WEATHER, **other}
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def parquet(table: Any, **given: Any) -> bytes:
    """A Parquet file."""
    target = io.BytesIO()
    pq.write_table(table, target, **given)
    return target.getvalue()


def arrow_stream(table: Any) -> bytes:
    """An Arrow IPC stream."""
    target = io.BytesIO()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    return target.getvalue()


def arrow_file(table: Any, compression: str | None = None) -> bytes:
    """An Arrow IPC file, also known as Feather."""
    target = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_file(target, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=7)
    return target.getvalue()


SMALL_TYPES = pa.table(
    {
        "time": pa.array(TIMES, pa.timestamp("ns", "UTC")),
        "n": pa.array(range(ROWS), pa.int16()),
        "half": pa.array([n / 2 for n in range(ROWS)], pa.float32()),
        "wet": pa.array([n % 3 == 0 for n in range(ROWS)]),
    }
)

SMALL_VALUES: dict[str, list[float | None]] = {
    "n": [float(n) for n in range(ROWS)],
    "half": [n / 2 for n in range(ROWS)],
    "wet": [float(n % 3 == 0) for n in range(ROWS)],
}

IN_INDIA = pa.array(TIMES, pa.timestamp("ms", "Asia/Kolkata"))

INDIAN_CLOCK = [(moment + timedelta(hours=5.5)).replace(tzinfo=None) for moment in TIMES]

BAR_TABLE = pa.table({"Date": DAYS, **{name.title(): bars()[name] for name in BAR_NAMES[:4]}})

ARROW = [
    *(
        case(f"Parquet, {name}", parquet(arrow_table(), compression=name))
        for name in ("snappy", "gzip", "zstd", "none")
    ),
    case("Parquet, row groups", parquet(arrow_table(), row_group_size=7)),
    case("Parquet, a time zone", parquet(arrow_table(IN_INDIA))),
    case("Parquet, times as text", parquet(arrow_table([f"{m:%d.%m.%Y %H:%M}" for m in TIMES]))),
    case("Parquet, epoch", parquet(arrow_table([int(m.timestamp() * 1000) for m in TIMES]))),
    case("Parquet, days", parquet(arrow_table([m.date() for m in DAYS])), DAYS),
    case("Parquet, symbol and list", parquet(arrow_table(s=["a"] * ROWS, tags=[["x"]] * ROWS))),
    case(
        "Parquet, null",
        parquet(arrow_table(temp=with_gaps("")[1]["temp"])),
        values=with_gaps("")[1],
    ),
    case("Parquet, bars", parquet(BAR_TABLE), DAYS, bars(BAR_NAMES[:4])),
    case(
        "Parquet, times without a zone",
        parquet(arrow_table(INDIAN_CLOCK)),
        timezone="Asia/Kolkata",
    ),
    case("Arrow stream", arrow_stream(arrow_table())),
    case("Arrow file", arrow_file(arrow_table())),
    case("Arrow file, lz4", arrow_file(arrow_table(), "lz4")),
    case("Arrow file, zstd", arrow_file(arrow_table(), "zstd")),
    case("Arrow, small types", arrow_stream(SMALL_TYPES), values=SMALL_VALUES),
]
