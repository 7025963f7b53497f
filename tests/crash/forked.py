"""Processes that start in a moment: one process loads the code of the service, and forks each.

To load it takes seconds of a processor, and tests that kill processes start hundreds.
"""

import multiprocessing
import os
from collections.abc import Mapping
from importlib import import_module
from multiprocessing.process import BaseProcess

import psutil

LOADED = "tests.crash.entrances"

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([LOADED])


class Forked(psutil.Process):
    """A process that does what an entrance says; how it ended can be asked, as of a child."""

    def __init__(self, process: BaseProcess) -> None:
        super().__init__(process.pid)
        self._process = process

    def poll(self) -> int | None:
        """The exit code, or nothing if it goes on."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end; the exit code, or nothing if time was up."""
        self._process.join(timeout)
        return self._process.exitcode


def fork(entrance: str, environment: Mapping[str, str]) -> Forked:
    """Start a process.

    Args:
        entrance: The name of a function in `tests.crash.entrances`.
        environment: All of its environment.
    """
    process = _PROCESSES.Process(target=_enter, args=(entrance, dict(environment)), daemon=True)
    process.start()
    return Forked(process)


def _enter(entrance: str, environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    getattr(import_module(LOADED), entrance)()
