"""Logging of all processes: one line per event, on standard error."""

import logging
import os
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.settings import LogFormat, get_settings

QUIET = ("alembic", "httpx2", "tensorflow", "absl", "h5py")


def configure_logging() -> None:
    """Log at level INFO, and only warnings of noisy libraries."""
    form = get_settings().log_format or ("text" if sys.stderr.isatty() else "json")
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_process,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(form)],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for noisy in QUIET:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _renderers(form: LogFormat) -> list[Processor]:
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _add_process(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["process"] = os.getpid()
    return event
