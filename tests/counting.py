"""Jobs that only count, in real processes; a child is `python -m tests.counting`.

Everything but the work itself is the service's own: worker, queue, child, fences.
"""

import os
import resource
import signal
import sys
import threading
import time
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.jobs.task import Publish, Task
from app.logs import configure_logging
from app.settings import get_settings
from app.worker import child
from models.errors import TrainingError

GIBIBYTE = 1024**3

HANDLERS = {
    kind: f"tests.counting:{function}"
    for kind, function in (
        ("count", "count"),
        ("clean", "count"),
        ("look", "look"),
        ("refuse", "refuse"),
        ("break", "break_down"),
        ("die", "die"),
        ("exhaust", "exhaust"),
        ("kill-worker", "kill_worker"),
    )
}


def count(task: Task) -> Publish:
    """Count `epochs` epochs of `seconds` each, going on from the checkpoint."""
    epochs, seconds = task.attempt.subject["epochs"], task.attempt.subject["seconds"]
    first = int(task.load_checkpoint() or b"0")
    for epoch in range(first + 1, epochs + 1):
        time.sleep(seconds)
        task.report(phase="counting", fraction=epoch / epochs, epoch=epoch, epochs=epochs)
        task.save_checkpoint(str(epoch).encode())

    def publish(session: Session) -> dict[str, Any]:
        return {"first": first, "counted": epochs, "attempt": task.attempt.number}

    return publish


def look(task: Task) -> Publish:
    """Say which GPUs this process sees."""
    return lambda _: {"gpus": os.environ["CUDA_VISIBLE_DEVICES"]}


def refuse(task: Task) -> Publish:
    """Find that the work cannot succeed."""
    raise TrainingError("`learning_rate` is too high: the loss is not a number.")


def break_down(task: Task) -> Publish:
    """Have a mistake in the program."""
    raise KeyError("a secret")


def die(task: Task) -> Publish:
    """Be killed, as by the kernel when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def exhaust(task: Task) -> Publish:
    """Ask for more memory than the process may have: no machine is endangered."""
    resource.setrlimit(resource.RLIMIT_AS, (4 * GIBIBYTE, 4 * GIBIBYTE))
    np.ones(8 * GIBIBYTE, np.uint8)
    raise AssertionError


def kill_worker(task: Task) -> Publish:
    """Take the worker down with the job."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)
    raise AssertionError


def run() -> None:
    """Be a worker whose children do these jobs."""
    from app.worker.parent import run_worker

    configure_logging()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run_worker(get_settings(), stop, child_command=(sys.executable, "-m", "tests.counting"))
    os._exit(0)


if __name__ == "__main__":
    child.main(HANDLERS)
