"""The memory that a process may take while it reads a file."""

import os
import re
import resource
from pathlib import Path

from app.parsing.errors import ParsingError

PAGES = Path("/proc/self/statm")
STATUS = Path("/proc/self/status")
# What libraries say, in errors of several kinds, if they find no memory or no room for a thread.
EXHAUSTED = (
    "bad_alloc",
    "Cannot allocate memory",
    "can't start new thread",
    "Failed to launch worker thread",
    "failed to map segment",
)


def limit_memory(memory_bytes: int) -> None:
    """Let this process take this much more address space than it has now, if Linux counts it.

    Beyond it an allocation fails with `MemoryError`, or ends the process.
    """
    if not PAGES.exists():
        return
    taken = int(PAGES.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = taken + memory_bytes
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it was raised for, says that there is no memory."""
    while error is not None:
        known = isinstance(error, ParsingError)
        if isinstance(error, MemoryError) or (
            not known and any(words in str(error) for words in EXHAUSTED)
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def peak_bytes() -> int:
    """The most memory that this process has held so far; 0 where Linux does not say it.

    `ru_maxrss` would count its parent's memory, too: it survives the start of another program.
    """
    if not STATUS.exists():
        return 0
    peak = re.search(r"VmHWM:\s*(\d+) kB", STATUS.read_text())
    return int(peak[1]) * 1024 if peak else 0
