"""Artefacts of trained versions: from the database to a download or a ready forecaster."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Literal

import sqlalchemy as sa
from fastapi import Response
from sqlalchemy.orm import Session

from app.errors import VersionNotTrained, VersionUnreadable
from app.jobs.tables import Job
from app.registry.bundles import read_bundle_bytes
from app.registry.tables import Bundle, ModelVersion
from models.errors import ArtefactError
from models.serving.artefact import read_bundle
from models.serving.forecaster import Forecaster

# A forecaster's session takes one or two megabytes; the bound keeps the process small.
FORECASTERS_KEPT = 32

# What `ForecasterCache.get` raises.
FORECASTER_ERRORS = (VersionNotTrained, VersionUnreadable)

SUFFIXES = {"bundle": ".zip", "keras": ".keras", "onnx": ".onnx"}


class ForecasterCache:
    """The last used forecasters, ready to run.

    The key is the training job's id: unlike row ids it is never used twice, so an entry
    can never be that of another model.
    """

    def __init__(self, capacity: int = FORECASTERS_KEPT) -> None:
        self._capacity = capacity
        self._ready: OrderedDict[str, Forecaster] = OrderedDict()
        self._lock = Lock()

    def get(self, session: Session, version: ModelVersion, job: Job) -> Forecaster:
        """The version's forecaster, read from the database when it is not in memory.

        Raises:
            VersionNotTrained: If the version is not trained (yet).
            VersionUnreadable: If it is of a release whose bundles are others.
        """
        return self._get(job.id, lambda: read_bundle_bytes(session, version, job))

    def get_trained(self, session: Session, version_id: int, job_id: str) -> Forecaster:
        """The forecaster of a version that is known to be trained, by ids alone."""

        def read() -> bytes:
            statement = sa.select(Bundle.content).where(Bundle.version_id == version_id)
            return session.execute(statement).scalar_one()

        return self._get(job_id, read)

    def _get(self, job_id: str, read: Callable[[], bytes]) -> Forecaster:
        with self._lock:
            found = self._ready.get(job_id)
            if found is not None:
                self._ready.move_to_end(job_id)
                return found
        try:
            made = Forecaster.from_bundle(read())
        except ArtefactError as error:
            raise VersionUnreadable(
                f"The version cannot be read by this release: {error} Train the model again."
            ) from error
        with self._lock:
            self._ready[job_id] = made
            if len(self._ready) > self._capacity:
                self._ready.popitem(last=False)
        return made


forecasters = ForecasterCache()


def download(bundle: bytes, kind: Literal["bundle", "keras", "onnx"], stem: str) -> Response:
    """A bundle, or one of its parts, as a file."""
    content = bundle if kind == "bundle" else getattr(read_bundle(bundle), kind)
    return Response(
        content,
        media_type="application/zip" if kind == "bundle" else "application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{stem}{SUFFIXES[kind]}"'},
    )
