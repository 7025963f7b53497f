"""Cache of the most recently used forecasters, loaded from the stored bundles."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import VersionNotTrained, VersionUnreadable
from app.jobs.tables import Job
from app.registry.bundles import read_bundle_bytes
from app.registry.tables import Bundle, ModelVersion
from models.errors import ArtefactError
from models.serving.forecaster import Forecaster

# A forecaster's session takes one or two megabytes; the limit bounds the process's memory.
FORECASTERS_KEPT = 32

# What `ForecasterCache.get` raises.
FORECASTER_ERRORS = (VersionNotTrained, VersionUnreadable)


class ForecasterCache:
    """The most recently used forecasters, ready to run.

    The key is the training job's id: unlike row ids it is never reused, so an entry cannot be that
    of another model.
    """

    def __init__(self, capacity: int = FORECASTERS_KEPT) -> None:
        self._capacity = capacity
        self._ready: OrderedDict[str, Forecaster] = OrderedDict()
        self._lock = Lock()

    def get(self, session: Session, version: ModelVersion, job: Job) -> Forecaster:
        """The version's forecaster, loaded from the database if it is not cached.

        Raises:
            VersionNotTrained: If the version is not trained (yet).
            VersionUnreadable: If this release cannot read its bundle.
        """
        return self._get(job.id, lambda: read_bundle_bytes(session, version, job))

    def get_trained(self, session: Session, version_id: int, job_id: str) -> Forecaster:
        """The forecaster of a version that is known to be trained, by ids."""

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
            loaded = Forecaster.from_bundle(read())
        except ArtefactError as error:
            raise VersionUnreadable(
                f"The version cannot be read by this release: {error} Train the model again."
            ) from error
        with self._lock:
            self._ready[job_id] = loaded
            if len(self._ready) > self._capacity:
                self._ready.popitem(last=False)
        return loaded


forecasters = ForecasterCache()
