"""Large files, kept in the database in pieces until a worker has read them."""

import dataclasses
import itertools
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import IO

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Database, utc_now
from app.ingest.upload_requests import UploadRequest
from app.jobs import service as jobs
from app.jobs.schemas import JobRead
from app.jobs.tables import Job
from app.jobs.views import read_job
from app.series.tables import KeptFile, KeptPiece

# Each piece has its own transaction: other writers to SQLite wait for one piece at most.
PIECE_BYTES = 4 * 1024 * 1024
# Files without a job are of a web process that was killed while it stored one.
ORPHANED_AFTER = timedelta(days=1)


def keep(database: Database, request: UploadRequest, file: IO[bytes]) -> JobRead:
    """Keep a file and queue the job that reads it, once the whole file is stored."""
    size_bytes = file.seek(0, 2)
    file.seek(0)
    with database.transaction() as session:
        _delete_orphans(session)
        kept = KeptFile(request=dataclasses.asdict(request), size_bytes=size_bytes)
        session.add(kept)
        session.flush()
        file_id = kept.id
    for number, data in enumerate(iter(partial(file.read, PIECE_BYTES), b"")):
        with database.transaction() as session:
            piece = {"file_id": file_id, "number": number, "data": data}
            session.execute(sa.insert(KeptPiece), piece)
    with database.transaction() as session:
        job = jobs.enqueue(session, "upload", {"series": request.name, "bytes": size_bytes})
        session.get_one(KeptFile, file_id).job_id = job.id
        return read_job(session, job)


def kept_request(session: Session, job_id: str) -> tuple[int, UploadRequest]:
    """The id of a job's file, and the request that it came with."""
    kept = session.scalars(sa.select(KeptFile).where(KeptFile.job_id == job_id)).one()
    return kept.id, UploadRequest.from_json(kept.request)


def copy_pieces(
    read: Callable[[Callable[[Session], bytes | None]], bytes | None],
    file_id: int,
    target: IO[bytes],
) -> None:
    """Copy a kept file to `target`; each piece is read in its own transaction."""
    for number in itertools.count():
        piece = read(partial(_piece, file_id=file_id, number=number))
        if piece is None:
            break
        target.write(piece)
    target.seek(0)


def upload_ended(session: Session, job: Job) -> None:
    """Delete the kept file of a job that has succeeded, failed or been cancelled."""
    session.execute(sa.delete(KeptFile).where(KeptFile.job_id == job.id))


def _piece(session: Session, *, file_id: int, number: int) -> bytes | None:
    statement = sa.select(KeptPiece.data).where(
        KeptPiece.file_id == file_id, KeptPiece.number == number
    )
    return session.scalar(statement)


def _delete_orphans(session: Session) -> None:
    orphaned = sa.and_(KeptFile.job_id.is_(None), KeptFile.created_at < utc_now() - ORPHANED_AFTER)
    session.execute(sa.delete(KeptFile).where(orphaned))
