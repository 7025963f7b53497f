"""Messages between the web process and one that reads files: JSON, and the open file."""

import dataclasses
import json
import os
import socket
from typing import IO, Any

from app.errors import ServiceError, all_errors
from app.problems import as_service_error
from models.errors import Problem

LENGTH_BYTES = 8
# The exit code of a process that reached its limit of memory.
OUT_OF_MEMORY = 75


def send(connection: socket.socket, message: dict[str, Any], file: IO[bytes] | None = None) -> None:
    """Send a message, and with it the descriptor of an open file, which may have no name."""
    content = json.dumps(message).encode()
    length = len(content).to_bytes(LENGTH_BYTES, "big")
    # A descriptor is only sent together with at least one byte.
    socket.send_fds(connection, [length], [] if file is None else [file.fileno()])
    connection.sendall(content)


def receive(connection: socket.socket) -> tuple[dict[str, Any], IO[bytes] | None]:
    """The next message and the file that came with it.

    Raises:
        EOFError: If the other side has ended.
    """
    length, files, _, _ = socket.recv_fds(connection, LENGTH_BYTES, 1)
    file = os.fdopen(files[0], "rb") if files else None
    length += _exactly(connection, LENGTH_BYTES - len(length))
    message: dict[str, Any] = json.loads(_exactly(connection, int.from_bytes(length, "big")))
    return message, file


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        piece = connection.recv(size - len(content))
        if not piece:
            raise EOFError
        content += piece
    return bytes(content)


def refusal(error: Exception) -> dict[str, Any] | None:
    """An error that a client is meant to see, as a message; None if it is a bug."""
    known = as_service_error(error)
    if known is None:
        return None
    errors = [dataclasses.asdict(problem) for problem in known.errors]
    return {"refused": known.slug, "detail": known.detail, "errors": errors}


def refused(message: dict[str, Any]) -> ServiceError:
    """The error of such a message."""
    kinds = {kind.slug: kind for kind in all_errors()}
    errors = [Problem(**problem) for problem in message["errors"]]
    return kinds[message["refused"]](message["detail"], errors=errors)
