"""One child process that reads files, seen from the web process."""

import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import IO, Any

from app.errors import (
    FileProcessFailed,
    FileTakesTooLong,
    FileTakesTooMuchMemory,
    Invalid,
    ServiceError,
)
from app.ingest.processes import messages

COMMAND = (sys.executable, "-m", "app.ingest.processes.child")
STOP_SECONDS = 1.0
# The codes of a process that had too little memory, whatever took it: its own limit, seen by Python
# or by a library that cannot go on.
OUT_OF_MEMORY = (messages.OUT_OF_MEMORY, -signal.SIGABRT)


class ProcessLost(Exception):
    """The process ended before it answered; `code` is its exit code, negative for a signal."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class ReadingTooSlow(ProcessLost):
    """The process was ended because it took too long."""


class ReadingAbandoned(ProcessLost):
    """The process was ended because its client is gone."""


class FileProcess:
    """One process that reads files, one at a time.

    Args:
        memory_bytes: Memory that it may take.
    """

    def __init__(self, memory_bytes: int) -> None:
        with ExitStack() as opened:
            self._connection, theirs = map(opened.enter_context, socket.socketpair())
            self._process = subprocess.Popen(  # noqa: S603 - the command is our own
                (*COMMAND, str(theirs.fileno()), str(memory_bytes)),
                stdin=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
            opened.pop_all()
            theirs.close()
        self.idle_since = time.monotonic()
        self.peak_bytes = 0
        self._is_abandoned = False

    @property
    def pid(self) -> int:
        """The operating system's id of the process."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def ask(
        self, question: dict[str, Any], file: IO[bytes], *, timeout_seconds: float
    ) -> dict[str, Any]:
        """Send it a file with a question and return its answer.

        Raises:
            ReadingTooSlow: If it did not answer in time; it was ended.
            ReadingAbandoned: If it was ended by `abandon`.
            ProcessLost: If it ended before it answered.
            ServiceError: If it could not read the file, or refused it for another reason.
        """
        try:
            self._connection.settimeout(timeout_seconds)
            messages.send(self._connection, question, file)
            answer, _ = messages.receive(self._connection)
        except TimeoutError as error:
            raise ReadingTooSlow(self._kill()) from error
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            kind = ReadingAbandoned if self._is_abandoned else ProcessLost
            raise kind(self._process.wait()) from error
        self.peak_bytes = answer.pop("peak_bytes")
        if "refused" in answer:
            raise messages.refused(answer)
        if "unexpected" in answer:
            raise RuntimeError(f"{answer['unexpected']} in the process {self.pid}: see its log")
        return answer

    def abandon(self) -> None:
        """End the process while another thread waits for its answer."""
        self._is_abandoned = True
        self._process.kill()

    def stop(self) -> None:
        """End the process; rows that it has not committed are not stored."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()
        self._connection.close()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _kill(self) -> int:
        self._process.kill()
        return self._process.wait()


def refusal(lost: ProcessLost, *, memory_bytes: int, seconds: float) -> ServiceError:
    """The error for a file that a process did not read to its end."""
    if isinstance(lost, ReadingAbandoned):
        # The client is gone and reads no answer.
        return Invalid("The connection was closed while the file was read. Nothing was stored.")
    if isinstance(lost, ReadingTooSlow):
        return FileTakesTooLong(
            f"A file must be read within {seconds:g} seconds (STATECAST_UPLOAD_SECONDS); this one "
            "takes longer. Nothing was stored: send it in several parts, or as Parquet."
        )
    if lost.code in OUT_OF_MEMORY:
        return FileTakesTooMuchMemory(
            f"Reading a file may take at most {memory_bytes} bytes of memory "
            "(STATECAST_UPLOAD_MEMORY_BYTES); this one takes more. Nothing was stored: send it in "
            "several parts, with fewer columns, or as Parquet."
        )
    if lost.code == -signal.SIGKILL:
        return FileProcessFailed(
            "The process that read the file was killed, most likely because the machine ran out "
            "of memory. Nothing was stored: send the file in several parts."
        )
    return FileProcessFailed(
        f"The process that read the file ended unexpectedly with code {lost.code}. Nothing was "
        "stored; the service's log may say why."
    )
