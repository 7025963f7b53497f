"""Route of drift: show the drift of a version."""

from typing import Annotated

from fastapi import Query

from app.dependencies import DatabaseDependency, SettingsDependency
from app.drift.schemas import DriftQuery, DriftRead
from app.drift.views import read_drift
from app.edge.routing import ServiceRouter
from app.errors import SeriesNotFound, VersionNotTrained, VersionSeriesNotFound
from app.problems import documented
from app.registry.queries import VERSION_ERRORS

router = ServiceRouter(tags=["models"])


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

    Two comparisons are made: the live error over the newest scored steps with the error on the test
    part, and the population stability index of every input with its usual value at the training.
    Workers check all champions with the thresholds of the settings, and send the webhook event
    `drift.found` once when a champion starts to drift.
    """
    with database.reading() as session:
        return read_drift(session, name, query, settings)
