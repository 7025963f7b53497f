"""The outermost layer of a request: its id, the headers of every answer, the access log."""

import logging
import re
import time
import uuid

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.edge.routing import route_template
from app.instruments.requests import count_request
from app.problems import unexpected

logger = logging.getLogger("app.access")

# Ids of others are taken over if they are safe in logs and headers.
GIVEN_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
# Answers of the interface are data: a browser that opens one runs nothing of it.
CONTENT_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
PAGES = ("/docs", "/redoc")


class RequestContext:
    """Give each request an id, and write one line about it once it has been answered."""

    def __init__(self, app: ASGIApp, *, access_log: bool) -> None:
        self.app = app
        self.access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        # Each request is a task with a context of its own, which also its threads get.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        answer = _Answer(send, _headers(scope["path"], request_id))
        began = time.perf_counter()
        try:
            await self.app(scope, receive, answer)
        except Exception as error:
            if answer.status is not None:
                raise
            await unexpected(Request(scope, receive), error)(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - began
            count_request(route_template(scope), scope["method"], answer.status, seconds)
            if self.access_log:
                _log(scope, answer, seconds * 1000)


class _Answer:
    """A `send` that adds headers, and counts what is sent."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self.send = send
        self.headers = headers
        self.status: int | None = None
        self.sent_bytes = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name for name, _ in message["headers"]}
            added = [(name, value) for name, value in self.headers if name not in given]
            message = {**message, "headers": [*message["headers"], *added]}
        else:
            self.sent_bytes += len(message.get("body", b""))
        await self.send(message)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    if GIVEN_ID.fullmatch(given):
        return given
    return uuid.uuid4().hex


def _headers(path: str, request_id: str) -> list[tuple[bytes, bytes]]:
    policy = () if path.startswith(PAGES) else (CONTENT_POLICY,)
    return [(b"x-request-id", request_id.encode()), *SECURITY_HEADERS, *policy]


def _log(scope: Scope, answer: _Answer, milliseconds: float) -> None:
    fields = {
        "method": scope["method"],
        "path": scope["path"],
        "route": route_template(scope),
        "status": answer.status,
        "ms": round(milliseconds, 2),
        "bytes": answer.sent_bytes,
        "key": scope["state"].get("key_id"),
        "client": scope["client"][0] if scope.get("client") else None,
    }
    logger.info("request", extra=fields)
