"""The handler of `upload` jobs: read a large file that a worker fetches from the database."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Any

from sqlalchemy.orm import Session

from app.ingest import kept_files, splitting, uploads
from app.ingest.upload_requests import PreparedUpload, StoredUpload, UploadRequest, sha256
from app.jobs.task import Task
from app.parsing.errors import disk_error
from app.parsing.reader import Table
from app.settings import get_settings

# The share of the job's time that reading takes; storing takes the rest.
READING_SHARE = 0.6


def read_upload(task: Task) -> None:
    """Upload a file step by step; rows, report and the job's end are one transaction."""
    file_id, request = task.read(
        lambda session: kept_files.kept_request(session, task.attempt.job_id)
    )
    task.report(phase="copying", fraction=0.0)
    with _temporary_file() as file:
        kept_files.copy_pieces(task.read, file_id, file)
        digest = sha256(file)
        if request.is_split:
            _split(task, request, file, digest)
            return
        prepared = task.read(lambda session: uploads.prepare(session, request, digest))
        if prepared.earlier is not None:
            earlier = StoredUpload(prepared.earlier, is_new=False)
            task.finish_long(lambda _: _result(request.name, earlier))
            return
        with _within_time(task):
            table = uploads.read(
                prepared,
                file,
                limit_bytes=get_settings().decompressed_limit_bytes,
                report_progress=lambda share: task.report(
                    phase="reading", fraction=share * READING_SHARE
                ),
            )
    task.finish_long(lambda session: _store(session, task, prepared, table))


def _split(task: Task, request: UploadRequest, file: IO[bytes], digest: str) -> None:
    """Read and store a file of several series; its result names each with its report's number."""
    earlier = task.read(lambda session: splitting.earlier_parts(session, request, digest))
    if earlier is not None:
        task.finish_long(lambda _: _result_of_parts(earlier, is_new=False))
        return
    task.report(phase="reading", fraction=0.0)
    timezone = task.read(lambda session: splitting.common_timezone(session, request))
    with _within_time(task):
        read = splitting.read_for(
            request,
            file,
            digest,
            timezone,
            limit_bytes=get_settings().decompressed_limit_bytes,
            report_progress=lambda share: task.report(
                phase="reading", fraction=share * READING_SHARE
            ),
        )
    task.report(phase="storing", fraction=READING_SHARE)

    def store(session: Session) -> dict[str, Any]:
        def report_series(share: float) -> None:
            task.report(phase="storing", fraction=READING_SHARE + (1 - READING_SHARE) * share)

        stored = splitting.store_parts(session, read, report_progress=report_series)
        return _result_of_parts(stored.report, is_new=stored.is_new)

    task.finish_long(store)


def _result_of_parts(report: dict[str, Any], *, is_new: bool) -> dict[str, Any]:
    return {"location": report["next"], "is_new": is_new, "report": report}


@contextmanager
def _within_time(task: Task) -> Iterator[None]:
    """Fail the job and end its process if the reading within takes too long.

    A library that reads cannot be interrupted, and no transaction is open meanwhile.
    """
    seconds = get_settings().upload_job_seconds

    def give_up() -> None:
        task.fail(
            f"A job must read its file within {seconds:g} seconds (STATECAST_UPLOAD_JOB_SECONDS); "
            "this one takes longer. Nothing was stored: send the file in several parts."
        )
        os._exit(0)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _temporary_file() -> Any:
    try:
        return TemporaryFile()
    except OSError as error:
        raise disk_error(error) from error


def _store(session: Session, task: Task, prepared: PreparedUpload, table: Table) -> dict[str, Any]:
    def report_rows(stored: int) -> None:
        share = READING_SHARE + (1 - READING_SHARE) * stored / len(table.times)
        task.report(phase="storing", fraction=share)

    stored = uploads.store(session, prepared, table, report_progress=report_rows)
    return _result(prepared.request.name, stored)


def _result(series_name: str, stored: StoredUpload) -> dict[str, Any]:
    address = f"/v1/series/{series_name}/uploads/{stored.report['id']}"
    return {"location": address, "is_new": stored.is_new, "report": stored.report}
