"""Jobs of the registry: `train` trains and publishes a version, `verify` trains it again."""

import dataclasses

from sqlalchemy.orm import Session

import app.registry.service as registry
from app.jobs.task import Publish, Task, publish_result
from app.registry.service import TrainingInput
from app.registry.verification import VerificationInput, verification_input
from models.errors import TrainingError
from models.network.backend import device_name
from models.serving.artefact import read_bundle
from models.training.fitting import Progress
from models.training.reproducibility import Record, compare
from models.training.train import train
from models.training.trained import Trained
from models.training.warm_start import WarmStart


def train_version(task: Task) -> Publish:
    """Train the version of the job; the result is stored in the transaction that ends the job."""
    given = task.read(lambda session: registry.training_input(session, task.attempt.job_id))
    return _publishing(task.attempt.job_id, run_training(task, given))


def run_training(task: Task, given: TrainingInput) -> Trained:
    """Train in a job: report progress, resume from its last checkpoint, and save checkpoints.

    Raises:
        TrainingError: If the job asks for a GPU that training cannot use.
    """
    _require_device(task.attempt.device)
    return train(
        given.spec,
        given.data,
        start=WarmStart.of(given.start) if given.start is not None else None,
        progress=lambda progress: _report(task, progress),
        checkpoint=task.load_checkpoint(),
        save_checkpoint=task.save_checkpoint,
    )


def _require_device(requested: str | None) -> None:
    """Refuse a GPU job if the libraries cannot use the worker's GPU: they would use its CPU."""
    if requested == "gpu" and device_name() != "gpu":
        raise TrainingError(
            "The job asks for a GPU, and the libraries for training cannot use the worker's: "
            "install the `gpu` extra, and look for errors of CUDA in the worker's log."
        )


def _report(task: Task, progress: Progress) -> None:
    task.report(**dataclasses.asdict(progress))


def _publishing(job_id: str, trained: Trained) -> Publish:
    def publish(session: Session) -> dict[str, object]:
        return registry.publish(session, job_id, trained)

    return publish


def verify_version(task: Task) -> Publish:
    """Train a version again from its stored spec, seed and data, and compare the weights."""
    subject = task.attempt.subject
    stored = task.read(lambda session: verification_input(session, subject["training_job"]))
    trained = run_training(task, stored.given)
    found = compare(_record(stored), Record.of(trained), stored.given.data)
    return publish_result({"model": subject["model"], "version": subject["version"], **found})


def _record(stored: VerificationInput) -> Record:
    return Record(
        spec=stored.given.spec.to_json(),
        data=stored.data,
        training=stored.training,
        artefact=read_bundle(stored.bundle),
    )
