"""The web application: settings, database, error handlers and every domain's routes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI

from app import health
from app.aliases.routes import router as aliases_router
from app.auth import require_api_key
from app.backtests.routes import router as backtests_router
from app.db import Database
from app.drift.routes import router as drift_router
from app.forecasts.routes import router as forecasts_router
from app.ingest.processes.pool import FileProcesses
from app.ingest.series_routes import router as series_router
from app.jobs.routes import router as jobs_router
from app.limits import BodyLimit
from app.live.routes import router as live_router
from app.openapi import install_openapi
from app.problems import install_error_handlers
from app.registry.routes import router as registry_router
from app.retention.routes import router as retention_router
from app.schedules.routes import router as schedules_router
from app.scores.routes import router as scores_router
from app.series.column_cache import ColumnCache
from app.settings import Settings, get_settings
from app.studies.routes import router as studies_router
from app.version import VERSION
from app.webhooks.routes import router as webhooks_router

DESCRIPTION = """
Upload a series, train a recurrent forecaster in the background, and get forecasts that are
compared with simple baselines. Times are ISO 8601 in UTC; a missing number is `null`;
errors are problem details (RFC 9457).
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the web application; it opens the database when it starts."""
    settings = settings or get_settings()
    application = FastAPI(
        title="Statecast",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=_lifespan,
    )
    application.state.settings = settings
    application.add_middleware(BodyLimit, limit_bytes=settings.body_limit_bytes)
    install_error_handlers(application)
    install_openapi(application)
    application.include_router(health.router)
    application.include_router(_version_one())
    return application


def _version_one() -> APIRouter:
    router = APIRouter(prefix="/v1", dependencies=[Depends(require_api_key)])
    for domain_router in (
        series_router,
        registry_router,
        aliases_router,
        studies_router,
        jobs_router,
        forecasts_router,
        scores_router,
        live_router,
        drift_router,
        schedules_router,
        backtests_router,
        webhooks_router,
        retention_router,
    ):
        router.include_router(domain_router)
    return router


@asynccontextmanager
async def _lifespan(application: FastAPI) -> AsyncIterator[None]:
    settings: Settings = application.state.settings
    settings.prepare_directories()
    database = Database(settings.database_url, timeout_seconds=settings.database_timeout_seconds)
    processes = FileProcesses(settings, database)
    application.state.database, application.state.file_processes = database, processes
    application.state.column_cache = ColumnCache(settings.series_cache_bytes)
    watch = asyncio.create_task(processes.watch())
    yield
    watch.cancel()
    processes.close()
    database.dispose()
