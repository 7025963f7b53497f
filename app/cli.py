"""The command line. Expensive imports are inside the commands, so that each loads only its own."""

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.keys.commands import keys
from app.logs import configure_logging
from app.settings import DEVICE, MEBIBYTE, Settings, get_settings
from app.version import VERSION
from app.worker.devices import NoSuchDevice, require_device, visible_gpus
from app.worker.parent_death import die_with_parent

if TYPE_CHECKING:
    from app.db import Database

NOT_LOOPBACK = (
    "`--host` must be an address of this machine only (such as 127.0.0.1) while no API key is "
    "set, because all who reach the service can use it. Received: {host!r}. "
    "Set STATECAST_API_KEY, make a key with `statecast keys create`, or add --insecure."
)

host = click.option("--host", help="Address to bind to.  [default: STATECAST_HOST or 127.0.0.1]")
port = click.option(
    "--port", type=click.IntRange(0, 65535), help="Port; 0 for a free one.  [default: 8000]"
)
insecure = click.option("--insecure", is_flag=True, help="Allow any address without an API key.")
workers = click.option(
    "--workers", type=click.IntRange(1, 64), help="Jobs to run at once.  [default: 1]"
)
device = click.option(
    "--device",
    callback=lambda _, __, value: _device_name(value),
    help="cpu or gpu:0.  [default: STATECAST_DEVICE, or the first GPU if there is one]",
)
backup_file = click.argument("file", type=click.Path(path_type=Path))
with_parent = click.option("--with-parent", is_flag=True, hidden=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="statecast")
def main() -> None:
    """Forecast time series with stateful recurrent networks."""


main.add_command(keys)


@main.command()
def migrate() -> None:
    """Migrate the database to this release."""
    from app.db import Database
    from app.encryption import Cipher
    from app.migrate import RevisionNotSupported
    from app.migrate import migrate as migrate_database
    from app.webhooks.service import encrypt_plain_secrets

    configure_logging()
    settings = get_settings()
    settings.prepare_directories()
    database = Database(settings.database_url)
    try:
        migrate_database(database)
        with database.transaction() as session:
            encrypt_plain_secrets(session, Cipher(settings))
    except RevisionNotSupported as error:
        raise click.ClickException(str(error)) from error
    finally:
        database.dispose()
    click.echo("The database is up to date.")


@main.command()
@backup_file
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def backup(file: Path, force: bool) -> None:
    """Write a backup of the database to FILE while the service runs."""
    from app.backup.service import back_up

    with _database_of_backup() as database, _progress() as progress:
        rows = back_up(database, file, force=force, progress=progress)
    size = file.stat().st_size / MEBIBYTE
    click.echo(f"{file} holds {rows} rows in {size:.1f} MiB; it was read again and is sound.")


@main.command()
@backup_file
def restore(file: Path) -> None:
    """Write the backup in FILE into the database, which must be empty."""
    from app.backup.service import restore as restore_backup

    with _database_of_backup() as database, _progress() as progress:
        about, queued = restore_backup(database, file, progress=progress)
    click.echo(
        f"The backup of {about.created_at} is restored: {sum(about.rows.values())} rows; "
        f"{queued} unfinished jobs are queued again."
    )


@main.command()
@host
@port
@insecure
@with_parent
def web(host: str | None, port: int | None, insecure: bool, with_parent: bool) -> None:
    """Serve HTTP requests."""
    import uvicorn

    from app.edge.connections import protocol_of
    from app.main import create_app

    _prepare(with_parent)
    settings = _settings(host=host, port=port)
    _require_safe_address(settings, insecure=insecure)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        http=protocol_of(settings.connections_per_address),
        # The address of a request is that of its connection: a header could claim any other.
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )


@main.command()
@workers
@device
@with_parent
def worker(workers: int | None, device: str | None, with_parent: bool) -> None:
    """Run jobs."""
    from app.worker.parent import run_worker

    settings = _with_device(_settings(workers=workers, device=device))
    _prepare(with_parent)
    stop = _stop_on_signals()
    run_worker(settings, stop)
    # Not a plain return: a thread of the queue may be waiting for a database that is not available,
    # and the interpreter would wait for the thread.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


