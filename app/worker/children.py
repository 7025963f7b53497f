"""Child processes that run jobs: start, supervise and end them from the worker's process."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Self, cast

from app.jobs.attempts import Attempt
from app.jobs.tables import LIGHT_KINDS
from app.worker.child import encode
from app.worker.devices import CPU, child_environment, visible_gpus
from app.worker.memory import resident_bytes

logger = logging.getLogger(__name__)

CHILD_COMMAND = (sys.executable, "-m", "app.worker.child")
KILL_AFTER_SECONDS = 1.0
MEBIBYTE = 1024 * 1024


class Child:
    """One process, which runs one job. As a context manager it ends the process on exit."""

    def __init__(self, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        # A session of its own: an interrupt from the terminal is the parent's to handle.
        self._process = subprocess.Popen(  # noqa: S603 - the command is our own
            command,
            stdin=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
            env={**os.environ, **environment},
        )
        self._pipe = cast("IO[bytes]", self._process.stdin)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def begin(self, attempt: Attempt) -> None:
        """Send the process its job; a process that has died meanwhile is seen by its exit code."""
        try:
            self._pipe.write(encode(attempt))
        except BrokenPipeError:
            logger.warning("the process %d ended before it had a job", self.pid)

    def wait(self, timeout_seconds: float) -> int | None:
        """The exit code; None if the process still runs after the timeout."""
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None

    def is_running(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def memory_bytes(self) -> int | None:
        """The memory that the process uses now; None if it has ended or cannot be seen."""
        return resident_bytes(self.pid)

    def stop(self) -> None:
        """End the process with SIGTERM, and after `KILL_AFTER_SECONDS` with SIGKILL."""
        self._process.terminate()
        if self.wait(KILL_AFTER_SECONDS) is None:
            self._process.kill()
            self._process.wait()
        self._pipe.close()


class Children:
    """Provides processes for jobs, and keeps a warm one ready for the next job.

    One thread that lives as long as the worker starts all of them, because the kernel ends a child
    when the thread that started it ends, not when the process does.
    """

    def __init__(
        self, command: tuple[str, ...] = CHILD_COMMAND, *, warm: bool, device: str = CPU
    ) -> None:
        self._command = command
        self._device = device
        self._warm = warm
        self._spare: Child | None = None
        self._lock = threading.Lock()
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")

    def take(self, device: str | None = None, kind: str = "") -> Child:
        """A process for a job: the warm one if it exists and its device fits.

        Args:
            device: The kind of device that the job asks for. A worker with a GPU also runs jobs
                that ask for a CPU, in a process without a visible GPU.
            kind: The kind of the job. A light kind gets a process that can run only this kind.
        """
        if kind in LIGHT_KINDS:
            return self._start(CPU, kind)
        if device == CPU != self._device:
            return self._start(CPU)
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None and spare.is_running():
            return spare
        return self._start(self._device)

    def warm_up(self) -> None:
        """Start a process for the next job, if there is not one already."""
        if not self._warm:
            return
        with self._lock:
            if self._spare is None or not self._spare.is_running():
                self._spare = self._start(self._device)

    def stop(self) -> None:
        """End the warm process."""
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.stop()

    def _start(self, device: str, *kinds: str) -> Child:
        environment = child_environment(device, visible_gpus())
        return self._starter.submit(Child, (*self._command, *kinds), environment).result()


def describe_exit(code: int, memory_bytes: int | None, advice: str, what: str) -> str:
    """What was seen of a process that ended before its job did, for the job's owner.

    Args:
        code: The process's exit code; a negative one is the signal that ended it.
        memory_bytes: The memory of the process at the last look at it, if there was one.
        advice: What to try if memory was the reason.
        what: The activity of the process.
    """
    how = (
        f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    )
    seen = f"The {what} process {how} before the job's end."
    if memory_bytes is not None:
        seen += f" At the last look it used {memory_bytes / MEBIBYTE:.0f} MiB of memory."
    if code != -signal.SIGKILL:
        return f"{seen} See the worker's log."
    return (
        f"{seen} A process that needs more memory than there is gets this signal: "
        f"to need less, {advice}."
    )
