"""Hooks that run when a job ends, in the same transaction, however it ended."""

from collections.abc import Callable
from importlib import import_module

from sqlalchemy.orm import Session

from app.access.acting import acting_for
from app.jobs.tables import Job

# Hooks are given by name, like the workers' handlers, so that `app.jobs` imports none of the rooms
# above it. The web process, the worker and its children all end jobs: these modules must be cheap
# to import.
END_HOOKS: dict[str, tuple[str, ...]] = {
    "promote": ("app.schedules.outcomes:promotion_ended",),
    "study": ("app.studies.scheduler:study_ended",),
    "trial": ("app.studies.scheduler:trial_ended",),
    "upload": ("app.ingest.kept_files:upload_ended",),
    "train": (
        "app.studies.scheduler:training_ended",
        "app.schedules.outcomes:training_ended",
        "app.webhooks.service:training_ended",
    ),
}


def run_end_hooks(session: Session, job: Job) -> None:
    """Run the hooks of a job that has ended."""
    for name in END_HOOKS.get(job.kind, ()):
        module, _, function = name.partition(":")
        hook: Callable[[Session, Job], None] = getattr(import_module(module), function)
        with acting_for(job.project):
            hook(session, job)
