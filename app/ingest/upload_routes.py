"""Routes of uploads: send or inspect a file, read its report, download its quarantined rows."""

from functools import partial
from typing import IO, Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from app.db import Database
from app.dependencies import DatabaseDependency, SettingsDependency
from app.edge.limits import RowId
from app.edge.routing import ServiceRouter
from app.errors import (
    CalendarUnavailable,
    ChannelsDiffer,
    ChannelsMissing,
    FileProcessesBusy,
    FileProcessFailed,
    FileTakesTooLong,
    FileTakesTooMuchMemory,
    KindDiffers,
    SeriesChangedMeanwhile,
    SeriesNotFound,
    ServiceError,
    SettingsDiffer,
    UnitsDiffer,
    UploadNotFound,
    UploadTooLarge,
    UploadWithoutNames,
)
from app.ingest import kept_files, quarantine, queries, uploads
from app.ingest.inspection import InspectionRead
from app.ingest.processes.pool import FileProcesses, FileProcessesDependency
from app.ingest.receiving import disconnected, received_file
from app.ingest.reports import SplitReport, UploadReport
from app.ingest.upload_requests import StoredUpload, UploadRequest
from app.instruments.work import UploadOutcome, count_upload
from app.jobs.schemas import JobRead
from app.pagination import Page, Paging
from app.parsing.errors import ParsingError
from app.parsing.options import ReadOptions
from app.parsing.sources.unpacking import is_larger
from app.parsing_problems import INSPECTION_PROBLEMS, PROBLEMS
from app.problems import documented
from app.series.fields.types import SeriesName
from app.series.schemas import SeriesUploadQuery, UploadQuery
from app.series.service import get_series
from app.series.tables import Upload

router = ServiceRouter(tags=["uploads"])

# Errors of uploads and inspections alike.
FILE_ERRORS: list[type[ServiceError]] = [
    UploadTooLarge,
    FileTakesTooLong,
    FileTakesTooMuchMemory,
    FileProcessFailed,
    FileProcessesBusy,
    *INSPECTION_PROBLEMS,
]
BINARY = {"schema": {"type": "string", "format": "binary"}}
FILE_BODY = {
    "requestBody": {
        "required": True,
        "description": "CSV or another delimited text; JSON lines, arrays or documents that hold "
        "a table; a workbook (xlsx, ods); Parquet or Arrow (IPC file or stream); InfluxDB line "
        "protocol; series of Monash (.tsf) or sktime (.ts); plain, gzip or zip with one file.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
            "text/csv": {
                "schema": {"type": "string"},
                "example": "time,temperature\n2024-01-01T00:00:00Z,3.5\n",
            },
            "application/x-ndjson": {"schema": {"type": "string"}},
            "application/vnd.apache.parquet": BINARY,
            "application/vnd.apache.arrow.stream": BINARY,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": BINARY,
            "application/vnd.oasis.opendocument.spreadsheet": BINARY,
            "application/gzip": BINARY,
        },
    }
}
QUARANTINE_CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "CSV with `line,reason,text`, or the lines as in the file.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}


@router.post(
    "/series/{name}/uploads",
    status_code=201,
    response_model=UploadReport | SplitReport,
    responses={
        200: {
            "model": UploadReport | SplitReport,
            "description": "The same bytes again: the first report.",
        },
        202: {
            "model": JobRead,
            "description": "A file above STATECAST_UPLOAD_JOB_BYTES, or of more series than "
            "STATECAST_SPLIT_JOB_SERIES: the job that reads it.",
        },
        **documented(
            SeriesNotFound,
            UploadNotFound,
            ChannelsDiffer,
            UnitsDiffer,
            SettingsDiffer,
            SeriesChangedMeanwhile,
            UploadWithoutNames,
            CalendarUnavailable,
            KindDiffers,
            ChannelsMissing,
            *FILE_ERRORS,
            *PROBLEMS.values(),
        ),
    },
    openapi_extra=FILE_BODY,
)
async def upload_file(
    name: SeriesName,
    request: Request,
    database: DatabaseDependency,
    processes: FileProcessesDependency,
    query: Annotated[SeriesUploadQuery, Query()],
) -> Response:
    """Read a file into a series and report the findings; rows that cannot be used are quarantined.

    Dialect, columns and times are detected. A file that can be read in two ways is refused with
    422: the detail shows both readings and the query parameter that resolves it. Columns of bars
    are recognised by name in any case and order (`Open`, `o`, `GSPC.Open`, `Close AAPL`, ...), or
    without names by the rules that prices obey; their channels are open, high, low, close,
    adj_close, volume. A very large file is answered with 202 and a job whose result holds the
    report. A file of several series is refused with a list of them; with `split` each becomes a
    series.
    """
    upload = UploadRequest(name, query.options(), create=query.create, kind=query.kind)
    try:
        return await _stored_or_queued(upload, request, database, processes)
    except Exception as error:
        count_upload(_outcome(error))
        raise


