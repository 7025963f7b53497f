"""Models and versions: asked for, trained elsewhere, published, deleted."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.jobs.service as jobs
import app.series.service as series_service
from app.db import insert_or_ignore
from app.errors import Invalid, NotFound
from app.jobs.tables import UNFINISHED, Job
from app.registry.queries import get_model, single_series
from app.registry.schemas import ModelCreate
from app.registry.tables import Bundle, Model, ModelVersion
from models.checks import SeriesFacts, resolve
from models.devices import Device
from models.errors import Problem, SpecError
from models.presets import PRESETS
from models.series import SeriesData
from models.spec import Spec

if TYPE_CHECKING:
    from models.train import Trained


@dataclass(frozen=True, slots=True)
class TrainingInput:
    """What a training needs: the spec with every default filled in, and the series."""

    spec: Spec
    data: SeriesData


def request_version(session: Session, request: ModelCreate) -> tuple[Model, ModelVersion, Job]:
    """Check that the training can work, and queue it in the caller's transaction.

    Raises:
        NotFound: If the series or the preset does not exist.
        SpecError: If the spec cannot work on this series.
    """
    series = series_service.get_series(session, single_series(request.series))
    data = series_service.load_series(session, series.name)
    spec = _resolve(_requested_spec(request), data)
    _require_precision(spec, request.device)
    return queue_version(
        session,
        request.name,
        spec=spec.to_json(),
        series_id=series.id,
        data_revision=series.revision,
        preset=request.preset,
        device=request.device,
    )


def queue_version(
    session: Session,
    name: str,
    *,
    spec: dict[str, Any],
    series_id: int,
    data_revision: int,
    preset: str | None,
    device: Device | None = None,
    parent_id: str | None = None,
) -> tuple[Model, ModelVersion, Job]:
    """Queue the training of a resolved spec on a revision of a series."""
    model = _get_or_create(session, name)
    number = _next_number(session, model)
    subject = {"model": model.name, "version": number}
    job = jobs.enqueue(session, "train", subject, device=device, parent_id=parent_id)
    version = ModelVersion(
        model_id=model.id,
        number=number,
        series_id=series_id,
        job_id=job.id,
        preset=preset,
        spec=spec,
        data_revision=data_revision,
    )
    session.add(version)
    session.flush()
    return model, version, job


def training_input(session: Session, job_id: str) -> TrainingInput:
    """The spec and the data, at the revision that was asked for, of a training job.

    Raises:
        NotFound: If the version was deleted in the meantime.
    """
    version = _version_of(session, job_id)
    data = series_service.load_series(
        session, version.series_id, until_revision=version.data_revision
    )
    return TrainingInput(spec=Spec.model_validate(version.spec), data=data)


def publish(session: Session, job_id: str, trained: "Trained") -> dict[str, Any]:
    """Store what training made; the caller's transaction also ends the job.

    Returns:
        The job's result.

    Raises:
        NotFound: If the version was deleted in the meantime.
    """
    version = _version_of(session, job_id)
    version.data = {"revision": version.data_revision, **trained.data}
    version.network = trained.network
    version.metrics = trained.metrics
    version.diagnostics = trained.diagnostics
    version.training = trained.training
    version.history = trained.history
    digest = hashlib.sha256(trained.bundle).hexdigest()
    session.add(Bundle(version_id=version.id, sha256=digest, content=trained.bundle))
    model = session.get_one(Model, version.model_id)
    return {"model": model.name, "version": version.number}


def delete_model(session: Session, name: str) -> None:
    """Delete a model with all that belongs to it; its unfinished jobs are cancelled.

    Raises:
        NotFound: If there is no such model.
    """
    model = get_model(session, name)
    # Not by the versions: backtests and verifications are jobs of the model, too.
    of_the_model = Job.subject["model"].as_string() == name
    unfinished = sa.select(Job.id).where(of_the_model, Job.state.in_(UNFINISHED))
    for job_id in session.scalars(unfinished).all():
        jobs.request_cancel(session, job_id)
    jobs.forget_checkpoints(session, of_the_model)
    session.delete(model)
    session.flush()


def models_using(session: Session, series_id: int) -> list[str]:
    """The names of the models that learnt from a series."""
    statement = (
        sa.select(Model.name)
        .join(ModelVersion, ModelVersion.model_id == Model.id)
        .where(ModelVersion.series_id == series_id)
        .distinct()
        .order_by(Model.name)
    )
    return list(session.scalars(statement))


def deleted_meanwhile() -> NotFound:
    """What a worker finds when somebody deleted the model that it works on."""
    return NotFound("The model was deleted while it was trained.")


def _requested_spec(request: ModelCreate) -> Spec:
    """The preset's spec with the request's fields laid over it."""
    if request.preset is None:
        return request.spec or Spec()
    preset = PRESETS.get(request.preset)
    if preset is None:
        message = f"`preset` must be one of {sorted(PRESETS)}. Received: {request.preset!r}"
        raise Invalid(message, errors=[Problem("/preset", message)])
    own = {} if request.spec is None else request.spec.model_dump(exclude_unset=True)
    return Spec.model_validate({**preset.spec, **own})


def _resolve(spec: Spec, data: SeriesData) -> Spec:
    """Every default filled in; problems point into the request, where the spec is `/spec`."""
    try:
        return resolve(spec, SeriesFacts.from_data(data))
    except SpecError as error:
        raise SpecError(
            [Problem(f"/spec{problem.pointer}", problem.message) for problem in error.problems]
        ) from error


def _require_precision(spec: Spec, device: str | None) -> None:
    """float16 on a CPU would be emulated; where the device is left open, training refuses it."""
    if spec.precision == "mixed_float16" and device == "cpu":
        message = (
            "`precision` mixed_float16 needs `device` gpu or null; a CPU can do mixed_bfloat16. "
            "Received: cpu"
        )
        raise Invalid(message, errors=[Problem("/spec/precision", message)])


def _get_or_create(session: Session, name: str) -> Model:
    """The model's row, locked: two clients who train the same name get two numbers."""
    insert_or_ignore(session, Model, name=name)
    return session.scalars(sa.select(Model).where(Model.name == name).with_for_update()).one()


def _next_number(session: Session, model: Model) -> int:
    highest = session.scalar(
        sa.select(sa.func.max(ModelVersion.number)).where(ModelVersion.model_id == model.id)
    )
    return (highest or 0) + 1


def _version_of(session: Session, job_id: str) -> ModelVersion:
    version = session.scalar(sa.select(ModelVersion).where(ModelVersion.job_id == job_id))
    if version is None:
        raise deleted_meanwhile()
    return version
