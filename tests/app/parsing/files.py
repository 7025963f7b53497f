"""Files made of text, read back as tables, for tests."""

import gzip
import io
from typing import Any

import numpy as np

from app.parsing.options import ReadOptions
from app.parsing.reader import Table, read_table

LIMIT_BYTES = 10_000_000


def read_bytes(content: bytes, *, limit_bytes: int = LIMIT_BYTES, **options: Any) -> Table:
    """Read a file's bytes."""
    return read_table(io.BytesIO(content), ReadOptions(**options), limit_bytes=limit_bytes)


def read_text(text: str, *, encoding: str = "utf-8", **options: Any) -> Table:
    """Read a text as a file."""
    return read_bytes(text.encode(encoding), **options)


def options_of(query: dict[str, Any]) -> ReadOptions:
    """The options of an upload's query parameters."""
    given = dict(query)
    for name in ("timestamp", "columns"):
        if name in given:
            given[name] = tuple(part.strip() for part in given[name].split(","))
    return ReadOptions(**given)


def packed(text: str) -> bytes:
    """A text as a gzip file."""
    return gzip.compress(text.encode())


def moments(table: Table) -> list[str]:
    """The times of a table as text."""
    return [str(time) for time in table.times.view("datetime64[us]").astype("datetime64[s]")]


def codes(table: Table) -> dict[str, int]:
    """The issues of a table: code and count."""
    return {issue.code: issue.count for issue in table.issues}


def column(table: Table, name: str) -> list[float | None]:
    """A channel's values, None where they are missing."""
    values = table.values[:, table.channels.index(name)]
    return [None if np.isnan(value) else float(value) for value in values]


def rejections(table: Table) -> list[tuple[int, str]]:
    """The quarantined lines, with the code of the reason."""
    return [(rejected.line, rejected.code) for rejected in table.rejected]
