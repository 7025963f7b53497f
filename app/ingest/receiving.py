"""Receive the body of an upload: stream it to a temporary file and count its bytes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from app.errors import Invalid, UploadTooLarge
from app.parsing.errors import disk_error

IN_MEMORY_BYTES = 1024 * 1024
PIECE_BYTES = 1024 * 1024


@asynccontextmanager
async def received_file(request: Request, *, limit_bytes: int) -> AsyncIterator[IO[bytes]]:
    """The file of a request: the raw body, or the form field `file`.

    Raises:
        UploadTooLarge: As soon as more bytes than the limit have arrived.
        Invalid: If a form has no field `file`, or the body ends too early.
        DiskError: If the body cannot be written to the disk.
    """
    _refuse_announced(request, limit_bytes)
    counted = Request(request.scope, _counted(request.receive, limit_bytes))
    is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
    async with AsyncExitStack() as open_files:
        try:
            file = await (_from_form if is_form else _from_body)(counted, open_files)
        except ClientDisconnect as error:
            # The client is gone and reads no answer: this keeps a traceback out of the log.
            raise Invalid("Only a part of the body was received. Nothing was stored.") from error
        except OSError as error:
            raise disk_error(error) from error
        yield file


async def disconnected(request: Request) -> None:
    """Return when the client of a request, whose body was received, is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _from_form(request: Request, open_files: AsyncExitStack) -> IO[bytes]:
    form = await open_files.enter_async_context(request.form(max_files=1, max_fields=10))
    field = form.get("file")
    if not isinstance(field, UploadFile):
        raise Invalid("A form must hold the file in its field `file`.")
    return cast(IO[bytes], field.file)


async def _from_body(request: Request, open_files: AsyncExitStack) -> IO[bytes]:
    """The body on disk, written by another thread so that a slow disk blocks no request."""
    spooled = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - the stack closes it
    file = open_files.enter_context(spooled)
    buffer = bytearray()
    async for piece in request.stream():
        buffer += piece
        if len(buffer) >= PIECE_BYTES:
            await run_in_threadpool(file.write, bytes(buffer))
            buffer.clear()
    file.write(buffer)
    return cast(IO[bytes], file)


def _refuse_announced(request: Request, limit_bytes: int) -> None:
    """Refuse a body whose `Content-Length` is above the limit before it is received."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit_bytes:
        raise UploadTooLarge(_too_large(limit_bytes))


def _counted(receive: Receive, limit_bytes: int) -> Receive:
    received_bytes = 0

    async def counting() -> Message:
        nonlocal received_bytes
        message = await receive()
        received_bytes += len(message.get("body", b""))
        if received_bytes > limit_bytes:
            raise UploadTooLarge(_too_large(limit_bytes))
        return message

    return counting


def _too_large(limit_bytes: int) -> str:
    return f"The file must be at most {limit_bytes} bytes long. Nothing was stored."
