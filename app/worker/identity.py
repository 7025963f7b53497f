"""The identity of a worker process, and whether earlier workers of its machine have exited."""

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
    """The identity of this process; the executor's name is unique."""
    host = socket.gethostname()
    return Identity(
        executor=f"{host}:{uuid.uuid4().hex}",
        machine=machine(),
        pid=os.getpid(),
        process_started=process_started(os.getpid()),
        device=device,
    )


def machine() -> str:
    """A name shared by exactly those processes that see each other's process ids.

    Two containers may have the same host name, and process ids repeat after a reboot. So the name
    includes the kernel's boot id and the pid namespace.
    """
    boot = _read(Path("/proc/sys/kernel/random/boot_id")).strip()
    try:
        namespace = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}:{boot}:{namespace}"


def process_started(pid: int) -> str:
    """The start of a process in kernel ticks; empty if it has ended or cannot be seen."""
    stat = _read(Path(f"/proc/{pid}/stat"))
    if not stat:
        return GONE
    # The second field, the command in parentheses, may contain spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return GONE if state in ("Z", "X") else started


def has_exited(worker: Worker) -> bool:
    """Whether a worker of this machine has exited; False if its processes cannot be seen."""
    return bool(worker.process_started) and process_started(worker.pid) != worker.process_started


def count_live_workers_here(session: Session) -> int:
    """The number of live workers of this machine."""
    live = workers.live_executors(session)
    return sum(worker.executor in live for worker in workers.workers_of_machine(session, machine()))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
