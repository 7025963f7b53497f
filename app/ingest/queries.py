"""Queries of uploads: one of a series, and the earlier one of the same bytes."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import UploadNotFound
from app.ingest.upload_requests import UploadRequest
from app.quality.missing_marks import MissingMarks, numbers_of, texts_of
from app.series.channels import missing_marks_of
from app.series.revisions import last_undo_revision
from app.series.service import get_series
from app.series.tables import Series, Upload


def get_upload(session: Session, name: str, upload_id: int) -> Upload:
    """One upload of a series.

    Raises:
        SeriesNotFound, UploadNotFound: If the series or the upload does not exist.
    """
    series = get_series(session, name)
    found = session.get(Upload, upload_id)
    if found is None or found.series_id != series.id:
        raise UploadNotFound(f"The series {name!r} has no upload {upload_id}.")
    return found


def earlier_upload(
    session: Session, series: Series, request: UploadRequest, sha256: str
) -> Upload | None:
    """The upload of the same bytes, read in the same way, if it would change nothing now.

    It would if a write was undone since, if numbers that it stored as missing are no longer
    missing-value numbers of the channel, or if texts that mean missing were added and rows of it
    are quarantined: fields with such texts may have been the reason.
    """
    statement = sa.select(Upload).where(Upload.series_id == series.id, Upload.sha256 == sha256)
    uploads = session.scalars(statement.order_by(Upload.id.desc()))
    earlier = next((one for one in uploads if one.parameters == request.parameters), None)
    if earlier is None or earlier.report["revision"] < last_undo_revision(session, series):
        return None
    then: MissingMarks = earlier.report["dialect"].get("missing", {})
    now = missing_marks_of(series.channels)
    has_changed = any(set(numbers_of(then[name])) - set(now.get(name, [])) for name in then)
    if earlier.report["rows_quarantined"]:
        has_changed |= any(set(texts_of(now[name])) - set(then.get(name, [])) for name in now)
    return None if has_changed else earlier
