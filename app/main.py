"""The web application: settings, database, error handlers and every domain's routes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from app import health
from app.aliases.routes import router as aliases_router
from app.backtests.routes import router as backtests_router
from app.db import Database
from app.drift.routes import router as drift_router
from app.edge.browsers import BrowserGuard
from app.edge.head_requests import HeadRequests
from app.edge.limits import BodyLimit
from app.edge.parameters import require_known_parameters
from app.edge.request_context import RequestContext
from app.edge.routing import allowed_methods
from app.forecasts.routes import router as forecasts_router
from app.ingest.held_routes import router as held_router
from app.ingest.observation_routes import router as observations_router
from app.ingest.processes.pool import FileProcesses
from app.ingest.revision_routes import router as revisions_router
from app.ingest.series_routes import router as series_router
from app.ingest.upload_routes import router as uploads_router
from app.jobs.routes import router as jobs_router
from app.keys.audit_routes import router as audit_router
from app.keys.guard import Guard, admit
from app.keys.routes import router as keys_router
from app.live.routes import router as live_router
from app.metrics.page import MetricsPage
from app.metrics.routes import router as metrics_router
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

# In the order of the documentation.
DOMAIN_ROUTERS = (
    series_router,
    uploads_router,
    observations_router,
    revisions_router,
    held_router,
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
    keys_router,
    audit_router,
)
LEAST_COMPRESSED_BYTES = 1000
# Level 9, the default, takes three times as long for answers that are 2 % smaller.
COMPRESSION_LEVEL = 5
# Compressed already, or numbers that hardly shrink.
NOT_COMPRESSED = (
    "application/octet-stream",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.parquet",
)
CORS_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CORS_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-ID",
)
CORS_ANSWER_HEADERS = (
    "Content-Disposition",
    "ETag",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-ID",
)

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
    application.state.allowed_methods = partial(
        allowed_methods, (*DOMAIN_ROUTERS, health.router, metrics_router, application.router)
    )
    _add_layers(application, settings)
    install_error_handlers(application)
    install_openapi(application)
    known = [Depends(require_known_parameters)]
    application.include_router(health.router, dependencies=known)
    application.include_router(metrics_router, dependencies=known)
    application.include_router(_version_one())
    return application


def _add_layers(application: FastAPI, settings: Settings) -> None:
    """What every request passes; the last one added is the outermost."""
    application.add_middleware(BodyLimit, limit_bytes=settings.body_limit_bytes)
    application.add_middleware(
        GZipMiddleware,
        minimum_size=LEAST_COMPRESSED_BYTES,
        compresslevel=COMPRESSION_LEVEL,
        exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, *NOT_COMPRESSED),
    )
    application.add_middleware(HeadRequests)
    if settings.cors_origins:
        application.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_REQUEST_HEADERS,
            expose_headers=CORS_ANSWER_HEADERS,
        )
    application.add_middleware(
        BrowserGuard, hosts=settings.served_hosts(), origins=settings.cors_origins
    )
    application.add_middleware(RequestContext, access_log=settings.access_log)


def _version_one() -> APIRouter:
    dependencies = [Depends(admit), Depends(require_known_parameters)]
    router = APIRouter(prefix="/v1", dependencies=dependencies)
    for domain_router in DOMAIN_ROUTERS:
        router.include_router(domain_router)
    return router


@asynccontextmanager
async def _lifespan(application: FastAPI) -> AsyncIterator[None]:
    settings: Settings = application.state.settings
    settings.prepare_directories()
    database = Database(
        settings.database_url,
        timeout_seconds=settings.database_timeout_seconds,
        synchronous=settings.sqlite_synchronous,
    )
    database.make_reserve()
    processes = FileProcesses(settings, database)
    application.state.database, application.state.file_processes = database, processes
    application.state.metrics_page = MetricsPage(database)
    application.state.guard = Guard(settings, database)
    application.state.column_cache = ColumnCache(settings.series_cache_bytes)
    watch = asyncio.create_task(processes.watch())
    yield
    watch.cancel()
    await application.state.guard.close()
    processes.close()
    database.dispose()
