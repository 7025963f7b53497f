"""Collect JSON objects as columns of text, in pieces."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.parsing import arrow
from app.parsing.errors import DamagedFile, FileTooLarge, NotATable
from app.parsing.findings import Findings
from app.parsing.lines import MOST_LINES
from app.parsing.sources.layout import MOST_FIELDS

# Nested objects; deeper ones are not flattened, and refused.
MOST_DEPTH = 8
OFFSET_BYTES = 8
WANTED = (
    "JSON must be one object on each line, such as "
    '{"time": "2024-01-01T00:00:00Z", "temperature": 3.5}, an array of objects or of arrays, or an '
    "object that holds the rows or columns."
)
_WORDS = {True: "1", False: "0", None: ""}


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An item of the file, its number and its text; `value` is None if it is not an object."""

    number: int
    text: str
    value: dict[str, Any] | None


class JsonColumns:
    """Collects columns in pieces: the objects of a whole file would take many times its size."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.texts: list[str] = []
        self.numbers: list[int] = []
        self._lists: dict[str, None] = {}
        self._pieces: dict[str, list[Any]] = {}
        self._lengths: list[int] = []

    def add(self, objects: list[JsonObject]) -> None:
        """Add the values of some rows."""
        rows = [_flat_row(one.value) for one in objects if one.value is not None]
        self.texts += [one.text for one in objects]
        self.numbers += [one.number for one in objects]
        for name in dict.fromkeys(key for row in rows for key in row):
            if name not in self._pieces:
                _require_whole(name, [name])
                self._pieces[name] = [_empty(length) for length in self._lengths]
        if (
            len(self.texts) > MOST_LINES
            or len(self._pieces) > MOST_FIELDS
            or len(self.texts) * len(self._pieces) * OFFSET_BYTES > self.limit_bytes
        ):
            raise FileTooLarge(
                f"The file must have at most {MOST_LINES} rows of {MOST_FIELDS} keys and be at "
                f"most {self.limit_bytes} bytes long once every row has every key."
            )
        for name, pieces in self._pieces.items():
            pieces.append(self._column(name, [row.get(name) for row in rows]))
        self._lengths.append(len(rows))

    def _column(self, name: str, values: list[Any]) -> Any:
        """Values as texts; keys that hold lists are noted."""
        if any(isinstance(value, list) for value in values):
            self._lists[name] = None
            return _empty(len(values))
        return _texts(name, values)

    def columns(self, findings: Findings) -> tuple[list[str], list[Any]]:
        """The names and the columns, empty where a row does not have the key."""
        import pyarrow as pa

        if self._lists:
            message = f"Lists in the rows were left out: {', '.join(self._lists)}."
            findings.report("other_columns", message, len(self._lists))
        names = [name for name in self._pieces if name not in self._lists]
        if not names:
            raise NotATable(f"No object has a key with a single value. {WANTED}")
        return names, [pa.concat_arrays(self._pieces[name]) for name in names]


def _flat_row(value: dict[str, Any]) -> dict[str, Any]:
    """An object without nested objects.

    Raises:
        NotATable: If two of its values would have the same name.
    """
    pairs = list(_flat(value))
    row = dict(pairs)
    if len(row) < len(pairs):
        raise NotATable(
            f"An object has two values of one name: {json.dumps(value)[:100]}. {WANTED}"
        )
    return row


def _flat(value: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Keys and values; those of nested objects have joined names such as `data.temp`."""
    for key, one in value.items():
        if isinstance(one, dict) and depth < MOST_DEPTH:
            yield from _flat(one, f"{prefix}{key}.", depth + 1)
        else:
            yield f"{prefix}{key}", one


def cell_of(value: Any) -> str:
    """A single value as text."""
    return value if isinstance(value, str) else _WORDS[value]


def _texts(name: str, values: list[Any]) -> Any:
    nested = next((value for value in values if isinstance(value, dict)), None)
    if nested is not None:
        raise NotATable(
            f"The key {name!r} holds {str(nested)[:60]!r}, not a single value. {WANTED}"
        )
    texts = [cell_of(value) for value in values]
    _require_whole(name, texts)
    return arrow.texts(texts)


def _empty(rows: int) -> Any:
    return arrow.texts([""] * rows)


def _require_whole(name: str, texts: list[str]) -> None:
    """Refuse escapes of half a surrogate pair: databases cannot store them."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        raise DamagedFile(
            f"The key {name!r} holds half a character (a lone surrogate). {WANTED}"
        ) from error
