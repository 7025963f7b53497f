"""Read JSON as columns of text: rows one by one, or the table in a document."""

import json
import re
from collections.abc import Iterator
from itertools import count, islice
from typing import Any, cast

import numpy as np

from app.parsing.errors import DamagedFile, FileTooLarge, NotATable
from app.parsing.findings import Findings
from app.parsing.lines import Lines
from app.parsing.names import clean_name
from app.parsing.options import ReadOptions
from app.parsing.reading_record import ReadingRecord
from app.parsing.sources.cell_rows import read_cells
from app.parsing.sources.json_columns import WANTED, JsonColumns, JsonObject, cell_of
from app.parsing.sources.json_shapes import JsonTable, is_scalar
from app.parsing.sources.json_tables import find_table, may_hold_table
from app.parsing.sources.json_zones import stated_zone, with_zone
from app.parsing.sources.layout import Layout, sample_rows, usual_kinds

START = re.compile(r"\ufeff?\s*(?:\{\s*[\"}]|\[\s*[{\[])")
ARRAY_LINE = re.compile(r"\ufeff?\s*\[[^\n]*\]\s*(?:\n|$)")
BETWEEN = re.compile(r"[\s,]*")
MOST_WRONG_SHARE = 1 / 3
PIECE_ROWS = 20_000
SAMPLE_LINES = 20
# The largest object around the rows: it is decoded as a whole.
MOST_CHARACTERS = 32 * 1024 * 1024
# Numbers stay text, so that they lose no digits and are read like those of other formats.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


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
            objects = (JsonObject(n, json.dumps(row), row) for n, row in enumerate(rows, start=1))
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
    if document is None:
        _refuse_broken(text)
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
        first_item, end = _DECODER.raw_decode(text, _after_blanks(text, 1))
    except (ValueError, RecursionError):
        return False
    # After an object that says what follows, such as the number of pages, the rows are a list.
    is_list_next = text.startswith("[", _after_blanks(text, end))
    return not isinstance(first_item, dict) or is_list_next or may_hold_table(first_item)


def _refuse_broken(text: str) -> None:
    """Refuse a document that cannot be decoded, if none of its first lines can be either.

    Raises:
        DamagedFile: With the place at which decoding failed.
    """
    lines = islice((line for line in text.split("\n") if line.strip()), SAMPLE_LINES)
    if any(_decoded(line) is not None for line in lines):
        return
    try:
        _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"The JSON document is broken: {error}. {WANTED}") from error


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
        cells = [cell_of(one) if is_scalar(one) else "" for one in row]
        yield number, cells + [""] * (width - len(cells))


def _records(
    objects: Iterator[JsonObject], zone: str | None, findings: Findings, *, limit_bytes: int
) -> tuple[Layout, list[Any]]:
    """Objects as rows; lines that are not objects are quarantined."""
    collected = JsonColumns(limit_bytes)
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


def _of_lines(text: str) -> Iterator[JsonObject]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield JsonObject(number, line, _decoded(line))


def _of_array(text: str) -> Iterator[JsonObject]:
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
        yield JsonObject(number, text[place:end], value)
        place = _after_blanks(text, end)


def _after_blanks(text: str, place: int) -> int:
    found = BETWEEN.match(text, place)
    return found.end() if found else place
