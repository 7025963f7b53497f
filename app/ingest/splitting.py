"""Uploads of several series in one file: a column says which row is of which series."""

import re
from collections import defaultdict
from dataclasses import replace
from typing import IO

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import Invalid, SettingsDiffer
from app.ingest import uploads
from app.ingest.uploads import Prepared, Settings, Stored, UploadRequest
from app.parsing.options import ReadOptions
from app.parsing.parts import Part, read_parts
from app.parsing.reader import Table
from app.parsing.value_findings import apply_missing
from app.series.channels import sentinels_of
from app.series.schemas import SeriesCreate
from app.series.service import ensure_series
from app.series.tables import NAME_LENGTH, Series, Upload
from models.errors import Problem

NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def upload(
    database: Database, request: UploadRequest, file: IO[bytes], *, limit_bytes: int
) -> Stored:
    """Read a file into a series, or with `split` into several; see `uploads.upload`.

    The answer for several holds their reports. All are stored in one transaction; the same bytes
    again get the same reports.
    """
    if "split" not in request.options:
        return uploads.upload(database, request, file, limit_bytes=limit_bytes)
    if "like" in request.options:
        raise _refusal("`split` and `like` cannot be given together: a part is like its own upload")
    digest = uploads.sha256(file)
    with database.reading() as session:
        stored = _earlier(session, request, digest)
        timezone = _timezone(session, request)
    if stored is not None:
        return stored
    options = ReadOptions(**{"timezone": timezone, **request.options}, kind=request.kind)
    parts = _named(request, read_parts(file, options, limit_bytes=limit_bytes))
    with database.transaction() as session:
        return _store(session, request, digest, options, parts)


def stored_before(
    database: Database, request: UploadRequest, file: IO[bytes], *, is_new: bool
) -> Stored | None:
    """The answer for the same bytes, if they are stored already."""
    if "split" not in request.options:
        return uploads.stored_before(database, request, file, is_new=is_new)
    digest = uploads.sha256(file)
    with database.reading() as session:
        found = _earlier(session, request, digest)
    return None if found is None else replace(found, is_new=is_new)


def _relatives(session: Session, request: UploadRequest) -> list[Series]:
    """Series with names as a split gives them."""
    named = Series.name.startswith(f"{request.name}-", autoescape=True)
    return list(session.scalars(sa.select(Series).where(named).order_by(Series.name)))


def _earlier(session: Session, request: UploadRequest, digest: str) -> Stored | None:
    """The reports of the same bytes, if all of the series still have what they brought."""
    same_bytes = sa.select(Upload.series_id).where(Upload.sha256 == digest)
    known = set(session.scalars(same_bytes))
    found = [
        uploads.earlier_upload(session, series, request, digest)
        for series in _relatives(session, request)
        if series.id in known
    ]
    reports = [one.report for one in found if one is not None and one.report.get("split")]
    if not reports or len(reports) != reports[0]["split"]["of"]:
        return None
    return Stored({"items": reports}, is_new=False)


def _timezone(session: Session, request: UploadRequest) -> str:
    """The zone of earlier parts, if they have one in common."""
    zones = {series.timezone for series in _relatives(session, request)}
    return zones.pop() if len(zones) == 1 else "UTC"


def _named(request: UploadRequest, parts: list[Part]) -> dict[str, Part]:
    """The parts by the names of their series.

    Raises:
        Invalid: If two would have one name, or one none that a series can have.
    """
    labels: dict[str, list[str]] = defaultdict(list)
    for part in parts:
        labels[_name(request.name, part.label)].append(part.label)
    clashes = [
        f"{name} ({', '.join(map(repr, both))})" for name, both in labels.items() if both[1:]
    ]
    if clashes:
        raise _refusal(
            f"`split` must give each value a series of its own name. Received: {'; '.join(clashes)}"
        )
    return {_name(request.name, part.label): part for part in parts}


def _name(name: str, label: str) -> str:
    behind = NOT_IN_NAMES.sub("-", label).strip("-")
    whole = f"{name}-{behind}"
    if not behind or len(whole) > NAME_LENGTH:
        raise _refusal(
            f"`split` must name a column whose values can end a series' name of at most "
            f"{NAME_LENGTH} letters, digits, `.`, `_` and `-`. Received: {label[:NAME_LENGTH]!r}"
        )
    return whole


def _refusal(message: str) -> Invalid:
    return Invalid(message, errors=[Problem("/query/split", message)])


def _store(
    session: Session,
    request: UploadRequest,
    digest: str,
    options: ReadOptions,
    parts: dict[str, Part],
) -> Stored:
    """Store all parts in the caller's transaction."""
    # All locks in the order of the names: two such files at once wait and do not deadlock.
    locked = {name: _locked(session, name, parts[name], options) for name in sorted(parts)}
    reports, is_new = [], False
    for name, series in locked.items():
        of_part = replace(request, name=name)
        earlier = uploads.earlier_upload(session, series, of_part, digest)
        if earlier is None:
            split = {"column": options.split, "value": parts[name].label, "of": len(parts)}
            table = _with_missing(series, parts[name].table)
            prepared = _prepared(series, of_part, digest, table)
            reports.append(uploads.store_table(session, series, table, prepared, split=split))
            is_new = True
        else:
            reports.append(earlier.report)
    return Stored({"items": reports}, is_new=is_new)


def _locked(session: Session, name: str, part: Part, options: ReadOptions) -> Series:
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


def _prepared(series: Series, request: UploadRequest, digest: str, table: Table) -> Prepared:
    """A part as an upload of its series."""
    settings = Settings(request.kind, series.timezone, sentinels_of(series.channels))
    return Prepared(request, digest, settings, None, table)


def _with_missing(series: Series, table: Table) -> Table:
    """The part without the numbers that its series calls missing."""
    missing = sentinels_of(series.channels)
    return replace(table, values=apply_missing(list(table.channels), table.values, missing))
