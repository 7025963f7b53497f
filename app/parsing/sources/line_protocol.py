"""Read InfluxDB line protocol: `measurement,tag=a field=1.5,other=2i 1577836800000000000`."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from app.parsing import arrow
from app.parsing.errors import FileTooLarge, NotATable
from app.parsing.findings import Findings
from app.parsing.lines import MOST_LINES, Lines
from app.parsing.options import ReadOptions
from app.parsing.reading_record import ReadingRecord
from app.parsing.sources.layout import MOST_FIELDS, Layout, sample_rows, usual_kinds
from app.parsing.values.cells import CellKind

KEY = r"(?:\\.|[^,=\s\\])+"
TEXT = r'"(?:\\.|[^"\\])*"'
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[iu]?"
TRUTH = r"[tT](?:rue|RUE)?|[fF](?:alse|ALSE)?"
VALUE = rf"(?:{TEXT}|{NUMBER}|{TRUTH})"
LINE = re.compile(
    rf"(?P<measurement>(?:\\.|[^,\s\\])+)(?P<tags>(?:,{KEY}={KEY})*)"
    rf" +(?P<fields>{KEY}={VALUE}(?:,{KEY}={VALUE})*)(?: +(?P<time>-?\d+))?\s*"
)
TAG = re.compile(rf",({KEY})=({KEY})")
FIELD = re.compile(rf"({KEY})=({VALUE})(?:,|$)")
ESCAPED = re.compile(r"\\(.)")
COMMENT = "#"
SAMPLE_LINES = 20
SAMPLE_CHARACTERS = 64 * 1024
MOST_WRONG_SHARE = 1 / 3
MEASUREMENT, TIME = "measurement", "time"
OFFSET_BYTES = 8


def is_line_protocol(text: str) -> bool:
    """Whether the first lines are all of line protocol."""
    sample = text[:SAMPLE_CHARACTERS].lstrip("\ufeff")
    lines = sample.split("\n")[: -1 if len(text) > SAMPLE_CHARACTERS else None]
    filled = (line for line in lines if line.strip() and not line.startswith(COMMENT))
    first = list(islice(filled, SAMPLE_LINES))
    return bool(first) and all(LINE.fullmatch(line) for line in first)


def read_line_protocol(
    text: str,
    options: ReadOptions,
    findings: Findings,
    record: ReadingRecord,
    *,
    limit_bytes: int,
) -> tuple[Layout, list[Any]]:
    """Points as rows: the measurement, the tags, the time and the fields are columns.

    Lines of the same measurement, tags and time are one point, as in the database.

    Raises:
        FileTooLarge: If there are too many points or names.
        NotATable: If too many lines are not of line protocol.
    """
    points = _Points(limit_bytes)
    wrong = 0
    for number, line in _lines(text):
        match = LINE.fullmatch(line)
        if match is None:
            wrong += 1
            findings.reject(number, "wrong_field_count", "not a line of line protocol", line)
        else:
            points.add(number, line, match)
    if wrong > MOST_WRONG_SHARE * (len(points.rows) + wrong):
        raise NotATable(f"{wrong} lines are not of InfluxDB line protocol.")
    return points.table(wrong)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, match in enumerate(re.finditer(r"[^\n]*\n|[^\n]+$", text.lstrip("\ufeff")), 1):
        line = match[0].strip()
        if line and not line.startswith(COMMENT):
            yield number, line


class _Points:
    """Collects points by measurement, tags and time."""

    def __init__(self, limit_bytes: int) -> None:
        self.rows: dict[Any, dict[str, str]] = {}
        self._limit_bytes = limit_bytes
        self._lines: list[tuple[int, str]] = []
        self._tags: dict[str, dict[str, str]] = {}
        self._fields: dict[str, None] = {}
        self._tag_names: dict[str, None] = {}
        self._has_time = False

    def add(self, number: int, line: str, match: re.Match[str]) -> None:
        """Add a line."""
        series, time = match["measurement"] + match["tags"], match["time"]
        if series not in self._tags:
            tags = {_plain(key): _plain(value) for key, value in TAG.findall(match["tags"])}
            self._tags[series] = {MEASUREMENT: _plain(match["measurement"]), **tags}
            self._tag_names.update(dict.fromkeys(tags))
        fields = {_plain(key): _value(value) for key, value in FIELD.findall(match["fields"])}
        self._fields.update(dict.fromkeys(fields))
        self._has_time |= time is not None
        key = (series, time if time is not None else number, time is not None)
        if key not in self.rows:
            self._lines.append((number, line))
            self.rows[key] = fields
        else:
            self.rows[key] |= fields
        self._require()

    def _require(self) -> None:
        width = len(self._fields) + len(self._tag_names) + 2
        cells = len(self.rows) * width
        if (
            len(self.rows) > MOST_LINES
            or width > MOST_FIELDS
            or cells * OFFSET_BYTES > self._limit_bytes
        ):
            raise FileTooLarge(
                f"The file must have at most {MOST_LINES} points of {MOST_FIELDS} names and be at "
                f"most {self._limit_bytes} bytes long once every point has every name."
            )

    def table(self, wrong: int) -> tuple[Layout, list[Any]]:
        """All points; tags are texts, also if they are of digits."""
        tags = [MEASUREMENT, *self._tag_names]
        labels = [self._tags[series] for series, _, _ in self.rows]
        named = {name: [one.get(name, "") for one in labels] for name in tags}
        if self._has_time:
            named[TIME] = [time if timed else "" for _, time, timed in self.rows]
        for name in self._fields:
            # A field may have the name of a tag or of the time.
            free = name if name not in named else f"{name}_field"
            named[free] = [row.get(name, "") for row in self.rows.values()]
        columns = [arrow.texts(texts) for texts in named.values()]
        count = min(len(self.rows), sample_rows(len(columns)))
        sample = [list(row) for row in zip(*(c[:count] for c in named.values()), strict=True)]
        kinds = usual_kinds(sample, len(columns))
        layout = Layout(
            names=tuple(named),
            header_lines=1,
            kinds=(*(CellKind.TEXT for _ in tags), *kinds[len(tags) :]),
            labels=frozenset(range(len(tags))),
            body=Lines(
                [line for _, line in self._lines],
                np.array([number for number, _ in self._lines], dtype=np.int64),
            ),
            rows_read=len(self.rows) + wrong,
        )
        return layout, columns


def _plain(text: str) -> str:
    return ESCAPED.sub(r"\1", text) if "\\" in text else text


def _value(text: str) -> str:
    if text.startswith('"'):
        return _plain(text[1:-1])
    if text[0] in "tTfF":
        return "1" if text[0] in "tT" else "0"
    return text.rstrip("iu")
