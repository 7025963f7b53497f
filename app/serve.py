"""Run web and worker from one command: a part that dies is started again."""

import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import click

from app.logs import configure_logging
from app.settings import Settings

logger = logging.getLogger(__name__)

WATCH_SECONDS = 0.2
STOP_TIMEOUT_SECONDS = 20.0
# The wait before a part is started again doubles with each death in a row.
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
# A part that lived for less than this died at once.
AT_ONCE_SECONDS = 20.0
# After this many deaths at once in a row, another start would not help either.
MOST_DEATHS_AT_ONCE = 5

BACKUP_HINT = (
    "Back up with `statecast backup FILE`: a copy of the database file alone lacks the last writes."
)

Process = subprocess.Popen[bytes]


def serve_until_stopped(settings: Settings, stop: threading.Event, *, insecure: bool) -> int:
    """Migrate, and keep both processes running until `stop` is set.

    Returns:
        The exit code: 0 if `stop` was set, 1 if a part died at once again and again.
    """
    configure_logging()
    port = settings.port or _free_port(settings.host)
    if _statecast("migrate").wait() != 0:
        return 1
    web_options = ["--host", settings.host, "--port", str(port)]
    web_options += ["--insecure"] if insecure else []
    worker_options = ["--workers", str(settings.workers)]
    worker_options += ["--device", settings.device] if settings.device else []
    parts = [
        Part("web", _command("web", "--with-parent", *web_options)),
        Part("worker", _command("worker", "--with-parent", *worker_options)),
    ]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    click.echo(f"Statecast: http://{host}:{port} (documentation: http://{host}:{port}/docs)")
    if settings.database_url.startswith("sqlite"):
        click.echo(BACKUP_HINT)
    try:
        return watch(parts, stop)
    finally:
        _stop_all(parts)


class DiesAgainAndAgain(Exception):
    """A part died at once too often; it is not started again."""


class Part:
    """A process that is started again when it dies.

    Args:
        name: The name of the part, for the log.
        command: The program and its arguments.
        first_wait_seconds: The wait before the second start; it doubles with each death in a row.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        first_wait_seconds: float = FIRST_WAIT_SECONDS,
    ) -> None:
        self.name = name
        self._command = tuple(command)
        self._first_wait_seconds = first_wait_seconds
        self._process: Process | None = None
        self._started = 0.0
        self._start_at = time.monotonic()
        self._deaths_at_once = 0

    def check(self) -> None:
        """Start the process if it is due, and plan the next start if it has died.

        Raises:
            DiesAgainAndAgain: If it died at once `MOST_DEATHS_AT_ONCE` times in a row.
        """
        if self._process is None:
            if time.monotonic() >= self._start_at:
                self._process = subprocess.Popen(self._command)  # noqa: S603 - our own
                self._started = time.monotonic()
        elif self._process.poll() is not None:
            code, self._process = self._process.returncode, None
            self._plan_next_start(code)

    def terminate(self) -> None:
        """Ask the process to end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Wait until the process has ended, and kill it if that takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("the %s process did not stop in time", self.name)
            self._process.kill()
            self._process.wait()

    def _plan_next_start(self, code: int) -> None:
        lived_seconds = time.monotonic() - self._started
        at_once = lived_seconds < AT_ONCE_SECONDS
        self._deaths_at_once = self._deaths_at_once + 1 if at_once else 0
        if self._deaths_at_once >= MOST_DEATHS_AT_ONCE:
            message = (
                f"The {self.name} process ended {self._deaths_at_once} times in a row within "
                f"{AT_ONCE_SECONDS:.0f} seconds of its start, at last with code {code}. "
                "Its own messages say why."
            )
            raise DiesAgainAndAgain(message)
        doublings = max(self._deaths_at_once - 1, 0)
        wait = min(self._first_wait_seconds * 2**doublings, LONGEST_WAIT_SECONDS)
        self._start_at = time.monotonic() + wait
        logger.error(
            "the %s process ended with code %s: it is started again in %.0f s",
            self.name,
            code,
            wait,
        )


def watch(parts: Sequence[Part], stop: threading.Event) -> int:
    """Keep the parts running until `stop` is set; return the exit code."""
    while not stop.is_set():
        try:
            for part in parts:
                part.check()
        except DiesAgainAndAgain as error:
            logger.error("%s", error)
            return 1
        stop.wait(WATCH_SECONDS)
    return 0


def _stop_all(parts: Sequence[Part]) -> None:
    for part in parts:
        part.terminate()
    for part in parts:
        part.wait()


def _statecast(*arguments: str) -> Process:
    return subprocess.Popen(_command(*arguments))  # noqa: S603


def _command(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "app.cli", *arguments)


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
