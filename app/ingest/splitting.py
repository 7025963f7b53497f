"""Uploads of several series in one file: a column names the series of each row."""

import re
from collections import defaultdict
from dataclasses import replace
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import SettingsDiffer
from app.ingest.queries import earlier_upload
from app.ingest.storing import store_table
from app.ingest.upload_requests import (
    PreparedUpload,
    StoredUpload,
    UploadRequest,
    UploadSettings,
    sha256,
)
from app.parsing.options import ReadOptions
from app.parsing.parts import SeriesPart, read_parts, split_invalid
from app.parsing.reader import Table
from app.parsing.value_findings import apply_missing
from app.series.channels import missing_marks_of
from app.series.schemas import SeriesCreate
from app.series.service import ensure_series
from app.series.tables import NAME_LENGTH, Series, Upload

NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def upload_parts(
    database: Database, request: UploadRequest, file: IO[bytes], *, limit_bytes: int
) -> StoredUpload:
    """Read a file into several series; the result holds a report for each.

    All are stored in one transaction; the same bytes again get the same reports.

    Raises:
        ParsingError: If the file cannot be read or split.
        SettingsDiffer: If a series has another kind or time zone than its part.
        ChannelsDiffer, ChannelsMissing: If a part does not fit its series.
    """
    if "like" in request.options:
        raise split_invalid(
            "`split` and `like` cannot be given together: a part is like its own upload"
        )
    digest = sha256(file)
    with database.reading() as session:
        earlier = earlier_parts(session, request, digest)
        timezone = _common_timezone(session, request)
    if earlier is not None:
        return StoredUpload(earlier, is_new=False)
    options = ReadOptions(**{"timezone": timezone, **request.options}, kind=request.kind)
    parts = _by_series_name(request, read_parts(file, options, limit_bytes=limit_bytes))
    with database.transaction() as session:
        return _store(session, request, digest, options, parts)


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
    return {"items": reports}


def _possible_parts(session: Session, request: UploadRequest) -> list[Series]:
    """Series whose names begin as those that a split makes."""
    named = Series.name.startswith(f"{request.name}-", autoescape=True)
    return list(session.scalars(sa.select(Series).where(named).order_by(Series.name)))


def _common_timezone(session: Session, request: UploadRequest) -> str:
    """The zone of earlier parts if all have the same, otherwise UTC."""
    zones = {series.timezone for series in _possible_parts(session, request)}
    return zones.pop() if len(zones) == 1 else "UTC"


def _by_series_name(request: UploadRequest, parts: list[SeriesPart]) -> dict[str, SeriesPart]:
    """The parts by the names of their series.

    Raises:
        OptionInvalid: If two parts would have the same name, or a part's is not a valid name.
    """
    labels: dict[str, list[str]] = defaultdict(list)
    for part in parts:
        labels[_series_name(request.name, part.label)].append(part.label)
    clashes = [
        f"{name} ({', '.join(map(repr, both))})" for name, both in labels.items() if both[1:]
    ]
    if clashes:
        raise split_invalid(
            f"`split` must give each value a series of its own name. Received: {'; '.join(clashes)}"
        )
    return {_series_name(request.name, part.label): part for part in parts}


def _series_name(name: str, label: str) -> str:
    ending = NOT_IN_NAMES.sub("-", label).strip("-")
    whole = f"{name}-{ending}"
    if not ending or len(whole) > NAME_LENGTH:
        raise split_invalid(
            f"`split` must name a column whose values can end a series' name of at most "
            f"{NAME_LENGTH} letters, digits, `.`, `_` and `-`. Received: {label[:NAME_LENGTH]!r}"
        )
    return whole


def _store(
    session: Session,
    request: UploadRequest,
    digest: str,
    options: ReadOptions,
    parts: dict[str, SeriesPart],
) -> StoredUpload:
    """Store all parts in the caller's transaction."""
    # All locks are taken in the order of the names: two such files at once wait and do not
    # deadlock.
    locked = {name: _locked(session, name, parts[name], options) for name in sorted(parts)}
    reports, is_new = [], False
    for name, series in locked.items():
        part_request = replace(request, name=name)
        earlier = earlier_upload(session, series, part_request, digest)
        if earlier is None:
            split = {"column": options.split, "value": parts[name].label, "of": len(parts)}
            table = _with_missing(series, parts[name].table)
            settings = UploadSettings(
                request.kind, series.timezone, missing_marks_of(series.channels)
            )
            prepared = PreparedUpload(part_request, digest, settings)
            reports.append(store_table(session, series, table, prepared, split=split))
            is_new = True
        else:
            reports.append(earlier.report)
    return StoredUpload({"items": reports}, is_new=is_new)


def _locked(session: Session, name: str, part: SeriesPart, options: ReadOptions) -> Series:
    new = SeriesCreate(name=name, kind=part.table.kind, timezone=options.timezone)
    series = ensure_series(session, new)
    given = (("kind", series.kind, new.kind), ("timezone", series.timezone, new.timezone))
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
