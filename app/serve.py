"""Run web and worker from one command: two processes that end together."""

import logging
import signal
import socket
import subprocess
import sys
import threading

import click

from app.logs import configure_logging
from app.settings import Settings

logger = logging.getLogger(__name__)

WATCH_SECONDS = 0.2
STOP_TIMEOUT_SECONDS = 20.0

BACKUP_HINT = (
    "Back up with `statecast backup FILE`: a copy of the database file alone lacks the last writes."
)

Process = subprocess.Popen[bytes]


def serve_until_stopped(settings: Settings, stop: threading.Event, *, insecure: bool) -> int:
    """Migrate, start both processes, and end both when one ends or `stop` is set.

    Returns:
        The exit code: 0 if `stop` was set, 1 if a process ended.
    """
    configure_logging()
    port = settings.port or _free_port(settings.host)
    if _statecast("migrate").wait() != 0:
        return 1
    web_options = ["--host", settings.host, "--port", str(port)]
    web_options += ["--insecure"] if insecure else []
    worker_options = ["--workers", str(settings.workers)]
    worker_options += ["--device", settings.device] if settings.device else []
    processes = {
        "web": _statecast("web", "--with-parent", *web_options),
        "worker": _statecast("worker", "--with-parent", *worker_options),
    }
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    click.echo(f"Statecast: http://{host}:{port} (documentation: http://{host}:{port}/docs)")
    if settings.database_url.startswith("sqlite"):
        click.echo(BACKUP_HINT)
    try:
        return _watch(processes, stop)
    finally:
        _stop_all(processes)


def _watch(processes: dict[str, Process], stop: threading.Event) -> int:
    """Wait until `stop` is set or a process ends."""
    while not stop.wait(WATCH_SECONDS):
        for name, process in processes.items():
            if process.poll() is not None:
                logger.error("the %s process ended with code %s", name, process.returncode)
                return 1
    return 0


def _stop_all(processes: dict[str, Process]) -> None:
    for process in processes.values():
        process.send_signal(signal.SIGTERM)
    for name, process in processes.items():
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("the %s process did not stop in time", name)
            process.kill()
            process.wait()


def _statecast(*arguments: str) -> Process:
    return subprocess.Popen((sys.executable, "-m", "app.cli", *arguments))  # noqa: S603


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
