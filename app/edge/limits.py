"""Limits of requests: bodies, counted while they arrive, and the bounds of whole numbers."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Path
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD_SUFFIXES = ("/uploads", "/uploads:inspect")
# Bodies of requests for work: a spec and a search, never rows. A longer one takes longer to read
# than to judge.
SPEC_SUFFIXES = ("/models", "/studies", "/backtests", "/schedules")
SPEC_BYTES = 256 * 1024

# Ids and numbers of versions are 32-bit columns on PostgreSQL.
MOST_32_BIT = 2**31 - 1
MOST_64_BIT = 2**63 - 1

RowId = Annotated[int, Path(le=MOST_32_BIT)]
VersionNumber = Annotated[int, Field(le=MOST_32_BIT)]


class BodyLimit:
    """Answer 413 as soon as a body is larger than the limit.

    Uploads are exempt: their routes read the stream in pieces and have their own limit. A request
    for a training, a study, a backtest or a schedule may have `SPEC_BYTES`.
    """

    def __init__(self, app: ASGIApp, *, limit_bytes: int) -> None:
        self.app = app
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].endswith(UPLOAD_SUFFIXES):
            is_spec = scope["path"].endswith(SPEC_SUFFIXES)
            limit = min(SPEC_BYTES, self.limit_bytes) if is_spec else self.limit_bytes
            receive = _Counted(receive, limit)
        await self.app(scope, receive, send)


class _Counted:
    """A `receive` that raises an error once the body exceeds the limit."""

    def __init__(self, receive: Receive, limit_bytes: int) -> None:
        self.receive = receive
        self.limit_bytes = limit_bytes
        self.received_bytes = 0

    async def __call__(self) -> Message:
        message = await self.receive()
        self.received_bytes += len(message.get("body", b""))
        if self.received_bytes > self.limit_bytes:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The body must be at most {self.limit_bytes} bytes long.",
            )
        return message
