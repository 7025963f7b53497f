"""What forked processes do, and all that they need for it: to import this opens nothing."""

import gc
import os
from importlib import import_module

import uvicorn

from app.cli import main
from app.main import create_app
from app.settings import Settings, get_settings
from tests import counting

# What is loaded by name or late.
for module in (
    "alembic.command",
    "app.backup.service",
    "app.worker.parent",
    "models.serving.forecaster",
    "onnxruntime",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
):
    import_module(module)
# To build its routes takes longer than most requests.
APPLICATION = create_app(Settings())
# What is loaded is not looked through, and so not copied, in every fork.
gc.freeze()


def web() -> None:
    """Answer requests, as `statecast web` does."""
    APPLICATION.state.settings = settings = get_settings()
    uvicorn.run(APPLICATION, port=settings.port, access_log=False, log_config=None)


def training_worker() -> None:
    """Work, as `statecast worker` does."""
    main(["worker"])


def counting_worker() -> None:
    """Work on jobs that only count."""
    counting.run()


def backup() -> None:
    """Make a backup, as `statecast backup` does."""
    main(["backup", os.environ["BACKUP_FILE"], "--force"])


def restore() -> None:
    """Restore a backup, as `statecast restore` does."""
    main(["restore", os.environ["BACKUP_FILE"]])
