"""Find who sends a request, by its key, by a trusted proxy's header, or because access is open."""

import asyncio
import contextvars
import hmac
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from app.database_retry import DATABASE_ERRORS, first_line
from app.db import Database, utc_now
from app.errors import Unauthorized
from app.keys import service
from app.keys.principals import ANYONE, OPERATOR, Principal
from app.keys.proxies import ProxiedUsers
from app.keys.secrets import Secret
from app.keys.service import StoredKey
from app.settings import Settings

logger = logging.getLogger(__name__)

# How long a key that was read is used without a look at the database: a revoked key ends within
# this time in every web process, and so does access without a key after the first one.
CACHE_SECONDS = 1.0
MOST_CACHED = 10_000
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Cached:
    key: StoredKey | None
    until: float


class Authentication:
    """Knows the keys of requests; one instance per web process."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._operator = settings.api_key
        self._users = ProxiedUsers(settings)
        self._database = database
        self._cached: OrderedDict[str, _Cached] = OrderedDict()
        self._noted: dict[str, datetime] = {}
        self._notes: set[asyncio.Task[None]] = set()
        self._is_closed = settings.api_key is not None or self._users.is_configured
        self._open_until = 0.0

    async def identify(self, request: Request) -> Principal:
        """The sender of a request.

        Raises:
            Unauthorized: If it sends no valid key and access is not open.
        """
        sent = request.headers.get("Authorization")
        if sent is not None:
            principal = await self._by_header(sent)
            if principal is not None:
                return principal
        else:
            user = self._users.find(request)
            if user is not None:
                return user
        if await self._is_open():
            return ANYONE
        raise _refused("This service needs the header `Authorization: Bearer <API key>`.")

    def forget(self, key_id: str) -> None:
        """Look at the database when the key is sent again."""
        self._cached.pop(key_id, None)

    async def close(self) -> None:
        """Wait for notes that are being written."""
        await asyncio.gather(*self._notes, return_exceptions=True)

    async def _by_header(self, sent: str) -> Principal | None:
        scheme, _, received = sent.partition(" ")
        if scheme.lower() != "bearer":
            return None
        # Headers arrive as bytes, and Starlette decodes them as Latin-1.
        text = received.strip()
        if self._operator is not None and hmac.compare_digest(
            text.encode("latin-1"), self._operator.get_secret_value().encode()
        ):
            return OPERATOR
        secret = Secret.parse(text)
        return None if secret is None else await self._by_key(secret)

    async def _by_key(self, secret: Secret) -> Principal | None:
        key = await self._find(secret.key_id)
        if not secret.matches(None if key is None else key.secret_hash) or key is None:
            return None
        now = utc_now()
        if key.expires_at is not None and key.expires_at <= now:
            raise _refused("The API key has expired: use its successor, or ask for a new one.")
        self._note_use(key, now)
        return Principal(key.project, key.scopes, key.id)

    async def _find(self, key_id: str) -> StoredKey | None:
        cached = self._cached.get(key_id)
        if cached is not None and time.monotonic() < cached.until:
            return cached.key
        until = time.monotonic() + CACHE_SECONDS
        key = await run_in_threadpool(service.find_key, self._database, key_id)
        self._cached[key_id] = _Cached(key, until)
        self._cached.move_to_end(key_id)
        if len(self._cached) > MOST_CACHED:
            self._cached.popitem(last=False)
        return key

    async def _is_open(self) -> bool:
        """Whether there is no key yet: then everyone is let in."""
        if self._is_closed:
            return False
        if time.monotonic() >= self._open_until:
            until = time.monotonic() + CACHE_SECONDS
            self._is_closed = await run_in_threadpool(service.has_keys, self._database)
            self._open_until = until
        return not self._is_closed

    def _note_use(self, key: StoredKey, now: datetime) -> None:
        """Store in the background when the key was used, at most once a minute."""
        noted = max(filter(None, (key.last_used_at, self._noted.get(key.id))), default=None)
        if noted is not None and now - noted < USE_NOTED_EVERY:
            return
        self._noted[key.id] = now
        # Without the request's context: the note is not a part of what the request does.
        task = asyncio.create_task(self._write_note(key.id, now), context=contextvars.Context())
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _write_note(self, key_id: str, now: datetime) -> None:
        try:
            await run_in_threadpool(service.note_use, self._database, key_id, now, USE_NOTED_EVERY)
        except DATABASE_ERRORS as error:
            logger.warning("the use of the key %s was not stored: %s", key_id, first_line(error))


def _refused(detail: str) -> Unauthorized:
    return Unauthorized(detail, headers={"WWW-Authenticate": "Bearer"})