async def _stored_or_queued(
    upload: UploadRequest, request: Request, database: Database, processes: FileProcesses
) -> Response:
    settings = processes.settings
    async with received_file(request, limit_bytes=settings.upload_limit_bytes) as file:
        if await run_in_threadpool(is_larger, file, settings.upload_job_bytes):
            return await run_in_threadpool(_queue_job, database, upload, file)
        stored = await processes.upload(upload, file, partial(disconnected, request))
        if stored.needs_job:
            return await run_in_threadpool(_queue_job, database, upload, file)
    return _reported(upload.name, stored)


def _outcome(error: Exception) -> UploadOutcome:
    if isinstance(error, ServiceError):
        return "refused" if error.status < 500 else "failed"
    return "refused" if isinstance(error, ParsingError) else "failed"


def _reported(name: str, stored: StoredUpload) -> Response:
    if stored.is_new:
        count_upload("stored", stored.report["rows_stored"])
    else:
        count_upload("repeated")
    status = 201 if stored.is_new else 200
    if "items" in stored.report:
        return JSONResponse(stored.report, status)
    location = {"Location": f"/v1/series/{name}/uploads/{stored.report['id']}"}
    return JSONResponse(stored.report, status, headers=location)


def _queue_job(database: Database, upload: UploadRequest, file: IO[bytes]) -> Response:
    """Queue a job that reads the file, unless its bytes are stored already."""
    earlier = uploads.stored_before(database, upload, file, is_new=False)
    if earlier is not None:
        return _reported(upload.name, earlier)
    job = kept_files.keep(database, upload, file)
    count_upload("queued")
    location = {"Location": f"/v1/jobs/{job.id}"}
    return Response(job.model_dump_json(), 202, location, "application/json")


@router.post(
    "/uploads:inspect",
    responses=documented(*FILE_ERRORS),
    openapi_extra=FILE_BODY,
)
async def inspect_file(
    request: Request,
    processes: FileProcessesDependency,
    settings: SettingsDependency,
    query: Annotated[UploadQuery, Query()],
) -> InspectionRead:
    """Read a file as an upload would and describe how it was understood; nothing is stored.

    A file that cannot be read is answered with 200 too: `problems` says why, and which query
    parameters can resolve it. Times without an offset are read in UTC unless `timezone` is given.
    """
    options = ReadOptions(**query.options(), kind=query.kind)
    async with received_file(request, limit_bytes=settings.upload_limit_bytes) as file:
        return await processes.inspect(options, file, partial(disconnected, request))


@router.get("/uploads")
def list_split_uploads(
    database: DatabaseDependency,
    paging: Paging,
    split: Annotated[SeriesName, Query(description="The name that the file was uploaded to.")],
    sha256: Annotated[str, Query(pattern="^[0-9a-f]{64}$", description="The file's hash.")],
) -> Page[UploadReport]:
    """List the reports of the series that a file was split into, by name."""
    with database.reading() as session:
        statement = queries.uploads_of_parts(split, sha256)
        rows = session.scalars(paging.select(statement, Upload.id)).all()
        return paging.page(
            rows, key=lambda row: row.id, read=lambda row: UploadReport.model_validate(row.report)
        )


@router.get("/series/{name}/uploads", responses=documented(SeriesNotFound))
def list_uploads(name: str, database: DatabaseDependency, paging: Paging) -> Page[UploadReport]:
    """List the reports of a series' uploads, newest first."""
    with database.reading() as session:
        series = get_series(session, name)
        statement = sa.select(Upload).where(Upload.series_id == series.id)
        rows = session.scalars(paging.select(statement, Upload.id, descending=True)).all()
        return paging.page(
            rows, key=lambda row: row.id, read=lambda row: UploadReport.model_validate(row.report)
        )


@router.get(
    "/series/{name}/uploads/{upload_id}",
    response_model=UploadReport,
    responses=documented(SeriesNotFound, UploadNotFound),
)
def show_upload(name: str, upload_id: RowId, database: DatabaseDependency) -> dict[str, Any]:
    """Show the report of one upload."""
    with database.reading() as session:
        return queries.get_upload(session, name, upload_id).report


@router.get(
    "/series/{name}/uploads/{upload_id}/quarantine",
    response_class=Response,
    responses={**QUARANTINE_CSV, **documented(SeriesNotFound, UploadNotFound, UploadWithoutNames)},
)
def download_quarantine(
    name: str,
    upload_id: RowId,
    database: DatabaseDependency,
    form: Annotated[
        Literal["list", "rows"],
        Query(
            alias="format",
            description="`list`: CSV with `line,reason,text`. `rows`: the lines below the names of "
            "the columns, to be corrected and uploaded with `like={upload_id}`.",
        ),
    ] = "list",
) -> Response:
    """Download the rows that could not be stored: why, or as a file to correct and send again.

    Text that a spreadsheet would run as a formula has an apostrophe before it.
    """
    with database.reading() as session:
        found = queries.get_upload(session, name, upload_id)
        rows = quarantine.quarantined_rows(session, found.id)
        content = quarantine.as_list(rows) if form == "list" else quarantine.as_file(found, rows)
    return Response(content, media_type="text/csv")
