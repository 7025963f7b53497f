"""Logging of all processes: one line per event, on standard error."""

import logging

FORMAT = "%(asctime)s %(levelname)-7s %(process)d %(name)s: %(message)s"


def configure_logging() -> None:
    """Log at level INFO, and only warnings of noisy libraries."""
    logging.basicConfig(format=FORMAT, level=logging.INFO)
    for noisy in ("alembic", "httpx2", "tensorflow", "absl", "h5py"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
