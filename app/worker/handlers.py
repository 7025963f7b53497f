"""The handler of each kind of job."""

from collections.abc import Callable, Mapping
from importlib import import_module

from app.jobs.task import Publish, Task

# A handler that returns None has ended the job itself.
Handler = Callable[[Task], Publish | None]

# Handlers are given by name, because only the children that run a kind import its module.
HANDLERS: dict[str, str] = {
    "backtest": "app.backtests.tasks:run_backtest",
    "check": "app.live.tasks:check_states",
    "clean": "app.retention.tasks:clean_models",
    "promote": "app.schedules.tasks:promote_version",
    "train": "app.registry.tasks:train_version",
    "trial": "app.studies.tasks:run_study_trial",
    "upload": "app.ingest.tasks:read_upload",
    "verify": "app.registry.tasks:verify_version",
}


def load_handlers(names: Mapping[str, str]) -> dict[str, Handler]:
    """The functions behind names of the form `module:function`."""
    return {kind: _load(name) for kind, name in names.items()}


def _load(name: str) -> Handler:
    module, _, function = name.partition(":")
    handler: Handler = getattr(import_module(module), function)
    return handler
