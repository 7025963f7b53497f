"""Answer HEAD as GET without a body."""

from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """Run the route of GET until its answer starts, and send that start only."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        as_get = {**scope, "method": "GET"}
        try:
            with suppress(_StartedError, ClientDisconnect):
                await self.app(as_get, receive, _StartOnly(send))
        finally:
            # The route that was found: the log and the counters name it.
            scope.update({key: as_get[key] for key in ("route",) if key in as_get})


class _StartedError(OSError):
    """Ends an answer, as a client does that has gone away: a stream would never end by itself."""


class _StartOnly:
    """A `send` that ends the answer once it has started."""

    def __init__(self, send: Send) -> None:
        self.send = send

    async def __call__(self, message: Message) -> None:
        await self.send(message)
        if message["type"] == "http.response.start":
            await self.send({"type": "http.response.body", "body": b""})
            raise _StartedError
