"""Requests that do not go on are closed; an address holds a limited number of connections."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from app.edge import connections

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"


async def echo_length(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the length of the body."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A real server with deadlines of half a second, for three connections of an address."""
    monkeypatch.setattr(connections, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(connections, "ARRIVAL_SECONDS", 0.5)
    protocol = connections.protocol_of(3)
    config = uvicorn.Config(echo_length, port=0, http=protocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[:2]
    server.should_exit = True
    thread.join()


def closed(connection: socket.socket, *, pieces: bytes = b"") -> bool:
    """Whether the server closes the connection within five seconds, while pieces are sent."""
    connection.settimeout(0.1)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            connection.sendall(pieces)
            if connection.recv(4096) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


class TestDeadlines:
    @pytest.mark.parametrize(
        ("sent", "pieces"),
        [
            (b"", b""),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX-", b""),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX-", b"a"),
            (HEAD + b"{", b""),
            (HEAD + b"{", b"a"),
        ],
        ids=["nothing", "half a head", "a slow head", "half a body", "a slow body"],
    )
    def test_a_request_that_does_not_arrive_is_closed(
        self, address: tuple[str, int], sent: bytes, pieces: bytes
    ) -> None:
        with socket.create_connection(address) as connection:
            connection.sendall(sent)
            assert closed(connection, pieces=pieces)

    def test_a_body_that_goes_on_is_read_to_its_end(self, address: tuple[str, int]) -> None:
        with socket.create_connection(address) as connection:
            connection.sendall(HEAD)
            for _ in range(10):
                time.sleep(0.1)
                connection.sendall(bytes(10_000))
            answer = b""
            while not answer.endswith(b"\r\n\r\n100000"):
                answer += connection.recv(4096)


class TestNumber:
    def test_one_more_connection_is_refused(self, address: tuple[str, int]) -> None:
        kept = [socket.create_connection(address) for _ in range(3)]
        time.sleep(0.1)
        with socket.create_connection(address) as refused:
            assert refused.recv(4096).startswith(b"HTTP/1.1 429 ")
        for connection in kept:
            connection.close()

    def test_closed_connections_make_room(self, address: tuple[str, int]) -> None:
        for _ in range(10):
            with socket.create_connection(address) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.02)
