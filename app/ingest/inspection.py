"""Inspect a file without storing anything: how it would be read, or why it cannot be."""

import re
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import IO, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from app.ingest.reports import ExampleRead, GapsRead, IssueRead
from app.parsing.errors import UnreadableFile
from app.parsing.findings import Findings
from app.parsing.keys.several_series import SYMBOL_NAME
from app.parsing.options import FileFormat, ReadOptions
from app.parsing.reader import Table, read_table
from app.parsing.reading_record import ReadingRecord
from app.parsing.split.parts import SeriesPart, read_parts
from app.parsing.values.bars import SYNONYMS, named_bars
from app.parsing.values.cells import CellKind
from app.series.formats import wire_rows
from app.series.gaps import describe_gaps
from app.times import to_datetime, to_wire
from models.series import SeriesKind

SHOWN_ROWS = 10
ColumnKind = Literal[
    "time",
    "open",
    "high",
    "low",
    "close",
    "adj_close",
    "volume",
    "value",
    "symbol",
    "text",
    "empty",
]
PARAMETER = re.compile(r"`(\w+)=")
KINDS: dict[CellKind, ColumnKind] = {
    CellKind.NOTHING: "empty",
    CellKind.NUMBER: "value",
    CellKind.MAYBE_MOMENT: "value",
    CellKind.MOMENT: "time",
    CellKind.CLOCK: "time",
    CellKind.TEXT: "text",
}


class InspectedDialect(BaseModel):
    """How the file is written, in terms of the query parameters, as far as it was read."""

    format: FileFormat | None
    encoding: str | None
    compression: Literal["gzip", "zip"] | None
    delimiter: str | None
    decimal: str | None
    header_lines: int | None
    timestamp: list[str] | None
    timestamp_format: list[str] | None
    timezone: str | None
    sheet: str | None = None


class ColumnRead(BaseModel):
    """A column of the file: its kind, and the channel that it would become."""

    name: str
    kind: ColumnKind
    channel: str | None


class RowsRead(BaseModel):
    """The first rows in time order, as they would be stored."""

    columns: list[str]
    rows: list[list[str | float | None]]


class ProblemRead(BaseModel):
    """Why the file cannot be read, and the query parameters that can resolve it."""

    message: str
    parameters: list[str]


class InspectedPart(BaseModel):
    """One of the series of a file that is split."""

    value: str
    rows_read: int
    rows_duplicate: int
    first: datetime
    last: datetime
    cadence: str | None


