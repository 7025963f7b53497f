"""Read JSON as columns of text: an object on each line, or an array of objects."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import numpy as np

from app.parsing import arrow
from app.parsing.errors import DamagedFile, FileTooLarge, NotATable
from app.parsing.findings import Findings
from app.parsing.lines import MOST_LINES, Lines
from app.parsing.names import clean_name
from app.parsing.sources.layout import MOST_FIELDS, Layout, sample_rows, usual_kinds

START = re.compile(r"\ufeff?\s*(?:\{\s*[\"}]|\[\s*[{\[])")
BETWEEN = re.compile(r"[\s,]*")
MOST_WRONG_SHARE = 1 / 3
PIECE_ROWS = 20_000
# Nested objects; deeper ones are not flattened, and refused.
MOST_DEPTH = 8
# The largest object around the rows: it is decoded as a whole.
MOST_CHARACTERS = 32 * 1024 * 1024
OFFSET_BYTES = 8
WANTED = (
    "JSON must be one object on each line, or an array of objects, such as "
    '{"time": "2024-01-01T00:00:00Z", "temperature": 3.5}.'
)
_WORDS = {True: "1", False: "0", None: ""}
# Numbers stay text, so that they lose no digits and are read like those of other formats.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


@dataclass(frozen=True, slots=True)
class _Object:
    """An item of the file, its number and its text; `value` is None if it is not an object."""

    number: int
    text: str
    value: dict[str, Any] | None


def read_json(text: str, findings: Findings, *, limit_bytes: int) -> tuple[Layout, list[Any]]:
    """The rows of a JSON file, every value as it is written.

    Raises:
        FileTooLarge: If there are too many rows or keys.
        NotATable: If it holds anything but objects with single values.
        DamagedFile: If it is broken.
    """
    text = text.lstrip("\ufeff \t\r\n")
    objects = _of_array(text) if text.startswith("[") else _objects(text, findings)
    collected = _Collected(limit_bytes)
    wrong = 0
    for piece in iter(lambda: list(islice(objects, PIECE_ROWS)), []):
        good = [one for one in piece if one.value is not None]
        for one in (one for one in piece if one.value is None):
            wrong += 1
            findings.reject(
                one.number, "unreadable_json", "the line is not a JSON object", one.text
            )
        collected.add(good)
    rows = len(collected.texts)
    if wrong > MOST_WRONG_SHARE * (rows + wrong):
        raise NotATable(f"{wrong} lines are not JSON objects and {rows} are. {WANTED}")
    names, columns = collected.columns()
    sample = [
        [str(column[row]) for column in columns]
        for row in range(min(rows, sample_rows(len(names))))
    ]
    layout = Layout(
        names=tuple(clean_name(name) for name in names),
        header_lines=1,
        kinds=usual_kinds(sample, len(names)),
        body=Lines(collected.texts, np.array(collected.numbers, dtype=np.int64)),
        rows_read=rows + wrong,
    )
    return layout, columns


class _Collected:
    """Collects columns in pieces: the objects of a whole file would take many times its size."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.texts: list[str] = []
        self.numbers: list[int] = []
        self._pieces: dict[str, list[Any]] = {}
        self._lengths: list[int] = []

    def add(self, objects: list[_Object]) -> None:
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
            pieces.append(_texts(name, [row.get(name) for row in rows]))
        self._lengths.append(len(rows))

    def columns(self) -> tuple[list[str], list[Any]]:
        """The names and the columns, empty where a row does not have the key."""
        import pyarrow as pa

        if not self._pieces:
            raise NotATable(f"No object has a key. {WANTED}")
        return list(self._pieces), [pa.concat_arrays(one) for one in self._pieces.values()]


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


def _objects(text: str, findings: Findings) -> Iterator[_Object]:
    """The rows inside one object, as web services answer; otherwise one object from each line."""
    first, _, rest = text.partition("\n")
    if len(text) > MOST_CHARACTERS or (rest.strip() and _decoded(first) is not None):
        return _of_lines(text)
    whole = _decoded(text) or {}
    arrays = [key for key, one in whole.items() if _is_table(one)]
    if len(arrays) != 1:
        return _of_lines(text)
    findings.report("preamble", f"The rows were read from the key {arrays[0]!r}.", 1)
    return (
        _Object(number, json.dumps(one), one)
        for number, one in enumerate(whole[arrays[0]], start=1)
    )


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _decoded(text: str) -> dict[str, Any] | None:
    """The object that a text holds; None if it does not hold exactly one."""
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _of_lines(text: str) -> Iterator[_Object]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _Object(number, line, _decoded(line))


def _of_array(text: str) -> Iterator[_Object]:
    place = _after_blanks(text, 1)
    for number in count(1):
        if text.startswith("]", place):
            return
        try:
            value, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            shown = text[place : place + 100]
            raise DamagedFile(
                f"Item {number} of the JSON array is broken: {shown!r}. {WANTED}"
            ) from error
        if not isinstance(value, dict):
            raise NotATable(f"Item {number} of the JSON array is not an object. {WANTED}")
        yield _Object(number, text[place:end], value)
        place = _after_blanks(text, end)


def _after_blanks(text: str, place: int) -> int:
    found = BETWEEN.match(text, place)
    return found.end() if found else place


def _texts(name: str, values: list[Any]) -> Any:
    nested = next((value for value in values if isinstance(value, (dict, list))), None)
    if nested is not None:
        raise NotATable(
            f"The key {name!r} holds {str(nested)[:60]!r}, not a single value. {WANTED}"
        )
    texts = [value if isinstance(value, str) else _WORDS[value] for value in values]
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
