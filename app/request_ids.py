"""The id of the request that a thread or process works for: it stands in all its log lines."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog


def current_request_id() -> str | None:
    """The request's id; None outside of a request."""
    request_id: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return request_id


@contextmanager
def working_for(*, request_id: str | None, job_id: str) -> Iterator[None]:
    """Name a job, and the request that caused it, in the log lines of this thread."""
    names = {"job_id": job_id} | ({} if request_id is None else {"request_id": request_id})
    with structlog.contextvars.bound_contextvars(**names):
        yield