class InspectionRead(BaseModel):
    """How a file would be read; nothing was stored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "readable": False,
                    "kind": None,
                    "dialect": {
                        "format": "csv",
                        "encoding": "utf-8",
                        "compression": None,
                        "delimiter": ",",
                        "decimal": None,
                        "header_lines": 1,
                        "timestamp": ["date"],
                        "timestamp_format": None,
                        "timezone": "UTC",
                    },
                    "columns": [
                        {"name": "date", "kind": "time", "channel": None},
                        {"name": "a", "kind": "value", "channel": None},
                    ],
                    "lines": [{"line": 1, "text": "date,a"}, {"line": 2, "text": "03-01-2000,1"}],
                    "rows": None,
                    "rows_read": None,
                    "rows_duplicate": None,
                    "rows_quarantined": 0,
                    "first": None,
                    "last": None,
                    "cadence": None,
                    "gaps": None,
                    "issues": [],
                    "series": None,
                    "problems": [
                        {
                            "message": "The dates can be read in two ways, and no row proves one "
                            "of them: '03-01-2000' is 2000-01-03 by %d-%m-%Y and 2000-03-01 by "
                            "%m-%d-%Y. Say which it is with `timestamp_format=%d-%m-%Y` or "
                            "`timestamp_format=%m-%d-%Y`.",
                            "parameters": ["timestamp_format"],
                        }
                    ],
                }
            ]
        }
    )

    readable: bool
    kind: SeriesKind | None
    dialect: InspectedDialect
    columns: list[ColumnRead]
    lines: list[ExampleRead]
    rows: RowsRead | None
    rows_read: int | None
    rows_duplicate: int | None
    rows_quarantined: int
    first: datetime | None
    last: datetime | None
    cadence: str | None
    gaps: GapsRead | None
    issues: list[IssueRead]
    problems: list[ProblemRead]
    series: list[InspectedPart] | None = Field(
        None,
        description="The series that `split` makes of the file; `rows` and the time fields then "
        "describe the first.",
    )


@dataclass(slots=True)
class _Inspected:
    """What was found in a file, and the table if it could be read."""

    record: ReadingRecord = field(default_factory=ReadingRecord)
    findings: Findings = field(default_factory=Findings)
    table: Table | None = None
    parts: list[SeriesPart] | None = None
    problem: str | None = None


def inspect(file: IO[bytes], options: ReadOptions, *, limit_bytes: int) -> InspectionRead:
    """Read a file as an upload would, and describe how it was understood.

    Raises:
        FileTooLarge: If the file is larger than the limit once unpacked.
        DiskError: If it cannot be unpacked on the disk.
    """
    inspected = _Inspected()
    filled: dict[str, Any] = {"record": inspected.record, "findings": inspected.findings}
    try:
        if options.split is None:
            inspected.table = read_table(file, options, limit_bytes=limit_bytes, **filled)
        else:
            inspected.parts = read_parts(file, options, limit_bytes=limit_bytes, **filled)
            inspected.table = inspected.parts[0].table
    except UnreadableFile as error:
        inspected.problem = error.detail
    return _describe(inspected)


def _part(part: SeriesPart) -> InspectedPart:
    table = part.table
    times = table.times.view("datetime64[us]")
    return InspectedPart(
        value=part.label,
        rows_read=table.rows_read,
        rows_duplicate=table.rows_duplicate,
        first=to_datetime(times[0]),
        last=to_datetime(times[-1]),
        cadence=describe_gaps(times, table.dialect["timezone"]).cadence,
    )


def _describe(inspected: _Inspected) -> InspectionRead:
    record, table, problem = inspected.record, inspected.table, inspected.problem
    dialect = {name: record.dialect.get(name) for name in InspectedDialect.model_fields}
    problems = [ProblemRead(message=problem, parameters=_parameters(problem))] if problem else []
    return InspectionRead(
        readable=table is not None,
        kind=table.kind if table else None,
        dialect=InspectedDialect.model_validate(dialect),
        columns=_columns(record, table),
        lines=[ExampleRead(line=one.line, text=one.text) for one in record.lines],
        rows_quarantined=len(inspected.findings.rejected),
        issues=[IssueRead.model_validate(asdict(one)) for one in inspected.findings.all_issues()],
        problems=problems,
        series=None if inspected.parts is None else [_part(one) for one in inspected.parts],
        **_content(table),
    )


def _content(table: Table | None) -> dict[str, Any]:
    names = ("rows", "rows_read", "rows_duplicate", "first", "last", "cadence", "gaps")
    if table is None:
        return dict.fromkeys(names)
    times = table.times.view("datetime64[us]")
    gaps = describe_gaps(times, table.dialect["timezone"])
    shown = wire_rows(times[:SHOWN_ROWS], table.values[:SHOWN_ROWS])
    content = (
        RowsRead(columns=["time", *table.channels], rows=shown),
        table.rows_read,
        table.rows_duplicate,
        to_wire(times[0]),
        to_wire(times[-1]),
        gaps.cadence,
        gaps.summary(),
    )
    return dict(zip(names, content, strict=True))


def _parameters(message: str) -> list[str]:
    """The query parameters that an error message names."""
    return list(dict.fromkeys(PARAMETER.findall(message)))


def _columns(record: ReadingRecord, table: Table | None) -> list[ColumnRead]:
    names = list(record.names)
    is_market = table is None or table.kind == "ohlc"
    bars = named_bars(names) if is_market else {}
    return [
        ColumnRead(
            name=name,
            kind=_kind(number, name, record, bars, is_market=is_market),
            channel=record.channels.get(number),
        )
        for number, name in enumerate(names)
    ]


def _kind(
    number: int, name: str, record: ReadingRecord, bars: dict[str, str], *, is_market: bool
) -> ColumnKind:
    if number in record.time:
        return "time"
    role = record.channels.get(number, bars.get(name))
    if is_market and role in SYNONYMS:
        return cast(ColumnKind, role)
    if number in record.channels:
        return "value"
    if number in record.time_copies:
        return "time"
    kind = KINDS[record.kinds[number]]
    return "symbol" if kind == "text" and SYMBOL_NAME.fullmatch(name.lower()) else kind
