"""Limits of connections: how long a request may take to arrive, how many an address may hold.

Uvicorn waits without a limit for a request that has begun, so that a client who sends half of one
holds a connection and its memory. This protocol closes such connections.
"""

import asyncio
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CHECK_SECONDS = 5.0
# A request's head, and each pause within its body.
ARRIVAL_SECONDS = 20.0
# After the first `ARRIVAL_SECONDS`, so that a body cannot arrive one byte at a time.
LEAST_BYTES_PER_SECOND = 1024
# A client that takes nothing of its answer any more.
STALLED_SECONDS = 60.0
BODY = b"The address has too many open connections: close some of them.\n"
TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Retry-After: 5\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)


class LimitedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol with deadlines, and a limit of connections from one address."""

    per_address: ClassVar[int] = 0
    open_connections: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self.open_connections[self._address] += 1
        self._arriving, self._in_body, self._body_bytes = True, False, 0
        self._heard = self._began = self.loop.time()
        self._stalled_since, self._unsent_bytes = self._began, 0
        self._check_timer = self.loop.call_later(CHECK_SECONDS, self._check)
        if self._address and 0 < self.per_address < self.open_connections[self._address]:
            transport.write(TOO_MANY)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._check_timer.cancel()
        self.open_connections[self._address] -= 1
        if not self.open_connections[self._address]:
            del self.open_connections[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._heard = self.loop.time()
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._arriving, self._in_body, self._body_bytes = True, False, 0
        self._began = self._heard
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_body, self._began = True, self._heard
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._arriving = False
        super().on_message_complete()

    def _check(self) -> None:
        now = self.loop.time()
        if self._is_late(now):
            self.transport.close()
        elif self._has_stalled(now):
            self.transport.abort()
        else:
            self._check_timer = self.loop.call_later(CHECK_SECONDS, self._check)

    def _is_late(self, now: float) -> bool:
        if not self._arriving:
            return False
        if self.flow.read_paused:
            # The service reads slowly, not the client: the time begins again.
            self._began, self._heard, self._body_bytes = now, now, 0
            return False
        elapsed = now - self._began
        if not self._in_body or now - self._heard > ARRIVAL_SECONDS:
            return elapsed > ARRIVAL_SECONDS
        return elapsed > ARRIVAL_SECONDS and self._body_bytes < elapsed * LEAST_BYTES_PER_SECOND

    def _has_stalled(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent_bytes:
            self._stalled_since, self._unsent_bytes = now, unsent
        return now - self._stalled_since > STALLED_SECONDS


def protocol_of(per_address: int) -> type[LimitedProtocol]:
    """A protocol class for one server, with counters of its own; 0 stands for no limit."""
    members: dict[str, Any] = {"per_address": per_address, "open_connections": Counter()}
    return type("ServerProtocol", (LimitedProtocol,), members)
