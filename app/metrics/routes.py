"""The route of metrics, for Prometheus."""

from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response

from app.edge.routing import ServiceRouter
from app.errors import DatabaseUnavailable, RequestLimitReached, ScopeMissing, Unauthorized
from app.keys.guard import admit
from app.metrics.page import MetricsPage
from app.problems import documented

router = ServiceRouter(tags=["health"])

PAGE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Prometheus text, or OpenMetrics where `Accept` prefers it.",
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            "application/openmetrics-text": {"schema": {"type": "string"}},
        },
    }
}


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        **PAGE,
        **documented(Unauthorized, ScopeMissing, RequestLimitReached, DatabaseUnavailable),
    },
    dependencies=[Depends(admit)],
)
async def show_metrics(request: Request, accept: Annotated[str, Header()] = "") -> Response:
    """Show what the service is doing, for Prometheus.

    Counters and times are those of the process that answers; jobs, workers, series and models come
    from the database and are the same in every process. Without a database the rest is answered.
    """
    page: MetricsPage = request.app.state.metrics_page
    content, media_type = await page.written(accept)
    return Response(content, media_type=media_type)
