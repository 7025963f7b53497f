"""Route of live performance."""

from typing import Annotated

from fastapi import Query

from app.dependencies import DatabaseDependency
from app.edge.routing import ServiceRouter
from app.errors import AliasNotFound, SeriesNotFound
from app.problems import documented
from app.registry.queries import VERSION_ERRORS
from app.scores.performance import performance
from app.scores.schemas import Performance, PerformanceQuery

router = ServiceRouter(tags=["models"])


@router.get(
    "/models/{name}/performance",
    responses=documented(*VERSION_ERRORS, AliasNotFound, SeriesNotFound),
)
def show_performance(
    name: str,
    database: DatabaseDependency,
    query: Annotated[PerformanceQuery, Query()],
) -> Performance:
    """Show the errors of live forecasts: error, skill, coverage and width, per lead and pooled.

    For a model of classes: accuracy, log loss and Brier score, and those of the class prior, the
    class frequencies of the training rows.

    Only forecasts made from the last complete step count, once their target is observed; of several
    with the same origin the last one counts. The windows end at the newest scored step of the model
    on the series, so that versions are compared over the same days and the windows of a series that
    is written in batches are not empty. Each figure is given with the test error of the training.
    """
    with database.reading() as session:
        return performance(session, name, query)
