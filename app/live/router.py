"""Routes of live performance."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.dependencies import DatabaseDependency
from app.errors import NotFound, documented
from app.live.performance import performance
from app.live.schemas import Performance, PerformanceQuery

router = APIRouter(tags=["models"])


@router.get("/models/{name}/performance", responses=documented(NotFound))
def show_performance(
    name: str,
    database: DatabaseDependency,
    query: Annotated[PerformanceQuery, Query()],
) -> Performance:
    """Show how the forecasts turned out: error, skill, coverage and width, per lead and pooled.

    Forecasts made from the last complete step count, once their truth has come; of several from
    the same origin the last one counts. The windows end at the newest scored step of the model on
    the series, so that versions are compared over the same days, and a series that is written
    in batches is not empty. Beside each figure stands the test error of the training.
    """
    with database.reading() as session:
        return performance(session, name, query)
