"""What routes ask for: the process's database, settings and kept series."""

from typing import Annotated

from fastapi import Depends, Request

from app.db import Database
from app.series.decoded import DecodedSeries
from app.settings import Settings

# These are coroutines although they never wait: a plain function would cost a hop to
# another thread on every request.


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _decoded_series(request: Request) -> DecodedSeries:
    kept: DecodedSeries = request.app.state.decoded_series
    return kept


DatabaseDependency = Annotated[Database, Depends(_database)]
SettingsDependency = Annotated[Settings, Depends(_settings)]
DecodedSeriesDependency = Annotated[DecodedSeries, Depends(_decoded_series)]
