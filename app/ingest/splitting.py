"""Uploads of several series in one file: a column names the series of each row."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import SettingsDiffer
from app.ingest.part_attributes import constant_channels, take_attributes
from app.ingest.part_names import named_parts
from app.ingest.queries import earlier_uploads
from app.ingest.storing import add_uploads, store_table
from app.ingest.upload_requests import StoredUpload, UploadRequest, sha256
from app.parsing.keys.label_columns import invalid
from app.parsing.options import MOST_PARTS, ReadOptions
from app.parsing.reader import Table
from app.parsing.split.parts import MoreSeries, SeriesPart, read_parts
from app.parsing.value_findings import apply_missing
from app.quality.missing_marks import MissingMarks
from app.series.channels import missing_marks_of
from app.series.schemas import SeriesCreate
from app.series.service import ensure_all
from app.series.tables import Series

# Larger reports would be long to read: some tens of kilobytes.
MOST_WHOLE_REPORTS = 200
MOST_SHOWN = 1_000
SHOWN_OF_PARTS = ("series", "id", "rows_stored", "rows_quarantined")
# Series whose statements are sent together: a statement for each row costs more than the row.
SERIES_PER_FLUSH = 200


@dataclass(frozen=True, slots=True)
class ReadParts:
    """A file that was read into several series, to be stored."""

    request: UploadRequest
    digest: str
    options: ReadOptions
    parts: list[SeriesPart]


def upload_parts(
    database: Database,
    request: UploadRequest,
    file: IO[bytes],
    *,
    limit_bytes: int,
    most_series: int = MOST_PARTS,
) -> StoredUpload:
    """Read a file into several series; the result holds a report for each, and one for all.

    All are stored in one transaction; the same bytes again get the same reports. A file of more
    than `most_series` is not stored: the result says that it needs a job.

    Raises:
        ParsingError: If the file cannot be read or split.
        SettingsDiffer: If a series has another kind or time zone than its part.
        ChannelsDiffer, ChannelsMissing: If a part does not fit its series.
    """
    digest = sha256(file)
    with database.reading() as session:
        earlier = earlier_parts(session, request, digest)
        timezone = common_timezone(session, request)
    if earlier is not None:
        return StoredUpload(earlier, is_new=False)
    try:
        read = read_for(
            request, file, digest, timezone, limit_bytes=limit_bytes, most_series=most_series
        )
    except MoreSeries:
        return StoredUpload({}, is_new=False, needs_job=True)
    with database.transaction() as session:
        return store_parts(session, read)


def read_for(
    request: UploadRequest,
    file: IO[bytes],
    digest: str,
    timezone: str,
    *,
    limit_bytes: int,
    most_series: int = MOST_PARTS,
    report_progress: Callable[[float], None] = lambda _: None,
) -> ReadParts:
    """Read a file into several series.

    Raises:
        ParsingError: If the file cannot be read or split.
        MoreSeries: If it has more than `most_series`; their rows are not read then.
    """
    if "like" in request.options:
        raise invalid("split", "cannot be given with `like`: a part is like its own upload")
    options = ReadOptions(**request.options, series_timezone=timezone, kind=request.kind)
    parts = read_parts(
        file,
        options,
        limit_bytes=limit_bytes,
        most_series=most_series,
        report_progress=report_progress,
    )
    return ReadParts(request, digest, options, parts)


def earlier_parts(session: Session, request: UploadRequest, digest: str) -> dict[str, Any] | None:
    """The reports of the same bytes, if every series of the file still has its earlier upload."""
    possible = _possible_parts(session, request)
    found = earlier_uploads(session, possible, request, digest)
    uploads = [found[series.id] for series in possible if series.id in found]
    reports = [one.report for one in uploads if one.report.get("split")]
    if not reports or len(reports) != reports[0]["split"]["of"]:
        return None
    return report_of_all(request, digest, reports)


def report_of_all(
    request: UploadRequest, digest: str, reports: list[dict[str, Any]]
) -> dict[str, Any]:
    """The sums of all reports, and the reports in the order of names.

    Of many series, the facts of the first ones that find their reports, and the address of all.
    """
    counts = ("rows_read", "rows_stored", "rows_updated", "rows_unchanged", "rows_duplicate")
    cadences = {one["cadence"] for one in reports}
    sums = {name: sum(one[name] for one in reports) for name in (*counts, "rows_quarantined")}
    return {
        "series": len(reports),
        **sums,
        "first": min(one["first"] for one in reports),
        "last": max(one["last"] for one in reports),
        "cadence": cadences.pop() if len(cadences) == 1 else None,
        **_shown(request, digest, reports),
    }


def _shown(request: UploadRequest, digest: str, reports: list[dict[str, Any]]) -> dict[str, Any]:
    if len(reports) <= MOST_WHOLE_REPORTS:
        return {"items": reports, "next": None}
    items = [{name: one[name] for name in SHOWN_OF_PARTS} for one in reports[:MOST_SHOWN]]
    return {"items": items, "next": f"/v1/uploads?split={request.name}&sha256={digest}"}


def _possible_parts(session: Session, request: UploadRequest) -> list[Series]:
    """Series whose names begin as those that a split makes."""
    named = Series.name.startswith(f"{request.name}-", autoescape=True)
    return list(session.scalars(sa.select(Series).where(named).order_by(Series.name)))


def common_timezone(session: Session, request: UploadRequest) -> str:
    """The zone of earlier parts if all have the same, otherwise UTC."""
    zones = {series.timezone for series in _possible_parts(session, request)}
    return zones.pop() if len(zones) == 1 else "UTC"


def store_parts(
    session: Session,
    read: ReadParts,
    *,
    report_progress: Callable[[float], None] = lambda _: None,
) -> StoredUpload:
    """Store all parts in the caller's transaction, after locking all of their series.

    Args:
        session: The caller's transaction.
        read: The parts.
        report_progress: Called with the share that is stored.

    Raises:
        SettingsDiffer: If a series has another kind or time zone than its part.
        ChannelsDiffer, ChannelsMissing: If a part does not fit its series.
    """
    request, options = read.request, read.options
    existing = {series.name: series for series in _possible_parts(session, request)}
    parts = named_parts(request.name, read.parts, existing)
    constant = constant_channels(parts.values())
    locked = ensure_all(session, [_as_series(name, part) for name, part in parts.items()])
    for name, series in locked.items():
        _require_fit(series, parts[name], options)
    earlier = earlier_uploads(session, list(locked.values()), request, read.digest)
    reports = {key: upload.report for key, upload in earlier.items()}
    new = [series for series in locked.values() if series.id not in reports]
    for start in range(0, len(new), SERIES_PER_FLUSH):
        piece = new[start : start + SERIES_PER_FLUSH]
        rows = add_uploads(session, piece, request, read.digest)
        for series, row in zip(piece, rows, strict=True):
            part = parts[series.name]
            missing = missing_marks_of(series.channels)
            table = _with_missing(take_attributes(series, part, constant), missing)
            split = _split_of(part, len(parts))
            reports[series.id] = store_table(session, series, row, table, missing, split=split)
        session.flush()
        report_progress((start + len(piece)) / len(new))
    ordered = [reports[locked[name].id] for name in sorted(locked)]
    return StoredUpload(report_of_all(request, read.digest, ordered), is_new=bool(new))


def _split_of(part: SeriesPart, count: int) -> dict[str, Any]:
    column = ",".join(part.values)
    return {"column": column, "value": part.label, "of": count, "values": part.values}


def _as_series(name: str, part: SeriesPart) -> SeriesCreate:
    return SeriesCreate(name=name, kind=part.table.kind, timezone=part.table.dialect["timezone"])


def _require_fit(series: Series, part: SeriesPart, options: ReadOptions) -> None:
    """Refuse a part that does not fit its series.

    Raises:
        SettingsDiffer: If the series has another kind or time zone.
    """
    zone, kind = part.table.dialect["timezone"], part.table.kind
    # A zone that the file itself names is that of its times, whatever the series' days are.
    asked = zone if zone == options.zone else series.timezone
    given = (("kind", series.kind, kind), ("timezone", series.timezone, asked))
    for field, present, received in given:
        if present != received:
            raise SettingsDiffer(
                f"The series {series.name!r} has the {field} {present!r}, and the file was read "
                f"with {received!r}: add `{field}={present}`, or use another name."
            )


def _with_missing(table: Table, missing: MissingMarks) -> Table:
    """The part with the series' missing-value numbers as NaN."""
    return replace(table, values=apply_missing(list(table.channels), table.values, missing))
