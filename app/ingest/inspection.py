"""A file looked at without storing anything: how it would be read, or why it cannot be."""

import re
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import IO, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from app.errors import Invalid
from app.ingest.reports import ExampleRead, GapsRead, IssueRead
from app.parsing.findings import Findings
from app.parsing.options import ReadOptions
from app.parsing.parts import Part, read_parts
from app.parsing.progress import Progress
from app.parsing.reader import Table, read_table
from app.parsing.several_series import SYMBOL_NAME
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
    """How the file is written, in the words of the query parameters, as far as it was read."""

    format: Literal["csv", "json", "parquet", "arrow"] | None
    encoding: str | None
    compression: Literal["gzip", "zip"] | None
    delimiter: str | None
    decimal: str | None
    header_lines: int | None
    timestamp: list[str] | None
    timestamp_format: list[str] | None
    timezone: str | None


class ColumnRead(BaseModel):
    """A column of the file: what it was taken for, and the channel that it would become."""

    name: str
    kind: ColumnKind
    channel: str | None


class RowsRead(BaseModel):
    """The first rows in the order of time, as they would be stored."""

    columns: list[str]
    rows: list[list[str | float | None]]


class ProblemRead(BaseModel):
    """Why the file cannot be read, and the query parameters that can settle it."""

    message: str
    parameters: list[str]


class PartRead(BaseModel):
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
                            "message": "The dates can be read in two ways, and no row tells them "
                            "apart: '03-01-2000' is 2000-01-03 by %d-%m-%Y and 2000-03-01 by "
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
    series: list[PartRead] | None = Field(
        None,
        description="The series that `split` makes of the file; `rows` and the fields about time "
        "are then those of the first.",
    )


@dataclass(slots=True)
class _Looked:
    """What was seen of a file, and the table if it came to one."""

    progress: Progress = field(default_factory=Progress)
    findings: Findings = field(default_factory=Findings)
    table: Table | None = None
    parts: list[Part] | None = None
    problem: str | None = None


def inspect(file: IO[bytes], options: ReadOptions, *, limit_bytes: int) -> InspectionRead:
    """Read a file as an upload would, and say what was understood.

    Raises:
        TooLarge: If the file is larger than the limit once unpacked.
    """
    looked = _Looked()
    seen: dict[str, Any] = {"progress": looked.progress, "findings": looked.findings}
    try:
        if options.split is None:
            looked.table = read_table(file, options, limit_bytes=limit_bytes, **seen)
        else:
            looked.parts = read_parts(file, options, limit_bytes=limit_bytes, **seen)
            looked.table = looked.parts[0].table
    except Invalid as error:
        looked.problem = error.detail
    return _described(looked)


def _part(part: Part) -> PartRead:
    table = part.table
    times = table.times.view("datetime64[us]")
    return PartRead(
        value=part.label,
        rows_read=table.rows_read,
        rows_duplicate=table.rows_duplicate,
        first=to_datetime(times[0]),
        last=to_datetime(times[-1]),
        cadence=describe_gaps(times, table.dialect["timezone"]).cadence,
    )


def _described(looked: _Looked) -> InspectionRead:
    progress, table, problem = looked.progress, looked.table, looked.problem
    dialect = {name: progress.dialect.get(name) for name in InspectedDialect.model_fields}
    problems = [ProblemRead(message=problem, parameters=_parameters(problem))] if problem else []
    return InspectionRead(
        readable=table is not None,
        kind=table.kind if table else None,
        dialect=InspectedDialect.model_validate(dialect),
        columns=_columns(progress, table),
        lines=[ExampleRead(line=one.line, text=one.text) for one in progress.lines],
        rows_quarantined=len(looked.findings.rejected),
        issues=[IssueRead.model_validate(asdict(one)) for one in looked.findings.all_issues()],
        problems=problems,
        series=None if looked.parts is None else [_part(one) for one in looked.parts],
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
    """The query parameters that a refusal names."""
    return list(dict.fromkeys(PARAMETER.findall(message)))


def _columns(progress: Progress, table: Table | None) -> list[ColumnRead]:
    names = list(progress.names)
    is_market = table is None or table.kind == "ohlc"
    bars = named_bars(names) if is_market else {}
    return [
        ColumnRead(
            name=name,
            kind=_kind(number, name, progress, bars, is_market=is_market),
            channel=progress.channels.get(number),
        )
        for number, name in enumerate(names)
    ]


def _kind(
    number: int, name: str, progress: Progress, bars: dict[str, str], *, is_market: bool
) -> ColumnKind:
    if number in progress.time:
        return "time"
    role = progress.channels.get(number, bars.get(name))
    if is_market and role in SYNONYMS:
        return cast(ColumnKind, role)
    if number in progress.channels:
        return "value"
    if number in progress.again:
        return "time"
    kind = KINDS[progress.kinds[number]]
    return "symbol" if kind == "text" and SYMBOL_NAME.fullmatch(name.lower()) else kind
