"""The handler of `upload`: a kept file in, its rows and its report in the database."""

from tempfile import TemporaryFile
from typing import Any

from sqlalchemy.orm import Session

from app.errors import disk_error
from app.ingest import kept_files, uploads
from app.ingest.uploads import Prepared
from app.jobs.task import Task
from app.settings import get_settings

# How much of the time goes into reading; the rest into storing.
READING_SHARE = 0.6


def read_upload(task: Task) -> None:
    """Read a file as an upload does; rows, report and the end of the job are one transaction."""
    file_id, request = task.read(
        lambda session: kept_files.kept_request(session, task.attempt.job_id)
    )
    task.report(phase="copying", fraction=0.0)
    with _temporary_file() as file:
        kept_files.copy_pieces(task.read, file_id, file)
        digest = uploads.sha256(file)
        prepared = task.read(lambda session: uploads.prepare(session, request, digest))
        if prepared.earlier is None:
            prepared = prepared.read(
                file,
                limit_bytes=get_settings().decompressed_limit_bytes,
                tell=lambda share: task.report(phase="reading", fraction=share * READING_SHARE),
            )
    task.finish_long(lambda session: _store(session, task, prepared))


def _temporary_file() -> Any:
    try:
        return TemporaryFile()
    except OSError as error:
        raise disk_error(error) from error


def _store(session: Session, task: Task, prepared: Prepared) -> dict[str, Any]:
    rows = prepared.rows

    def tell(done: int) -> None:
        share = READING_SHARE + (1 - READING_SHARE) * done / rows
        task.report(phase="storing", fraction=share)

    stored = uploads.store(session, prepared, tell=tell)
    address = f"/v1/series/{prepared.request.name}/uploads/{stored.report['id']}"
    return {"location": address, "is_new": stored.is_new, "report": stored.report}
