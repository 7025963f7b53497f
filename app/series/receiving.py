"""Request bodies of uploads: streamed to a temporary file, counted while they arrive."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.types import Message, Receive

from app.errors import Invalid, TooLarge

IN_MEMORY_BYTES = 1024 * 1024


@asynccontextmanager
async def received_file(request: Request, *, limit_bytes: int) -> AsyncIterator[IO[bytes]]:
    """The file of a request: the raw body, or the form field `file`.

    Raises:
        TooLarge: As soon as more than the limit has come.
        Invalid: If a form has no file of that name.
    """
    _refuse_announced(request, limit_bytes)
    counted = Request(request.scope, _counted(request.receive, limit_bytes))
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with counted.form(max_files=1, max_fields=10) as form:
            field = form.get("file")
            if not isinstance(field, UploadFile):
                raise Invalid("A form must hold the file in its field `file`.")
            yield cast(IO[bytes], field.file)
        return
    with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        async for piece in counted.stream():
            file.write(piece)
        yield cast(IO[bytes], file)


def _refuse_announced(request: Request, limit_bytes: int) -> None:
    """A body that says it is too long need not be received first."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit_bytes:
        raise TooLarge(_too_large(limit_bytes))


def _counted(receive: Receive, limit_bytes: int) -> Receive:
    received_bytes = 0

    async def counting() -> Message:
        nonlocal received_bytes
        message = await receive()
        received_bytes += len(message.get("body", b""))
        if received_bytes > limit_bytes:
            raise TooLarge(_too_large(limit_bytes))
        return message

    return counting


def _too_large(limit_bytes: int) -> str:
    return f"The file must be at most {limit_bytes} bytes long. Nothing was stored."
