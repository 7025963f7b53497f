"""Uploads: read a file, store its rows in one transaction and report.

`upload` does all of it; nothing of a refused file is stored. A worker that reads a large file takes
the same steps, `prepare`, `read` and `store`, and reports its progress.
"""

from collections.abc import Callable
from typing import IO

from sqlalchemy.orm import Session

from app.db import Database
from app.errors import SeriesChangedMeanwhile, SeriesNotFound
from app.ingest import splitting, storing
from app.ingest.quarantine import options_like
from app.ingest.queries import earlier_upload, get_upload
from app.ingest.upload_requests import (
    PreparedUpload,
    StoredUpload,
    UploadRequest,
    UploadSettings,
    sha256,
)
from app.parsing.options import MOST_PARTS
from app.parsing.reader import Table, read_table
from app.series.schemas import SeriesCreate
from app.series.service import ensure_series, get_series, lock_series
from app.series.tables import Series


def upload(
    database: Database,
    request: UploadRequest,
    file: IO[bytes],
    *,
    limit_bytes: int,
    most_series: int = MOST_PARTS,
) -> StoredUpload:
    """Read a file, store its rows and report; the same bytes again get the first report.

    With the option `split` the file becomes several series; more than `most_series` need a job.

    Raises:
        SeriesNotFound: If the series does not exist and is not to be created.
        ParsingError: If the file cannot be read, or is larger than the limit once unpacked.
        SeriesChangedMeanwhile: If the series' settings changed while the file was read.
        ChannelsDiffer, ChannelsMissing, UnitsDiffer: If it does not fit the series.
    """
    if request.is_split:
        return splitting.upload_parts(
            database, request, file, limit_bytes=limit_bytes, most_series=most_series
        )
    digest = sha256(file)
    with database.reading() as session:
        prepared = prepare(session, request, digest)
    if prepared.earlier is not None:
        return StoredUpload(prepared.earlier, is_new=False)
    table = read(prepared, file, limit_bytes=limit_bytes)
    with database.transaction() as session:
        return store(session, prepared, table)


def stored_before(
    database: Database, request: UploadRequest, file: IO[bytes], *, is_new: bool
) -> StoredUpload | None:
    """The report of the same bytes, if they are stored already.

    Args:
        database: Where the uploads are.
        request: What the sender asks for.
        file: The file's bytes.
        is_new: What the result says of itself.
    """
    digest = sha256(file)
    with database.reading() as session:
        if request.is_split:
            found = splitting.earlier_parts(session, request, digest)
        else:
            found = prepare(session, request, digest).earlier
    return None if found is None else StoredUpload(found, is_new=is_new)


def prepare(session: Session, request: UploadRequest, digest: str) -> PreparedUpload:
    """Look up the series, its settings, and an earlier upload of the same bytes.

    Raises:
        SeriesNotFound: If the series does not exist and is not to be created.
        KindDiffers: If the series is of another kind.
        UploadNotFound: If there is not an upload with the number in `like`.
        UploadWithoutNames: If that upload's report does not say how it was read.
    """
    series = _find(session, request)
    earlier = earlier_upload(session, series, request, digest) if series else None
    like = request.options.get("like")
    return PreparedUpload(
        request,
        digest,
        UploadSettings.of(series, request),
        earlier.report if earlier else None,
        {} if like is None else options_like(get_upload(session, request.name, like)),
    )


def read(
    prepared: PreparedUpload,
    file: IO[bytes],
    *,
    limit_bytes: int,
    report_progress: Callable[[float], None] = lambda _: None,
) -> Table:
    """Read the file; `report_progress` is called with the share that is read.

    Raises:
        ParsingError: If the file cannot be read, or is larger than the limit once unpacked.
    """
    return read_table(
        file, prepared.options, limit_bytes=limit_bytes, report_progress=report_progress
    )


def store(
    session: Session,
    prepared: PreparedUpload,
    table: Table,
    *,
    report_progress: Callable[[int], None] = lambda _: None,
) -> StoredUpload:
    """Store what was read in the caller's transaction.

    Args:
        session: The caller's transaction.
        prepared: How the file was read.
        table: What was read.
        report_progress: Called with the number of rows stored so far.

    Raises:
        SeriesChangedMeanwhile: If the series' settings changed while the file was read.
        ChannelsDiffer, ChannelsMissing, UnitsDiffer: If it does not fit the series.
    """
    request = prepared.request
    series = _locked(session, prepared, table)
    # The same bytes may have been stored while these were read.
    earlier = earlier_upload(session, series, request, prepared.sha256)
    if earlier:
        return StoredUpload(earlier.report, is_new=False)
    if series.revision and UploadSettings.of(series, request) != prepared.settings:
        message = "The series' settings changed while the file was read: send it again."
        raise SeriesChangedMeanwhile(message)
    (row,) = storing.add_uploads(session, [series], request, prepared.sha256)
    report = storing.store_table(
        session,
        series,
        row,
        table,
        prepared.settings.missing,
        report_progress=report_progress,
    )
    session.flush()
    return StoredUpload(report, is_new=True)


def _find(session: Session, request: UploadRequest) -> Series | None:
    try:
        return get_series(session, request.name)
    except SeriesNotFound as error:
        if request.create:
            return None
        message = f"{error.detail} Create it first, or add `?create=true`."
        raise SeriesNotFound(message) from error


def _locked(session: Session, prepared: PreparedUpload, table: Table) -> Series:
    """The series, locked until the transaction ends; created if it is to be."""
    request = prepared.request
    if not request.create:
        return lock_series(session, request.name)
    timezone = table.dialect["timezone"]
    return ensure_series(
        session, SeriesCreate(name=request.name, kind=table.kind, timezone=timezone)
    )
