"""The processes that do the jobs, as their parent sees them."""

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

logger = logging.getLogger(__name__)

CHILD_COMMAND = (sys.executable, "-m", "app.worker.child")
KILL_AFTER_SECONDS = 1.0


class Child:
    """One process; it does one job. As a context, it has ended when the context does."""

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
        """Give the process its job; one that has died meanwhile shows it by its exit code."""
        try:
            self._pipe.write(encode(attempt))
        except BrokenPipeError:
            logger.warning("the process %d ended before it had a job", self.pid)

    def wait(self, timeout_seconds: float) -> int | None:
        """The exit code, or nothing if the process goes on."""
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None

    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process if it goes on, politely and then not."""
        self._process.terminate()
        if self.wait(KILL_AFTER_SECONDS) is None:
            self._process.kill()
            self._process.wait()
        self._pipe.close()


class Children:
    """Gives out processes, and keeps one warm while there is room for another job.

    All are started by one thread that lives as long as the worker: the kernel ends a
    child when the thread that started it ends, not when the process does.
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
        """A process for a job: the warm one if there is one and its device will do.

        Args:
            device: The kind of device that the job asks for. A worker with a GPU also runs
                jobs that ask for a CPU, in a process that sees no GPU.
            kind: The kind of the job: a light one gets a process that can do no more.
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
        """Have a process ready for the next job."""
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


def describe_exit(code: int, advice: str, what: str) -> str:
    """What the end of a process that did not finish its job means to the job's owner.

    Args:
        code: The process's exit code, or less than 0 for the signal that ended it.
        advice: What to try where memory was the reason.
        what: What the process was there for.
    """
    if code == -signal.SIGKILL:
        return (
            f"The {what} process was killed, most likely because the machine ran out of "
            f"memory: {advice}."
        )
    if code < 0:
        return (
            f"The {what} process was ended by {signal.Signals(-code).name}. "
            "The worker's log may say more."
        )
    return (
        f"The {what} process ended unexpectedly with exit code {code}. The worker's log says why."
    )
