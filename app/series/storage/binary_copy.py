"""PostgreSQL's binary COPY of observation rows, encoded and decoded by NumPy.

All rows of a series have the same width, because their vectors have the same length and no null
elements: a whole table is one structured array, without a Python loop over rows.
The format: https://www.postgresql.org/docs/current/sql-copy.html
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from models.arrays import Values

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = SIGNATURE + b"\0" * 8
TRAILER = b"\xff\xff"
FLOAT8_OID = 701
PIECE_BYTES = 1024 * 1024

Microseconds = npt.NDArray[np.int64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Insertion:
    """Rows for a table whose columns are series_id, time, one or more revisions, values."""

    table: str
    columns: tuple[str, ...]
    series_id: int
    times: Microseconds
    revisions: list[Integers]
    values: Values


def read(
    connection: sa.Connection, query: str, channels: int
) -> tuple[Microseconds, Integers, Values]:
    """The rows of a query for (time bigint, revision integer, values double precision[])."""
    content = bytearray()
    with _cursor(connection).copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)") as copy:
        for piece in copy:
            content += piece
    layout = _row_layout(["time"], ["revision"], channels)
    body = memoryview(content)[len(HEADER) : -len(TRAILER)]
    rows = np.frombuffer(body, dtype=layout)
    return (
        rows["time"].astype(np.int64),
        rows["revision"].astype(np.int64),
        rows["elements"]["value"].astype(np.float64),
    )


def write(connection: sa.Connection, new: Insertion) -> None:
    """Append rows to a table."""
    names = ", ".join(f'"{name}"' for name in new.columns)
    content = _encoded(new).view(np.uint8).data
    statement = f"COPY {new.table} ({names}) FROM STDIN (FORMAT BINARY)"
    with _cursor(connection).copy(statement) as copy:
        copy.write(HEADER)
        for start in range(0, len(content), PIECE_BYTES):
            copy.write(content[start : start + PIECE_BYTES])
        copy.write(TRAILER)


def _encoded(new: Insertion) -> npt.NDArray[np.void]:
    names = [f"revision_{number}" for number in range(len(new.revisions))]
    channels = new.values.shape[1]
    rows = np.zeros(len(new.times), dtype=_row_layout(["series_id", "time"], names, channels))
    rows["fields"] = len(new.columns)
    rows["series_id_bytes"], rows["series_id"] = 4, new.series_id
    rows["time_bytes"], rows["time"] = 8, new.times
    for name, column in zip(names, new.revisions, strict=True):
        rows[f"{name}_bytes"], rows[name] = 4, column
    rows["array_bytes"] = 20 + channels * 12
    rows["dimensions"], rows["element_type"] = 1, FLOAT8_OID
    rows["length"], rows["lower_bound"] = channels, 1
    rows["elements"]["bytes"] = 8
    rows["elements"]["value"] = new.values
    return rows


def _row_layout(keys: list[str], revisions: list[str], channels: int) -> np.dtype[np.void]:
    """One row: the number of fields, then each field after its length in bytes."""
    fields: list[tuple[Any, ...]] = [("fields", ">i2")]
    for name in (*keys, *revisions):
        fields += [(f"{name}_bytes", ">i4"), (name, ">i8" if name == "time" else ">i4")]
    fields += [
        (name, ">i4")
        for name in (
            "array_bytes",
            "dimensions",
            "has_nulls",
            "element_type",
            "length",
            "lower_bound",
        )
    ]
    fields.append(("elements", [("bytes", ">i4"), ("value", ">f8")], (channels,)))
    return np.dtype(fields)


def _cursor(connection: sa.Connection) -> Any:
    """The driver's cursor, in the connection's transaction."""
    return connection.connection.cursor()
