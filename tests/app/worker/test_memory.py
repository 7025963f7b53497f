"""Jobs that ran out of memory: how it is noticed, and what their owners read."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.jobs import attempts
from app.jobs.task import Publish, Task
from app.worker import child
from app.worker.memory import is_out_of_memory, sizes_to_reduce
from tests.app.conftest import SPEC
from tests.conftest import ROOT

# The process may have 16 gibibytes and asks for more at once, so nothing is really taken.
EXHAUST_TENSORFLOW = """
import json, resource
import tensorflow as tf
from app.worker.memory import is_out_of_memory
resource.setrlimit(resource.RLIMIT_AS, (2**34, 2**34))
try:
    tf.random.stateless_uniform([2**36], seed=[0, 0])
except Exception as error:
    print(json.dumps([type(error).__name__, is_out_of_memory(error)]))
"""


class TestNotice:
    @pytest.mark.unit
    def test_a_failed_allocation_of_numpy(self) -> None:
        with pytest.raises(MemoryError) as caught:
            np.ones(2**60, np.uint8)
        assert is_out_of_memory(caught.value)

    @pytest.mark.slow
    def test_a_failed_allocation_of_tensorflow(self) -> None:
        command = [sys.executable, "-c", EXHAUST_TENSORFLOW]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        assert json.loads(done.stdout.splitlines()[-1]) == ["ResourceExhaustedError", True]

    @pytest.mark.unit
    def test_what_jax_says(self) -> None:
        assert is_out_of_memory(RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 B"))

    @pytest.mark.unit
    def test_any_other_error_is_none(self) -> None:
        assert not is_out_of_memory(ValueError("`lanes` must be at least 1"))


@pytest.mark.unit
class TestAdvice:
    def test_a_stateful_spec_names_lanes_and_chunk(self) -> None:
        layers = [{"units": 32}, {"units": 64}]
        spec = {"mode": "stateful", "lanes": 60, "chunk": 96, "layers": layers}
        assert sizes_to_reduce(spec) == (
            "try fewer `lanes` (now 60), a shorter `chunk` (now 96) or fewer `units` (now 64)"
        )

    def test_a_windowed_spec_names_batch_and_lookback(self) -> None:
        spec = {"mode": "windowed", "batch_size": 128, "lookback": 720, "layers": [{"units": 8}]}
        assert sizes_to_reduce(spec).startswith(
            "try a smaller `batch_size` (now 128), a shorter `lookback` (now 720)"
        )


class TestJob:
    def test_the_error_names_the_present_sizes(
        self, client: TestClient, database: Database, weekly: str
    ) -> None:
        body = {"name": "m", "series": weekly, "spec": {**SPEC, "lanes": 3, "chunk": 20}}
        job_id = client.post("/v1/models", json=body).json()["job"]["id"]

        def exhaust(task: Task) -> Publish:
            task.save_checkpoint(b"the last epoch")
            raise_out_of_memory()
            raise AssertionError

        with database.transaction() as session:
            attempt = attempts.start(session, job_id, "worker")
        assert attempt is not None
        child.run(Task(database, attempt), {"train": exhaust})
        job = client.get(f"/v1/jobs/{job_id}").json()
        assert job["state"] == "failed"
        assert job["error"] == (
            "The training ran out of memory: try fewer `lanes` (now 3), a shorter `chunk` "
            "(now 20) or fewer `units` (now 4)."
        )
        kept: Any = client.get(f"/v1/jobs/{job_id}/checkpoint")
        assert kept.content == b"the last epoch"


def raise_out_of_memory() -> None:
    np.ones(2**60, np.uint8)
