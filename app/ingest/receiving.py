"""Request bodies of uploads: streamed to a temporary file, counted while they arrive."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from app.errors import Invalid, UploadTooLarge, disk_error

IN_MEMORY_BYTES = 1024 * 1024
PIECE_BYTES = 1024 * 1024


@asynccontextmanager
async def received_file(request: Request, *, limit_bytes: int) -> AsyncIterator[IO[bytes]]:
    """The file of a request: the raw body, or the form field `file`.

    Raises:
        UploadTooLarge: As soon as more than the limit has come.
        Invalid: If a form has no file of that name, or only a part of the body came.
        TemporaryDiskFull, TemporaryFolderUnavailable: If it cannot be written to the disk.
    """
    _refuse_announced(request, limit_bytes)
    counted = Request(request.scope, _counted(request.receive, limit_bytes))
    is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
    async with AsyncExitStack() as open_files:
        try:
            file = await (_from_form if is_form else _from_body)(counted, open_files)
        except ClientDisconnect as error:
            # Nobody reads this answer; it keeps the log free of what is no mistake of ours.
            raise Invalid("Only a part of the body came. Nothing was stored.") from error
        except OSError as error:
            raise disk_error(error) from error
        yield file


async def _from_form(request: Request, open_files: AsyncExitStack) -> IO[bytes]:
    form = await open_files.enter_async_context(request.form(max_files=1, max_fields=10))
    field = form.get("file")
    if not isinstance(field, UploadFile):
        raise Invalid("A form must hold the file in its field `file`.")
    return cast(IO[bytes], field.file)


async def _from_body(request: Request, open_files: AsyncExitStack) -> IO[bytes]:
    """The body on disk; a disk that is slow to write keeps no other request waiting."""
    spooled = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - the stack closes it
    file = open_files.enter_context(spooled)
    waiting = bytearray()
    async for piece in request.stream():
        waiting += piece
        if len(waiting) >= PIECE_BYTES:
            await run_in_threadpool(file.write, bytes(waiting))
            waiting.clear()
    file.write(waiting)
    return cast(IO[bytes], file)


def _refuse_announced(request: Request, limit_bytes: int) -> None:
    """A body that says it is too long need not be received first."""
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
