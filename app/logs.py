"""What the processes say while they run: one line for each event, on standard error."""

import logging

FORMAT = "%(asctime)s %(levelname)-7s %(process)d %(name)s: %(message)s"


def configure_logging() -> None:
    """Say what matters to the one who runs the service."""
    logging.basicConfig(format=FORMAT, level=logging.INFO)
    for noisy in ("alembic", "httpx2", "tensorflow", "absl", "h5py"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
