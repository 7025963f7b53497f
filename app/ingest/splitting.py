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
from app.ingest.queries import earlier_upload
from app.ingest.storing import store_table
from app.ingest.upload_requests import (
    PreparedUpload,
    StoredUpload,
    UploadRequest,
    UploadSettings,
    sha256,
)
from app.parsing.keys.label_columns import invalid
from app.parsing.options import MOST_PARTS, ReadOptions
from app.parsing.reader import Table
from app.parsing.split.parts import SeriesPart, read_parts
from app.parsing.value_findings import apply_missing
from app.series.channels import missing_marks_of
from app.series.schemas import SeriesCreate
from app.series.service import ensure_series
from app.series.tables import Series, Upload


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
    read = read_for(request, file, digest, timezone, limit_bytes=limit_bytes)
    if len(read.parts) > most_series:
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
) -> ReadParts:
    """Read a file into several series.

    Raises:
        ParsingError: If the file cannot be read or split.
    """
    if "like" in request.options:
        raise invalid("split", "cannot be given with `like`: a part is like its own upload")
    options = ReadOptions(**request.options, series_timezone=timezone, kind=request.kind)
    parts = read_parts(file, options, limit_bytes=limit_bytes)
    return ReadParts(request, digest, options, parts)


def earlier_parts(session: Session, request: UploadRequest, digest: str) -> dict[str, Any] | None:
    """The reports of the same bytes, if every series of the file still has its earlier upload."""
    same_bytes = sa.select(Upload.series_id).where(Upload.sha256 == digest)
    known = set(session.scalars(same_bytes))
    found = [
        earlier_upload(session, series, request, digest)
        for series in _possible_parts(session, request)
        if series.id in known
    ]
    reports = [one.report for one in found if one is not None and one.report.get("split")]
    if not reports or len(reports) != reports[0]["split"]["of"]:
        return None
    return report_of_all(reports)


def report_of_all(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """The reports of all series, and their sums."""
    counts = ("rows_read", "rows_stored", "rows_updated", "rows_unchanged", "rows_duplicate")
    cadences = {one["cadence"] for one in reports}
    sums = {name: sum(one[name] for one in reports) for name in (*counts, "rows_quarantined")}
    return {
        "series": len(reports),
        **sums,
        "first": min(one["first"] for one in reports),
        "last": max(one["last"] for one in reports),
        "cadence": cadences.pop() if len(cadences) == 1 else None,
        "items": reports,
    }


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
    """Store all parts in the caller's transaction.

    Raises:
        SettingsDiffer: If a series has another kind or time zone than its part.
        ChannelsDiffer, ChannelsMissing: If a part does not fit its series.
    """
    request, options = read.request, read.options
    existing = {series.name: series for series in _possible_parts(session, request)}
    parts = named_parts(request.name, read.parts, existing)
    constant = constant_channels(parts.values())
    # All locks are taken in the order of the names: two such files at once wait and do not
    # deadlock.
    locked = {name: _locked(session, name, parts[name], options) for name in sorted(parts)}
    reports, is_new = [], False
    for number, (name, series) in enumerate(locked.items()):
        part_request = replace(request, name=name)
        earlier = earlier_upload(session, series, part_request, read.digest)
        if earlier is None:
            part = parts[name]
            table = _with_missing(series, take_attributes(series, part, constant))
            settings = UploadSettings(
                request.kind, series.timezone, missing_marks_of(series.channels)
            )
            prepared = PreparedUpload(part_request, read.digest, settings)
            split = _split_of(part, len(parts))
            reports.append(store_table(session, series, table, prepared, split=split))
            is_new = True
        else:
            reports.append(earlier.report)
        report_progress((number + 1) / len(locked))
    return StoredUpload(report_of_all(reports), is_new=is_new)


def _split_of(part: SeriesPart, count: int) -> dict[str, Any]:
    column = ",".join(part.values)
    return {"column": column, "value": part.label, "of": count, "values": part.values}


def _locked(session: Session, name: str, part: SeriesPart, options: ReadOptions) -> Series:
    zone = part.table.dialect["timezone"]
    new = SeriesCreate(name=name, kind=part.table.kind, timezone=zone)
    series = ensure_series(session, new)
    # A zone that the file itself names is that of its times, whatever the series' days are.
    asked = zone if zone == options.zone else series.timezone
    given = (("kind", series.kind, new.kind), ("timezone", series.timezone, asked))
    for field, present, received in given:
        if present != received:
            raise SettingsDiffer(
                f"The series {name!r} has the {field} {present!r}, and the file was read with "
                f"{received!r}: add `{field}={present}`, or use another name."
            )
    return series


def _with_missing(series: Series, table: Table) -> Table:
    """The part with the series' missing-value numbers as NaN."""
    missing = missing_marks_of(series.channels)
    return replace(table, values=apply_missing(list(table.channels), table.values, missing))
