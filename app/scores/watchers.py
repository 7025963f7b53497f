"""Versions that an append concerns: deployed on the series, or with points to be scored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Timestamp
from app.live.tables import KeptState
from app.registry.tables import Alias, Model, ModelVersion, VersionSeries
from app.scores.tables import AwaitedPoint, ClassScore, ForecastScore
from app.series.tables import Series


@dataclass(frozen=True, slots=True)
class Watcher:
    """A version with the aliases that point to it and its stored state on the series.

    A version without an alias is only scored.
    """

    version_id: int
    number: int
    model: str
    job_id: str
    aliases: tuple[str, ...]
    kept: KeptState | None


def watchers(session: Session, series: Series, after: datetime) -> list[Watcher]:
    """The versions that an append to a series concerns, by model and number.

    A version is deployed on a series if an alias points to it, and it learnt from the series or has
    forecast it before. Other versions are concerned if one of their earlier forecasts has points
    later than `after`.

    The versions are locked against deletion until the transaction ends, because rows that refer to
    them are written.
    """
    parameters = {"series_id": series.id, "after": after}
    return [
        Watcher(
            version_id=row.id,
            number=row.number,
            model=row.name,
            job_id=row.job_id,
            aliases=tuple(sorted((row.aliases or "").split())),
            kept=_kept(row, series),
        )
        for row in session.connection().execute(_WATCHERS, parameters)
    ]


def _kept(row: Any, series: Series) -> KeptState | None:
    """The stored state as a plain object: it is not attached to the session and not changed."""
    if row.revision is None:
        return None
    fields = {column.key: getattr(row, column.key) for column in KEPT_COLUMNS}
    return KeptState(version_id=row.id, series_id=series.id, **fields)


def _has_later_points(table: type[AwaitedPoint]) -> sa.ColumnElement[bool]:
    """Whether a forecast of the version has points that the write may score."""
    return sa.exists().where(
        table.version_id == KeptState.version_id,
        table.series_id == KeptState.series_id,
        table.time > sa.bindparam("after", type_=Timestamp),
    )


# What is read of a stored state, besides its keys.
KEPT_COLUMNS = (
    KeptState.revision,
    KeptState.time,
    KeptState.content,
    KeptState.fit,
    KeptState.checkpoint_rows,
    KeptState.failed_revision,
    KeptState.failed_time,
)


def _statement() -> sa.Select[*tuple[Any, ...]]:
    series_id = sa.bindparam("series_id", type_=sa.Integer)
    is_deployed = sa.exists().where(Alias.version_id == KeptState.version_id)
    is_awaited = sa.or_(*(_has_later_points(table) for table in (ForecastScore, ClassScore)))
    have_state = sa.select(KeptState.version_id).where(
        KeptState.series_id == series_id, is_deployed | is_awaited
    )
    learnt = (
        sa.select(VersionSeries.version_id)
        .join(Alias, Alias.version_id == VersionSeries.version_id)
        .where(VersionSeries.series_id == series_id)
    )
    aliases = (
        sa.select(sa.func.aggregate_strings(Alias.name, " "))
        .where(Alias.version_id == ModelVersion.id)
        .correlate(ModelVersion)
        .scalar_subquery()
    )
    return (
        sa.select(
            ModelVersion.id,
            ModelVersion.number,
            Model.name,
            ModelVersion.job_id,
            aliases.label("aliases"),
            *KEPT_COLUMNS,
        )
        .join(Model, Model.id == ModelVersion.model_id)
        .outerjoin(
            KeptState,
            sa.and_(KeptState.version_id == ModelVersion.id, KeptState.series_id == series_id),
        )
        .where(ModelVersion.id.in_(have_state.union(learnt)))
        .order_by(Model.name, ModelVersion.number)
        .with_for_update(key_share=True, read=True, of=ModelVersion)
    )


# Built once, because every append runs it.
_WATCHERS = _statement()
