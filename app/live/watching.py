"""Versions that an append concerns: deployed on the series, or waiting for what comes."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.live.tables import ForecastScore, KeptState
from app.registry.tables import Alias, Model, ModelVersion, VersionSeries
from app.series.tables import Series


@dataclass(frozen=True, slots=True)
class Watcher:
    """A version, the aliases that point to it, and what is kept for it of the series.

    Without an alias it only waits to be scored.
    """

    version_id: int
    number: int
    model: str
    job_id: str
    aliases: tuple[str, ...]
    kept: KeptState | None


def watchers(session: Session, series: Series, after: datetime) -> list[Watcher]:
    """The versions that an append to a series concerns, by model and number.

    A version is deployed on a series if an alias points to it, and it learnt from the series
    or has forecast it before. Others are concerned if a forecast of theirs, made earlier, has
    points later than the given moment.

    The versions cannot be deleted until the transaction ends: what is written for them would
    otherwise point to nothing.
    """
    rows = session.execute(_WATCHERS, {"series_id": series.id, "after": after}).all()
    if not rows:
        return []
    of_these = KeptState.version_id.in_([row.id for row in rows])
    statement = sa.select(KeptState).where(KeptState.series_id == series.id, of_these)
    kept = {each.version_id: each for each in session.scalars(statement)}
    return [
        Watcher(
            version_id=row.id,
            number=row.number,
            model=row.name,
            job_id=row.job_id,
            aliases=tuple(sorted((row.aliases or "").split())),
            kept=kept.get(row.id),
        )
        for row in rows
    ]


def _statement() -> sa.Select[int, int, str, str, str]:
    """Made once: every append runs it."""
    series_id = sa.bindparam("series_id", type_=sa.Integer)
    is_deployed = sa.exists().where(Alias.version_id == KeptState.version_id)
    is_awaited = sa.exists().where(
        ForecastScore.version_id == KeptState.version_id,
        ForecastScore.series_id == series_id,
        ForecastScore.time > sa.bindparam("after", type_=ForecastScore.time.type),
    )
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
        )
        .join(Model, Model.id == ModelVersion.model_id)
        .where(ModelVersion.id.in_(have_state.union(learnt)))
        .order_by(Model.name, ModelVersion.number)
        .with_for_update(key_share=True, read=True, of=ModelVersion)
    )


_WATCHERS = _statement()