@main.command()
@host
@port
@workers
@device
@insecure
def serve(
    host: str | None, port: int | None, workers: int | None, device: str | None, insecure: bool
) -> None:
    """Migrate, then run web and worker until one of them ends."""
    from app.serve import serve_until_stopped

    settings = _with_device(_settings(host=host, port=port, workers=workers, device=device))
    _require_safe_address(settings, insecure=insecure)
    sys.exit(serve_until_stopped(settings, _stop_on_signals(), insecure=insecure))


@main.command()
def health() -> None:
    """Print the number of live workers on this machine; the exit code is 1 if there are none."""
    from app.db import Database
    from app.worker.identity import count_live_workers_here

    with Database(get_settings().database_url).reading() as session:
        alive = count_live_workers_here(session)
    click.echo(f"{alive} worker{'' if alive == 1 else 's'} of this machine running.")
    sys.exit(0 if alive else 1)


@contextmanager
def _database_of_backup() -> Iterator["Database"]:
    """The database of the settings; what cannot be done is one sentence."""
    import sqlite3

    from sqlalchemy.exc import DBAPIError

    from app.backup.errors import BackupError
    from app.db import Database
    from app.migrate import RevisionNotSupported

    configure_logging()
    settings = get_settings()
    settings.prepare_directories()
    database = Database(settings.database_url)
    try:
        yield database
    except (BackupError, RevisionNotSupported, OSError, sqlite3.Error) as error:
        raise click.ClickException(str(error)) from error
    except DBAPIError as error:
        raise click.ClickException(f"The database answered: {error.orig}") from error
    finally:
        database.dispose()


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Shows how far a command is, in one line of a terminal; elsewhere it shows nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    clear = "\r\x1b[K"
    yield lambda text: click.echo(f"{clear}{text}", err=True, nl=False)
    click.echo(clear, err=True, nl=False)


def _settings(**given: object) -> Settings:
    """The environment's settings, overridden by options of the command line."""
    return get_settings().model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )


def _device_name(value: str | None) -> str | None:
    if value is not None and re.match(DEVICE, value) is None:
        raise click.BadParameter(f"It must be cpu, or gpu:0, gpu:1, ... Received: {value}")
    return value


def _with_device(settings: Settings) -> Settings:
    """The settings with the device that a worker of this machine uses.

    Raises:
        click.UsageError: If it is a GPU that the machine does not have.
    """
    try:
        device = require_device(settings.device, visible_gpus())
    except NoSuchDevice as error:
        raise click.UsageError(str(error)) from error
    return settings.model_copy(update={"device": device})


def _require_safe_address(settings: Settings, *, insecure: bool) -> None:
    if insecure or settings.is_loopback() or settings.api_key is not None:
        return
    if settings.trusted_proxy_header is None and not _has_keys(settings):
        raise click.UsageError(NOT_LOOPBACK.format(host=settings.host))


def _has_keys(settings: Settings) -> bool:
    """Whether the database holds a key; a new one holds none."""
    from sqlalchemy.exc import SQLAlchemyError

    from app.db import Database
    from app.keys.service import has_keys

    file = settings.sqlite_file()
    if file is not None and not file.exists():
        return False
    database = Database(settings.database_url, timeout_seconds=settings.database_timeout_seconds)
    try:
        return has_keys(database)
    except SQLAlchemyError:
        return False
    finally:
        database.dispose()


def _prepare(with_parent: bool) -> None:
    """Configure a long-running process; a child of `serve` ends with its parent."""
    configure_logging()
    if with_parent:
        die_with_parent(signal.SIGTERM)


def _stop_on_signals() -> threading.Event:
    """An event that is set by the signals SIGINT and SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


if __name__ == "__main__":
    main()
