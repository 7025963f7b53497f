"""Limit the size of request bodies: bytes are counted while they arrive."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD_SUFFIXES = ("/uploads", "/uploads:inspect")


class BodyLimit:
    """Answer 413 as soon as a body is larger than the limit.

    Uploads are exempt: their routes read the stream in pieces and have their own limit.
    """

    def __init__(self, app: ASGIApp, *, limit_bytes: int) -> None:
        self.app = app
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].endswith(UPLOAD_SUFFIXES):
            receive = _Counted(receive, self.limit_bytes)
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
