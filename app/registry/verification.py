"""Verification: train a version again and compare its weights with the stored ones."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

import app.jobs.service as jobs
from app.jobs.tables import Job
from app.registry.bundles import read_bundle_bytes
from app.registry.queries import get_version, version_rows
from app.registry.service import TrainingInput, deleted_meanwhile, training_input
from models.network.devices import Device


@dataclass(frozen=True, slots=True)
class VerificationInput:
    """The input of a verification: the input of the training, and its stored results."""

    given: TrainingInput
    data: dict[str, Any]
    training: dict[str, Any]
    bundle: bytes


def request_verification(
    session: Session, name: str, version: str, device: Device | None = None
) -> Job:
    """Queue the verification of a version, by default for the kind of device that trained it.

    Raises:
        ModelNotFound, VersionNotFound: If there is no such version.
        NoTrainedVersion, VersionNotTrained: If it is not trained (yet).
    """
    row, model, _, trained_by = get_version(session, name, version)
    read_bundle_bytes(session, row, trained_by)
    subject = {"model": model.name, "version": row.number, "training_job": trained_by.id}
    device = device or (row.training or {}).get("device")
    return jobs.enqueue(session, "verify", subject, device=device)


def verification_input(session: Session, training_job: str) -> VerificationInput:
    """The input for training the version of a training job again.

    Raises:
        ModelNotFound: If the version was deleted in the meantime.
    """
    statement = version_rows().where(Job.id == training_job)
    row = session.execute(statement).first()
    if row is None:
        raise deleted_meanwhile()
    version, _, _, job = row
    return VerificationInput(
        given=training_input(session, training_job),
        data=version.data or {},
        training=version.training or {},
        bundle=read_bundle_bytes(session, version, job),
    )
