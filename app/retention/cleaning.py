"""Clean a model: delete forecasts, scores, states and versions that its policy does not keep.

The work is done in short transactions. Each is complete on its own and takes the locks of an
append in the same order: series, model, version. Rows are found without a lock and checked again
under it, so that a cleaning can be killed, repeated, and run twice at the same time.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.jobs.service as jobs
from app.database_retry import retry_until_available
from app.db import Database, utc_now
from app.forecasts.tables import StoredForecast
from app.jobs.tables import Job
from app.live.tables import KeptState, StateCheckpoint
from app.registry.tables import Alias, Model, ModelVersion
from app.retention.conditions import (
    EVERYTHING,
    Limits,
    Pair,
    is_deleted_itself,
    is_expired,
    is_old_state,
    limits_of,
    pairs_of,
)
from app.retention.policy import policy_of
from app.retention.queries import idle_states, serving_versions, surplus_versions, versions_of
from app.retention.throttle import Throttle
from app.scores.folding import fold
from app.scores.outliers import OutlierPoints, outlier_points
from app.scores.spans import Span
from app.series.tables import Series
from app.settings import Settings

Result = TypeVar("Result")
# Origin, data revision and known future: where the last batch ended in the index.
Position = tuple[datetime, int, str]

IDENTITY = (StoredForecast.origin, StoredForecast.data_revision, StoredForecast.known_future)


class Cleaner:
    """Cleans models one after the other, and counts the deleted rows.

    Args:
        database: The database.
        settings: The rules of models without rules of their own.
        notify: Receives the completed share of the present model, from 0 to 1.
    """

    def __init__(
        self, database: Database, settings: Settings, notify: Callable[[float], None]
    ) -> None:
        self.deleted: Counter[str] = Counter()
        self._database = database
        self._settings = settings
        self._notify = notify
        self._throttle = Throttle()

    def clean(self, model_id: int) -> None:
        """Delete what the model's policy does not keep; nothing if the model was deleted."""
        now = utc_now()
        surplus = self._read(lambda session: self._surplus(session, model_id, now))
        for version_id in surplus:
            self._delete_version(model_id, version_id, now)
        self._clean_forecasts(model_id, now)
        self._clean_states(model_id, now)

    def _clean_forecasts(self, model_id: int, now: datetime) -> None:
        policy = self._read(lambda session: policy_of(session, model_id, self._settings))
        scores_before = policy.scores_before(now)
        if scores_before is None:
            return
        forecasts_before = policy.forecasts_before(now)
        pairs = self._read(lambda session: pairs_of(session, versions_of(session, model_id)))
        for number, pair in enumerate(pairs):
            self._notify(number / len(pairs))
            limits = self._limits(pair, forecasts_before, scores_before)
            self._clean_pair(pair, limits)

    def _limits(
        self, pair: Pair, forecasts_before: datetime | None, scores_before: datetime
    ) -> Limits:
        return self._read(
            lambda session: limits_of(
                session, pair, forecasts_before=forecasts_before, scores_before=scores_before
            )
        )

    def _clean_pair(self, pair: Pair, limits: Limits) -> None:
        """Read the expired forecasts of a pair in index order, and delete them in batches."""
        after: Position | None = None
        outliers: dict[str, OutlierPoints] | None = None
        while found := self._read(
            partial(_next, pair=pair, limits=limits, after=after, size=self._throttle.size)
        ):
            after = found[-1][1]
            ids = [forecast_id for forecast_id, _ in found]
            if outliers is None:
                # Once, before the first batch: batches that lack the rows before would show others.
                outliers = self._read(partial(_outliers, pair=pair))
            self._write(
                partial(
                    self._delete_forecasts, pair=pair, limits=limits, ids=ids, outliers=outliers
                )
            )

    def _delete_forecasts(
        self,
        session: Session,
        pair: Pair,
        limits: Limits,
        ids: list[int],
        outliers: dict[str, OutlierPoints],
    ) -> Counter[str]:
        if not _lock_series(session, [pair.series_id]):
            return Counter()
        if limits == EVERYTHING and _has_alias(session, pair.version_id):
            return Counter()
        chosen = sa.select(StoredForecast.id).where(
            StoredForecast.id.in_(ids), *is_expired(pair, limits)
        )
        ids = list(session.scalars(chosen))
        scores = fold(session, pair.version_id, pair.series_id, ids, outliers)
        deletion = sa.delete(StoredForecast).where(
            StoredForecast.id.in_(ids), is_deleted_itself(limits)
        )
        forecasts = session.connection().execute(deletion).rowcount
        return Counter(forecasts=forecasts, scores=scores)

    def _clean_states(self, model_id: int, now: datetime) -> None:
        """Delete the old states of versions that do not have to be ready to serve."""
        for pair in self._read(lambda session: self._idle_states(session, model_id, now)):
            self._write(partial(self._delete_state, model_id=model_id, pair=pair, now=now))

    def _idle_states(self, session: Session, model_id: int, now: datetime) -> list[Pair]:
        model = session.get(Model, model_id)
        if model is None:
            return []
        policy = policy_of(session, model_id, self._settings)
        return idle_states(session, model, policy, now)

    def _delete_state(
        self, session: Session, model_id: int, pair: Pair, now: datetime
    ) -> Counter[str]:
        """Delete a state if that is still allowed: changes of an alias hold the model's lock."""
        _lock_series(session, [pair.series_id])
        _lock_model(session, model_id)
        model = session.get(Model, model_id)
        if model is None:
            return Counter()
        policy = policy_of(session, model_id, self._settings)
        before = policy.states_before(now)
        if before is None or pair.version_id in serving_versions(session, model, policy):
            return Counter()
        is_old = (KeptState.series_id == pair.series_id, *is_old_state(pair.version_id, before))
        if not session.connection().execute(sa.delete(KeptState).where(*is_old)).rowcount:
            return Counter()
        keys = {"version_id": pair.version_id, "series_id": pair.series_id}
        session.execute(sa.delete(StateCheckpoint).filter_by(**keys))
        return Counter(states=1)

    def _delete_version(self, model_id: int, version_id: int, now: datetime) -> None:
        """Delete a version, its forecasts first, so that the last transaction is short."""
        for pair in self._read(lambda session: pairs_of(session, [version_id])):
            self._clean_pair(pair, EVERYTHING)
        self._write(lambda session: self._delete_surplus(session, model_id, version_id, now))

    def _delete_surplus(
        self, session: Session, model_id: int, version_id: int, now: datetime
    ) -> Counter[str]:
        """Delete a version if that is still allowed: changes of an alias hold the model's lock."""
        states = sa.select(KeptState.series_id).where(KeptState.version_id == version_id)
        series_ids = list(session.scalars(states))
        _lock_series(session, series_ids)
        _lock_model(session, model_id)
        if version_id not in self._surplus(session, model_id, now):
            return Counter()
        trained_by = sa.select(ModelVersion.job_id).where(ModelVersion.id == version_id)
        jobs.delete_checkpoints(session, Job.id.in_(trained_by))
        session.execute(sa.delete(ModelVersion).where(ModelVersion.id == version_id))
        return Counter(versions=1, states=len(series_ids))

    def _surplus(self, session: Session, model_id: int, now: datetime) -> list[int]:
        model = session.get(Model, model_id)
        if model is None:
            return []
        policy = policy_of(session, model_id, self._settings)
        return surplus_versions(session, model, policy, now)

    def _read(self, query: Callable[[Session], Result]) -> Result:
        def once() -> Result:
            with self._database.reading() as session:
                return query(session)

        return retry_until_available(once, threading.Event())

    def _write(self, work: Callable[[Session], Counter[str]]) -> None:
        def once() -> tuple[Counter[str], float]:
            with self._database.transaction() as session:
                started = time.perf_counter()
                return work(session), time.perf_counter() - started

        deleted, seconds = retry_until_available(once, threading.Event())
        self.deleted += deleted
        self._throttle.pause(seconds)


