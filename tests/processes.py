"""Real processes for the tests that need them."""

import time
from typing import Any

import httpx2

from examples.running import running_service

__all__ = ["running_service", "wait_for_job"]

ENDED = ("succeeded", "failed", "cancelled")


def wait_for_job(
    client: httpx2.Client, job_id: str, *, timeout_seconds: float = 120
) -> dict[str, Any]:
    """The job as soon as it has ended, or as it is when time is up."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
        if job["state"] in ENDED or time.monotonic() > deadline:
            return job
        time.sleep(0.1)
