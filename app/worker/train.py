"""The handler of `train`: data in, a published version out."""

import dataclasses

from sqlalchemy.orm import Session

import app.registry.service as registry
from app.registry.service import TrainingInput
from app.worker.task import Publish, Task
from models.fitting import Progress
from models.train import Trained, train


def train_version(task: Task) -> Publish:
    """Train the version that the job belongs to; the result is stored as the job ends."""
    given = task.read(lambda session: registry.training_input(session, task.attempt.job_id))
    return _publishing(task.attempt.job_id, run_training(task, given))


def run_training(task: Task, given: TrainingInput) -> Trained:
    """Train as a job: with progress, from its last checkpoint and saving more."""
    return train(
        given.spec,
        given.data,
        progress=lambda progress: _report(task, progress),
        checkpoint=task.load_checkpoint(),
        save_checkpoint=task.save_checkpoint,
    )


def _report(task: Task, progress: Progress) -> None:
    task.report(**dataclasses.asdict(progress))


def _publishing(job_id: str, trained: Trained) -> Publish:
    def publish(session: Session) -> dict[str, object]:
        return registry.publish(session, job_id, trained)

    return publish