def _next(
    session: Session, pair: Pair, limits: Limits, after: Position | None, size: int
) -> list[tuple[int, Position]]:
    """The ids and index positions of the next expired forecasts, in index order."""
    statement = sa.select(StoredForecast.id, *IDENTITY).where(*is_expired(pair, limits))
    if after is not None:
        bounds = zip(after, IDENTITY, strict=True)
        position = sa.tuple_(*(sa.literal(value, column.type) for value, column in bounds))
        statement = statement.where(sa.tuple_(*IDENTITY) > position)
    rows = session.execute(statement.order_by(*IDENTITY).limit(size))
    return [(row[0], (row[1], row[2], row[3])) for row in rows]


def _outliers(session: Session, pair: Pair) -> dict[str, OutlierPoints]:
    """Which scores of a pair are outliers, by target; none of a deleted series."""
    series = session.get(Series, pair.series_id)
    if series is None:
        return {}
    return outlier_points(session, Span(pair.version_id, series, start=None))


def _has_alias(session: Session, version_id: int) -> bool:
    statement = sa.select(Alias.name).where(Alias.version_id == version_id).limit(1)
    return session.scalar(statement) is not None


def _lock_series(session: Session, series_ids: list[int]) -> list[int]:
    """Lock series, as appends and stored forecasts do; return the ids that still exist."""
    statement = sa.select(Series.id).where(Series.id.in_(series_ids)).order_by(Series.id)
    return list(session.scalars(statement.with_for_update()))


def _lock_model(session: Session, model_id: int) -> None:
    """Lock a model, as changes of its aliases do."""
    session.execute(sa.select(Model.id).where(Model.id == model_id).with_for_update())
