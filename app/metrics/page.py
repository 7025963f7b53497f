"""The page of `/metrics`: what the process has counted, and what the database answers."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from sqlalchemy.pool import QueuePool

from app.db import Database
from app.instruments.registry import counted
from app.metrics import figures
from app.metrics.asking import DatabaseFigures
from app.metrics.job_figures import job_figures
from app.metrics.store_figures import store_figures
from app.version import VERSION


class MetricsPage:
    """Writes the page for one web process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = DatabaseFigures(database, job_figures, fresh_seconds=5, usable_seconds=5)
        # The errors of 200 champions take a second of the database's time.
        self._store = DatabaseFigures(database, store_figures, fresh_seconds=60, usable_seconds=300)

    async def written(self, accept: str) -> tuple[bytes, str]:
        """The page in the format that the header `Accept` prefers, and its media type."""
        jobs = await self._jobs.families()
        stored = None if jobs is None else await self._store.families()
        registry = CollectorRegistry()
        registry.register(_Given(counted().collect()))
        registry.register(_Given(self._of_process(is_up=jobs is not None)))
        registry.register(_Given([*(jobs or ()), *(stored or ())]))
        write, media_type = choose_encoder(accept)
        return write(registry), media_type

    def _of_process(self, *, is_up: bool) -> Iterator[GaugeMetricFamily]:
        yield figures.BUILD.of([((VERSION,), 1)])
        yield figures.DATABASE_UP.one(float(is_up))
        pool = self._database.engine.pool
        if isinstance(pool, QueuePool):
            states = {"in_use": pool.checkedout(), "idle": pool.checkedin()}
            yield figures.CONNECTIONS.of(((state,), count) for state, count in states.items())
            yield figures.MOST_CONNECTIONS.one(pool.size() + pool._max_overflow)  # noqa: SLF001


class _Given(Collector):
    """Families that are known already, their samples in the order of their labels."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)
        for family in self._families:
            family.samples.sort(key=_labels)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _labels(sample: Sample) -> list[str]:
    """The values of its labels; buckets of a histogram stay in their order."""
    return [value for name, value in sample.labels.items() if name != "le"]
