"""Read JSON as columns of text: rows one by one, or the table in a document."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, cast

import numpy as np

from app.parsing import arrow
from app.parsing.errors import DamagedFile, FileTooLarge, NotATable
from app.parsing.findings import Findings
from app.parsing.lines import MOST_LINES, Lines
from app.parsing.names import clean_name
from app.parsing.options import ReadOptions
from app.parsing.reading_record import ReadingRecord
from app.parsing.sources.cell_rows import read_cells
from app.parsing.sources.json_tables import JsonTable, find_table, holds_tables, is_scalar
from app.parsing.sources.json_zones import stated_zone, with_zone
from app.parsing.sources.layout import MOST_FIELDS, Layout, sample_rows, usual_kinds

START = re.compile(r"\ufeff?\s*(?:\{\s*[\"}]|\[\s*[{\[])")
ARRAY_LINE = re.compile(r"\ufeff?\s*\[[^\n]*\]\s*(?:\n|$)")
BETWEEN = re.compile(r"[\s,]*")
MOST_WRONG_SHARE = 1 / 3
PIECE_ROWS = 20_000
# Nested objects; deeper ones are not flattened, and refused.
MOST_DEPTH = 8
# The largest object around the rows: it is decoded as a whole.
MOST_CHARACTERS = 32 * 1024 * 1024
OFFSET_BYTES = 8
WANTED = (
    "JSON must be one object on each line, such as "
    '{"time": "2024-01-01T00:00:00Z", "temperature": 3.5}, an array of objects or of arrays, or an '
    "object that holds the rows or columns."
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


def is_json(text: str) -> bool:
    """Whether a text is JSON: an object, or an array of objects, arrays or single values."""
    if START.match(text):
        return True
    line = ARRAY_LINE.match(text)
    return line is not None and isinstance(_any(line[0].lstrip("\ufeff")), list)


def read_json(
    text: str,
    options: ReadOptions,
    findings: Findings,
    record: ReadingRecord,
    *,
    limit_bytes: int,
) -> tuple[Layout, list[Any]]:
    """The rows of a JSON file, every value as it is written.

    Raises:
        FileTooLarge: If there are too many rows or keys.
        NotATable: If it does not hold rows of single values.
        DamagedFile: If it is broken.
        SeveralTables: If it holds several tables that are equally long.
    """
    text = text.lstrip("\ufeff \t\r\n")
    arrays = _lines_of_arrays(text)
    if arrays is None:
        found = _whole(text, options.sheet)
        if found is None:
            objects = _of_array(text) if text.startswith("[") else _of_lines(text)
            return _records(objects, None, findings, limit_bytes=limit_bytes)
        document, table, others = found
        _report_place(table, others, findings)
        zone = stated_zone(document, table.path)
        if isinstance(table.rows[0], dict):
            rows = table.rows
            objects = (_Object(n, json.dumps(row), row) for n, row in enumerate(rows, start=1))
            return _records(objects, zone, findings, limit_bytes=limit_bytes)
        arrays = table.rows
    else:
        zone = None
    cells = _cells(arrays, findings)
    layout, columns = read_cells(cells, options, findings, record, limit_bytes=limit_bytes)
    return layout, with_zone(list(layout.names), columns, zone, findings)


def _whole(text: str, asked: str | None) -> tuple[Any, JsonTable, dict[str, int]] | None:
    """The document and its table; None if the rows are read one by one."""
    if len(text) > MOST_CHARACTERS or not _may_hold_table(text):
        return None
    document = _any(text)
    if _is_row_of_single_values(document):
        return None
    found = find_table(document, asked)
    return None if found is None else (document, found.table, found.others)


def _may_hold_table(text: str) -> bool:
    """Whether a document is not an object on each line, or an array of plain objects."""
    if text.startswith("{"):
        first, _, rest = text.partition("\n")
        return not rest.strip() or _any(first) is None
    try:
        first_item, _ = _DECODER.raw_decode(text, _after_blanks(text, 1))
    except (ValueError, RecursionError):
        return False
    return not isinstance(first_item, dict) or holds_tables(first_item)


def _is_row_of_single_values(document: Any) -> bool:
    return isinstance(document, dict) and all(map(is_scalar, document.values()))


def _lines_of_arrays(text: str) -> list[list[Any]] | None:
    """The arrays of a file with one on each line, or of one array of numbers; else None."""
    if START.match(text) or not text.startswith("["):
        return None
    first, _, rest = text.partition("\n")
    values = _any(first)
    if not isinstance(values, list):
        whole = _any(text)
        is_list = isinstance(whole, list) and bool(whole) and all(map(is_scalar, whole))
        return [[one] for one in cast(list[Any], whole)] if is_list else None
    if not rest.strip():
        return [[one] for one in values]
    lines = [_any(line) for line in text.split("\n") if line.strip()]
    broken = next((n for n, one in enumerate(lines, start=1) if not isinstance(one, list)), None)
    if broken is not None:
        raise DamagedFile(f"Line {broken} of the JSON lines is not an array, as others are.")
    return cast(list[list[Any]], lines)


def _report_place(table: JsonTable, others: dict[str, int], findings: Findings) -> None:
    if table.path:
        findings.report("preamble", f"The rows were read from the key {table.name!r}.", 1)
    if others:
        shown = ", ".join(f"{name} ({count} items)" for name, count in others.items())
        message = f"Other lists of the file were left out: {shown}. `sheet=` reads another table."
        findings.report("other_tables", message, len(others))


def _cells(rows: list[list[Any]], findings: Findings) -> Iterator[tuple[int, list[str]]]:
    """Arrays as cells; columns that hold lists or objects are empty."""
    width = max(map(len, rows))
    nested = sum(not is_scalar(one) for row in rows for one in row)
    if nested:
        message = f"{nested} lists and objects in the rows were left out."
        findings.report("other_columns", message, nested)
    for number, row in enumerate(rows, start=1):
        cells = [_cell(one) if is_scalar(one) else "" for one in row]
        yield number, cells + [""] * (width - len(cells))


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else _WORDS[value]


def _records(
    objects: Iterator[_Object], zone: str | None, findings: Findings, *, limit_bytes: int
) -> tuple[Layout, list[Any]]:
    """Objects as rows; lines that are not objects are quarantined."""
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
    names, columns = collected.columns(findings)
    columns = with_zone(names, columns, zone, findings)
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
        self._lists: dict[str, None] = {}
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


def _any(text: str) -> Any:
    """The value that a text holds; None if it does not hold exactly one."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _decoded(text: str) -> dict[str, Any] | None:
    """The object that a text holds; None if it does not hold exactly one."""
    value = _any(text)
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
        if not isinstance(value, dict) and len(text) > MOST_CHARACTERS:
            raise FileTooLarge(
                f"JSON that is not one object for each row must have at most {MOST_CHARACTERS} "
                "characters. Send JSON lines or CSV."
            )
        if not isinstance(value, dict):
            raise NotATable(f"Item {number} of the JSON array is not an object. {WANTED}")
        yield _Object(number, text[place:end], value)
        place = _after_blanks(text, end)


def _after_blanks(text: str, place: int) -> int:
    found = BETWEEN.match(text, place)
    return found.end() if found else place


def _texts(name: str, values: list[Any]) -> Any:
    nested = next((value for value in values if isinstance(value, dict)), None)
    if nested is not None:
        raise NotATable(
            f"The key {name!r} holds {str(nested)[:60]!r}, not a single value. {WANTED}"
        )
    texts = [_cell(value) for value in values]
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
