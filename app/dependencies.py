"""Dependencies of routes: the process's database and settings."""

from typing import Annotated

from fastapi import Depends, Request

from app.db import Database
from app.settings import Settings

# These are coroutines although they never wait: FastAPI would run a plain function in another
# thread on every request.


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


DatabaseDependency = Annotated[Database, Depends(_database)]
SettingsDependency = Annotated[Settings, Depends(_settings)]
