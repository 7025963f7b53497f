"""JSON to columns of text: one object on each line, or an array of objects."""

import json
import re
from typing import Any

import numpy as np

from app.errors import Invalid, TooLarge
from app.series import arrow
from app.series.reading.findings import Findings
from app.series.reading.layout import MOST_FIELDS, Layout, clean_name, sample_rows, usual_kinds
from app.series.reading.lines import MOST_LINES, Lines

START = re.compile(r"\ufeff?\s*(?:\{\s*[\"}]|\[\s*[{\[])")
MOST_WRONG_SHARE = 1 / 3
WANTED = (
    "JSON must be one flat object on each line, or an array of flat objects, such as "
    '{"time": "2024-01-01T00:00:00Z", "temperature": 3.5}.'
)
_WORDS = {True: "1", False: "0", None: ""}


def read_json(text: str, findings: Findings, *, limit_bytes: int) -> tuple[Layout, list[Any]]:
    """The rows of a JSON file, every value as the text that stands there.

    Raises:
        TooLarge: If there are too many rows or keys.
        Invalid: If it holds anything else than flat objects.
    """
    is_array = text.lstrip("\ufeff \t\r\n").startswith("[")
    rows, lines = _from_array(text) if is_array else _from_lines(text, findings)
    names = list(dict.fromkeys(key for row in rows for key in row))
    if not names:
        raise Invalid(f"No object has a key. {WANTED}")
    if len(names) > MOST_FIELDS or len(rows) * len(names) * 8 > limit_bytes:
        raise TooLarge(f"The file must have at most {MOST_FIELDS} keys and fit into memory.")
    columns = [_column(rows, name) for name in names]
    sample = [[str(column[row]) for column in columns] for row in _sample(rows, names)]
    layout = Layout(
        names=tuple(clean_name(name) for name in names),
        header_lines=1,
        kinds=usual_kinds(sample, len(names)),
        body=lines,
        rows_read=len(rows),
    )
    return layout, columns


def _from_lines(text: str, findings: Findings) -> tuple[list[dict[str, Any]], Lines]:
    rows, texts, numbers = [], [], []
    wrong = 0
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        if not line.strip():
            continue
        row = _parsed(line)
        if isinstance(row, dict):
            rows.append(row)
            texts.append(line)
            numbers.append(number)
        else:
            wrong += 1
            findings.reject(number, "unreadable_json", "the line is no JSON object", line)
    if wrong > MOST_WRONG_SHARE * (len(rows) + wrong) or len(rows) > MOST_LINES:
        raise Invalid(f"{wrong} lines are no JSON objects and {len(rows)} are. {WANTED}")
    return rows, Lines(texts, np.array(numbers, dtype=np.int64))


def _from_array(text: str) -> tuple[list[dict[str, Any]], Lines]:
    rows = _parsed(text)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Invalid(f"The file begins like a JSON array and is none of objects. {WANTED}")
    if len(rows) > MOST_LINES:
        raise TooLarge(f"The file must have at most {MOST_LINES} rows.")
    texts = [json.dumps(row, ensure_ascii=False) for row in rows]
    return rows, Lines(texts, np.arange(1, len(rows) + 1))


def _parsed(text: str) -> Any:
    """A JSON value with its numbers as they are written; None if it is broken."""
    try:
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _column(rows: list[dict[str, Any]], name: str) -> Any:
    values = [row.get(name) for row in rows]
    nested = next((value for value in values if isinstance(value, (dict, list))), None)
    if nested is not None:
        raise Invalid(f"The key {name!r} holds {str(nested)[:60]!r}, no single value. {WANTED}")
    try:
        return arrow.texts([v if isinstance(v, str) else _WORDS[v] for v in values])
    except UnicodeEncodeError as error:
        raise Invalid(f"The key {name!r} holds half a character. {WANTED}") from error


def _sample(rows: list[dict[str, Any]], names: list[str]) -> range:
    return range(min(len(rows), sample_rows(len(names))))
