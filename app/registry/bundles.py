"""Read stored bundles as bytes, without loading ONNX Runtime."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import VersionNotTrained
from app.jobs.tables import Job
from app.registry.tables import Bundle, ModelVersion


def read_bundle_bytes(session: Session, version: ModelVersion, job: Job) -> bytes:
    """The stored bundle of a version.

    Raises:
        VersionNotTrained: If the version is not trained (yet).
    """
    content = session.scalar(sa.select(Bundle.content).where(Bundle.version_id == version.id))
    if content is None:
        raise VersionNotTrained(
            f"Version {version.number} has no artefact: its training job {job.id} is {job.state}."
        )
    return content
