"""Write a file under a temporary name beside it; it gets its own name once it is whole."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.backup.errors import BackupError

SUFFIX = ".partial"


@contextmanager
def partial_file(file: Path, *, force: bool) -> Iterator[Path]:
    """A new empty file that only its owner can read, renamed to `file` at the end.

    Raises:
        BackupError: If `file` exists and `force` is not set, or its folder does not exist.
    """
    _require_free(file, force=force)
    _remove_leftovers(file)
    partial = file.with_name(f"{_prefix(file)}{os.getpid()}{SUFFIX}")
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield partial
        _sync(partial)
        if force:
            partial.replace(file)
        else:
            _link(partial, file)
        _sync(file.parent)
    finally:
        partial.unlink(missing_ok=True)


def _require_free(file: Path, *, force: bool) -> None:
    if not file.parent.is_dir():
        raise BackupError(f"There is no folder {file.parent}: make it first.")
    if file.is_dir():
        raise BackupError(f"{file} is a folder: name a file in it.")
    if file.exists() and not force:
        raise _exists(file)


def _link(partial: Path, file: Path) -> None:
    """Give the file its name, unless another process has taken the name meanwhile."""
    try:
        os.link(partial, file)
    except FileExistsError as error:
        raise _exists(file) from error


def _exists(file: Path) -> BackupError:
    return BackupError(f"{file} exists: name another file, or add --force to replace it.")


def _prefix(file: Path) -> str:
    return f".{file.name}.{socket.gethostname()}."


def _remove_leftovers(file: Path) -> None:
    """Remove what processes of this machine left when they were killed."""
    for left in file.parent.iterdir():
        if not (left.name.startswith(_prefix(file)) and left.name.endswith(SUFFIX)):
            continue
        number = left.name.removeprefix(_prefix(file)).removesuffix(SUFFIX)
        if number.isdecimal() and _has_ended(int(number)):
            left.unlink(missing_ok=True)


def _has_ended(pid: int) -> bool:
    if pid == os.getpid():
        return True
    with suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
    return False


def _sync(path: Path) -> None:
    """Wait until the disk has the file, or the names in the folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
