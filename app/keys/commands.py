"""`statecast keys`: make, list and revoke keys on the machine of the database, without a server."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.db import Database

SCOPES = ("read", "write", "train", "promote", "admin")
OUTDATED = "The database's tables are not those of this release: run `statecast migrate`."


@click.group()
def keys() -> None:
    """Make, list and revoke API keys; no server needs to run."""


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    required=True,
    help="What the key may do; repeat it for several. admin includes all others.",
)
@click.option("--project", help="The project whose resources it sees.  [default: default]")
@click.option("--days", type=click.IntRange(1, 36_500), help="Days until it ends.")
def create(name: str, scopes: tuple[str, ...], project: str | None, days: int | None) -> None:
    """Make a key and print it: it is shown only here."""
    from pydantic import ValidationError

    from app.keys import service
    from app.keys.principals import OPERATOR
    from app.keys.schemas import KeyCreate

    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    fields = {"name": name, "scopes": scopes, "project": project, "expires_at": expires_at}
    try:
        request = KeyCreate.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise click.UsageError(message) from error
    with _writing("create_key") as session:
        created = service.create_key(session, OPERATOR, request)
    click.echo(f"The key {created.id} of the project {created.project!r}:", err=True)
    click.echo(created.secret)


@keys.command(name="list")
def list_keys() -> None:
    """List the keys of all projects, without their secrets."""
    from app.keys import service
    from app.keys.principals import OPERATOR
    from app.keys.tables import ApiKey

    with _database() as database, database.reading() as session:
        statement = service.keys_seen_by(OPERATOR).order_by(ApiKey.project, ApiKey.created_at)
        for key in session.scalars(statement):
            ends, used = _day(key.expires_at, "never"), _day(key.last_used_at, "never")
            scopes = ",".join(key.scopes)
            click.echo(f"{key.id}  {key.project}  {key.name}  {scopes}  ends: {ends}  used: {used}")


@keys.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """End a key at once, by its id."""
    from app.errors import KeyNotFound
    from app.keys import service
    from app.keys.principals import OPERATOR

    try:
        with _writing("revoke_key") as session:
            service.revoke_key(session, OPERATOR, key_id)
    except KeyNotFound as error:
        raise click.ClickException(error.detail) from error
    click.echo(f"The key {key_id} is revoked.")


def _day(moment: datetime | None, otherwise: str) -> str:
    return otherwise if moment is None else moment.strftime("%Y-%m-%d %H:%M UTC")


@contextmanager
def _writing(action: str) -> Iterator["Session"]:
    """A transaction whose change is in the audit, without a key."""
    from app.access.acting import DEFAULT_PROJECT
    from app.access.audit import Announced, announce

    with _database() as database:
        announce(Announced(DEFAULT_PROJECT, None, "command line", action, "/v1/keys", None))
        try:
            with database.transaction() as session:
                yield session
        finally:
            announce(None)


@contextmanager
def _database() -> Iterator["Database"]:
    """The migrated database of the settings; a new one is made, as `statecast serve` would."""
    from app.db import Database
    from app.migrate import is_current, is_new, migrate
    from app.settings import get_settings

    settings = get_settings()
    settings.prepare_directories()
    database = Database(settings.database_url, timeout_seconds=settings.database_timeout_seconds)
    try:
        with database.engine.connect() as connection:
            new, current = is_new(connection), is_current(connection)
        if new:
            migrate(database)
        elif not current:
            raise click.ClickException(OUTDATED)
        yield database
    finally:
        database.dispose()
