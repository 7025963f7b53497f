"""What routes ask for: the process's database, settings, kept series, readers of files."""

from typing import Annotated

from fastapi import Depends, Request

from app.db import Database
from app.series.decoded import DecodedSeries
from app.series.processes.pool import FileProcesses
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


async def _file_processes(request: Request) -> FileProcesses:
    processes: FileProcesses = request.app.state.file_processes
    return processes


DatabaseDependency = Annotated[Database, Depends(_database)]
SettingsDependency = Annotated[Settings, Depends(_settings)]
DecodedSeriesDependency = Annotated[DecodedSeries, Depends(_decoded_series)]
FileProcessesDependency = Annotated[FileProcesses, Depends(_file_processes)]
