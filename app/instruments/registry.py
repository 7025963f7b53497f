"""The registry of what this process counts itself, and its page when several share a folder."""

import os

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector

# The folder in which processes share their counters, by prometheus-client's own convention.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SECONDS_OF_STEPS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SECONDS_OF_REQUESTS = (*SECONDS_OF_STEPS[2:], 30, 60)

# The time at which a counter was made would be a series more for each.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
if SHARED_FOLDER not in os.environ:
    ProcessCollector(registry=REGISTRY)


def counted() -> CollectorRegistry:
    """What this process has counted, or all processes that share a folder."""
    if SHARED_FOLDER not in os.environ:
        return REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return shared
