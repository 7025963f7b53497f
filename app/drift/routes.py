"""The route of drift."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.dependencies import DatabaseDependency, SettingsDependency
from app.drift.schemas import DriftQuery, DriftRead
from app.drift.views import read_drift
from app.errors import SeriesNotFound, VersionNotTrained, VersionSeriesNotFound
from app.problems import documented
from app.registry.queries import VERSION_ERRORS

router = APIRouter(tags=["models"])


@router.get(
    "/models/{name}/drift",
    responses=documented(*VERSION_ERRORS, SeriesNotFound, VersionSeriesNotFound, VersionNotTrained),
)
def show_drift(
    name: str,
    database: DatabaseDependency,
    settings: SettingsDependency,
    query: Annotated[DriftQuery, Query()],
) -> DriftRead:
    """Show whether a version has drifted on a series it learnt from, and the figures.

    Two things are looked at: the live error over the newest scored steps beside the error on the
    test part, and the population stability index of every input beside what was usual at the
    training. Workers watch all champions with the thresholds of the settings, and tell webhooks
    (`drift.found`) once when the verdict turns.
    """
    with database.reading() as session:
        return read_drift(session, name, query, settings)
