"""What follows from the end of a job, in the same transaction, however it ended."""

from collections.abc import Callable
from importlib import import_module

from sqlalchemy.orm import Session

from app.jobs.tables import Job

# By name, as with the workers' handlers: the jobs know nothing of those who use them. Web
# process, worker and its children all end jobs, so these modules must be light.
ENDINGS: dict[str, tuple[str, ...]] = {
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


def follow(session: Session, job: Job) -> None:
    """Let those who wait for a job know that it has ended."""
    for name in ENDINGS.get(job.kind, ()):
        module, _, function = name.partition(":")
        ended: Callable[[Session, Job], None] = getattr(import_module(module), function)
        ended(session, job)
