"""Counters of requests by route template: never by a path, which a client chooses."""

from prometheus_client import Counter, Histogram

from app.instruments.registry import REGISTRY, SECONDS_OF_REQUESTS

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NONE = "none"

REQUESTS = Counter(
    "statecast_http_requests",
    "Requests by route template, method and status; route `none`: no such route, status `none`: "
    "the client went away before the answer.",
    ("route", "method", "status"),
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "statecast_http_request_duration_seconds",
    "Time from a request's headers to the end of its answer.",
    ("route", "method"),
    buckets=SECONDS_OF_REQUESTS,
    registry=REGISTRY,
)


def count_request(route: str | None, method: str, status: int | None, seconds: float) -> None:
    """Count a request that has been answered."""
    route = route or NONE
    method = method if method in METHODS else "other"
    REQUESTS.labels(route, method, NONE if status is None else str(status)).inc()
    REQUEST_SECONDS.labels(route, method).observe(seconds)
