"""Who a worker process is, and which of its machine's earlier workers are gone."""

import os
import socket
import uuid
from pathlib import Path

from sqlalchemy.orm import Session

from app.jobs import workers
from app.jobs.tables import Worker
from app.jobs.workers import Identity

GONE = ""


def own_identity(device: str = "cpu") -> Identity:
    """This process with its device; its executor's name is never used twice."""
    host = socket.gethostname()
    return Identity(
        executor=f"{host}:{uuid.uuid4().hex}",
        machine=machine(),
        pid=os.getpid(),
        process_started=process_started(os.getpid()),
        device=device,
    )


def machine() -> str:
    """A name shared by all processes that see each other's process ids, and no others.

    Two containers may have the same host name, and a machine that starts again gives the
    same process ids to others: hence the start of the kernel and the pid namespace.
    """
    boot = _read(Path("/proc/sys/kernel/random/boot_id")).strip()
    try:
        namespace = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}:{boot}:{namespace}"


def process_started(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty when it is gone or cannot be seen."""
    stat = _read(Path(f"/proc/{pid}/stat"))
    if not stat:
        return GONE
    # The second field, the command in brackets, may hold blanks and brackets itself.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return GONE if state in ("Z", "X") else started


def has_exited(worker: Worker) -> bool:
    """Whether a worker of this machine has ended; where nothing can be seen, it has not."""
    return bool(worker.process_started) and process_started(worker.pid) != worker.process_started


def count_live_workers_here(session: Session) -> int:
    """How many workers of this machine are alive."""
    live = workers.live_executors(session)
    return sum(worker.executor in live for worker in workers.workers_of_machine(session, machine()))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
