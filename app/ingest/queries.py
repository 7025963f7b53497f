"""Queries of uploads: one of a series, and the earlier ones of the same bytes."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import UploadNotFound
from app.ingest.upload_requests import UploadRequest
from app.quality.missing_marks import MissingMarks, numbers_of, texts_of
from app.series.channels import missing_marks_of
from app.series.revisions import last_undo_revision
from app.series.service import get_series
from app.series.tables import Series, Upload

# Databases limit the number of a statement's parameters.
SERIES_PER_QUERY = 10_000


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
    """The upload of the same bytes to a series, if it would change nothing now."""
    return earlier_uploads(session, [series], request, sha256).get(series.id)


def earlier_uploads(
    session: Session, series: Sequence[Series], request: UploadRequest, sha256: str
) -> dict[int, Upload]:
    """The uploads of the same bytes, read in the same way, that would change nothing now.

    Returns:
        The last one of each series that has one, by the series' key.
    """
    last: dict[int, Upload] = {}
    keys = [one.id for one in series if one.revision]
    for start in range(0, len(keys), SERIES_PER_QUERY):
        piece = Upload.series_id.in_(keys[start : start + SERIES_PER_QUERY])
        statement = sa.select(Upload).where(piece, Upload.sha256 == sha256).order_by(Upload.id)
        for upload in session.scalars(statement):
            if upload.parameters == request.parameters:
                last[upload.series_id] = upload
    found = {one.id: one for one in series}
    return {key: upload for key, upload in last.items() if _is_current(session, found[key], upload)}


def uploads_of_parts(name: str, sha256: str) -> sa.Select[Upload]:
    """The uploads of one file to the series that it was split into."""
    is_part = Series.name.startswith(f"{name}-", autoescape=True)
    parts = sa.select(Series.id).where(is_part)
    return sa.select(Upload).where(Upload.series_id.in_(parts), Upload.sha256 == sha256)


def _is_current(session: Session, series: Series, earlier: Upload) -> bool:
    """Whether an upload would change nothing now.

    It would if a write was undone since, if numbers that it stored as missing are no longer
    missing-value numbers of the channel, or if texts that mean missing were added and rows of it
    are quarantined: fields with such texts may have been the reason.
    """
    revision = earlier.report["revision"]
    if revision < series.revision and revision < last_undo_revision(session, series):
        return False
    then: MissingMarks = earlier.report["dialect"].get("missing", {})
    now = missing_marks_of(series.channels)
    has_changed = any(set(numbers_of(then[name])) - set(now.get(name, [])) for name in then)
    if earlier.report["rows_quarantined"]:
        has_changed |= any(set(texts_of(now[name])) - set(then.get(name, [])) for name in now)
    return not has_changed
