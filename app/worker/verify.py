"""The handler of `verify`: a stored version trained again, and the two compared."""

from typing import Any

from sqlalchemy.orm import Session

from app.registry.verification import VerificationInput, verification_input
from app.worker.task import Publish, Task
from app.worker.train import run_training
from models.serving.artefact import read_bundle
from models.training.reproducibility import Record, compare


def verify_version(task: Task) -> Publish:
    """Train a version again from its stored spec, seed and data, and compare the weights."""
    subject = task.attempt.subject
    stored = task.read(lambda session: verification_input(session, subject["training_job"]))
    trained = run_training(task, stored.given)
    found = compare(_record(stored), Record.of(trained), stored.given.data)
    result = {"model": subject["model"], "version": subject["version"], **found}

    def publish(_: Session) -> dict[str, Any]:
        return result

    return publish


def _record(stored: VerificationInput) -> Record:
    return Record(
        spec=stored.given.spec.to_json(),
        data=stored.data,
        training=stored.training,
        artefact=read_bundle(stored.bundle),
    )
