"""Models and versions: queue trainings, read their input, publish results, delete models."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.jobs.service as jobs
import app.series.service as series_service
from app.db import Database, insert_or_ignore
from app.errors import Invalid, ModelNotFound, UnknownPreset
from app.jobs.tables import UNFINISHED, Job
from app.registry.queries import WITH_PANEL, get_model
from app.registry.schemas import ModelCreate, TrainingWarning
from app.registry.tables import Bundle, Model, ModelVersion, VersionSeries
from app.registry.warm_starts import find_start, read_start
from app.series.open_findings import open_findings
from app.series.tables import Series
from models.checks.cost import TrainingLimits
from models.checks.resolve import SeriesProfile, resolve
from models.errors import Problem, SpecError
from models.grid.panel import size_problems
from models.network.devices import Device
from models.series import SeriesData
from models.spec.presets import PRESETS
from models.spec.spec import Spec
from models.training.trained import Trained


@dataclass(frozen=True, slots=True)
class TrainingInput:
    """The input of a training: the spec with all defaults filled in, and the panel's series.

    `start` is the bundle whose weights the training begins with, if any.
    """

    spec: Spec
    data: tuple[SeriesData, ...]
    start: bytes | None = None


@dataclass(frozen=True, slots=True)
class CheckedSpec:
    """The resolved spec of a request, and the series that it was checked against.

    `panel` holds their ids and revisions.
    """

    spec: Spec
    panel: list[tuple[int, int]]


def check_request(database: Database, request: ModelCreate, limits: TrainingLimits) -> CheckedSpec:
    """Check a request for a training against its series, outside any write transaction.

    Raises:
        SeriesNotFound, UnknownPreset: If a series or the preset does not exist.
        NoCadence: If a series has no step.
        Invalid: If there are too many series.
        SpecError: If the spec does not fit these series, the series do not form a panel, or the
            training would need more than the limits.
    """
    wanted = _requested_spec(request)
    with database.reading() as session:
        panel = [series_service.get_series(session, name) for name in _series_names(request)]
        profiles = [_profile(session, series) for series in panel]
    spec = _resolve(wanted, profiles, limits)
    _require_precision(spec, request.device)
    return CheckedSpec(spec, [(series.id, series.revision) for series in panel])


def request_version(
    session: Session, request: ModelCreate, checked: CheckedSpec
) -> tuple[Model, ModelVersion, Job]:
    """Queue a checked training in the caller's transaction.

    Raises:
        SeriesNotFound: If a series was deleted in the meantime.
        ModelNotFound, VersionNotFound: If the version to start from does not exist.
        VersionNotTrained, WarmStartDiffers: If that version is not trained, or learnt from other
            series.
    """
    series_ids = [series_id for series_id, _ in checked.panel]
    for name, series_id in zip(_series_names(request), series_ids, strict=True):
        series_service.require_same(session, name, series_id)
    started_from = None
    if request.warm_start is not None:
        started_from = find_start(session, request.name, str(request.warm_start), series_ids)
    return queue_version(
        session,
        request.name,
        spec=checked.spec.to_json(),
        panel=checked.panel,
        preset=request.preset,
        device=request.device,
        started_from=started_from,
    )


def training_warnings(session: Session, version: ModelVersion) -> list[TrainingWarning]:
    """What uploads found in the series of a new version and nothing has resolved since."""
    ids = [each.series_id for each in version.panel]
    panel = session.scalars(sa.select(Series).where(Series.id.in_(ids))).all()
    return [
        TrainingWarning(code=finding.code, message=finding.message)
        for finding in open_findings(session, panel)
    ]


def queue_version(
    session: Session,
    name: str,
    *,
    spec: dict[str, Any],
    panel: Sequence[tuple[int, int]],
    preset: str | None,
    device: Device | None = None,
    parent_id: str | None = None,
    started_from: int | None = None,
) -> tuple[Model, ModelVersion, Job]:
    """Queue the training of a resolved spec; `panel` holds ids of series and their revisions."""
    model = _get_or_create(session, name)
    number = _next_number(session, model)
    subject = {"model": model.name, "version": number}
    job = jobs.enqueue(session, "train", subject, device=device, parent_id=parent_id)
    version = ModelVersion(
        model_id=model.id,
        number=number,
        series_id=panel[0][0],
        job_id=job.id,
        preset=preset,
        spec=spec,
        data_revision=panel[0][1],
        started_from=started_from,
        panel=[
            VersionSeries(position=position, series_id=series_id, data_revision=revision)
            for position, (series_id, revision) in enumerate(panel)
        ],
    )
    session.add(version)
    session.flush()
    return model, version, job


def training_input(session: Session, job_id: str) -> TrainingInput:
    """The spec of a training job, and its data at the requested revisions.

    Raises:
        ModelNotFound: If the version was deleted in the meantime.
        WarmStartDeleted: If the version that it starts from was deleted.
    """
    version = _version_of(session, job_id)
    data = tuple(
        series_service.load_series(session, each.series_id, until_revision=each.data_revision)
        for each in version.panel
    )
    start = read_start(session, version)
    return TrainingInput(spec=Spec.model_validate(version.spec), data=data, start=start)


def publish(session: Session, job_id: str, trained: Trained) -> dict[str, Any]:
    """Store the results of a training; the caller's transaction also ends the job.

    Returns:
        The job's result.

    Raises:
        ModelNotFound: If the version was deleted in the meantime.
    """
    version = _version_of(session, job_id)
    version.data = {"revision": version.data_revision, **_with_revisions(version, trained.data)}
    version.network = trained.network
    version.metrics = trained.metrics
    version.diagnostics = trained.diagnostics
    version.training = trained.training
    version.history = trained.history
    for each in version.panel if len(version.panel) > 1 else []:
        each.metrics = trained.metrics_by_series[each.series.name]
    digest = hashlib.sha256(trained.bundle).hexdigest()
    session.add(Bundle(version_id=version.id, sha256=digest, content=trained.bundle))
    model = session.get_one(Model, version.model_id)
    return {"model": model.name, "version": version.number}


def delete_model(session: Session, name: str) -> None:
    """Delete a model with all its versions and forecasts, and cancel its unfinished jobs.

    Raises:
        ModelNotFound: If there is no such model.
    """
    model = get_model(session, name)
    # By name, not by version: backtests and verifications are jobs of the model, too.
    of_the_model = Job.subject["model"].as_string() == name
    unfinished = sa.select(Job.id).where(of_the_model, Job.state.in_(UNFINISHED))
    for job_id in session.scalars(unfinished).all():
        jobs.request_cancel(session, job_id)
    jobs.delete_checkpoints(session, of_the_model)
    session.delete(model)
    session.flush()


def models_using(session: Session, series_id: int) -> list[str]:
    """The names of the models that learnt from a series."""
    statement = (
        sa.select(Model.name)
        .join(ModelVersion, ModelVersion.model_id == Model.id)
        .join(VersionSeries, VersionSeries.version_id == ModelVersion.id)
        .where(VersionSeries.series_id == series_id)
        .distinct()
        .order_by(Model.name)
    )
    return list(session.scalars(statement))


def deleted_meanwhile() -> ModelNotFound:
    """The error if a model was deleted while a worker trained it."""
    return ModelNotFound("The model was deleted while it was trained.")


def _with_revisions(version: ModelVersion, data: dict[str, Any]) -> dict[str, Any]:
    """The description of the training data, with the revision of each series of a panel."""
    if "series" not in data:
        return data
    revisions = {each.series.name: each.data_revision for each in version.panel}
    series = [{**each, "revision": revisions[each["name"]]} for each in data["series"]]
    return {**data, "series": series}


def _series_names(request: ModelCreate) -> list[str]:
    """The requested names; a list that is too long is refused before a series is read."""
    names = [request.series] if isinstance(request.series, str) else request.series
    for problem in size_problems(len(names)):
        raise Invalid(problem.message, errors=[problem])
    return names


def _profile(session: Session, series: Series) -> SeriesProfile:
    """The profile of a series; its values are released: one series is in memory at a time."""
    return SeriesProfile.from_data(series_service.load_series(session, series.id))


def _requested_spec(request: ModelCreate) -> Spec:
    """The preset's spec, overridden by the fields of the request."""
    if request.preset is None:
        return request.spec or Spec()
    preset = PRESETS.get(request.preset)
    if preset is None:
        message = f"`preset` must be one of {sorted(PRESETS)}. Received: {request.preset!r}"
        raise UnknownPreset(message, errors=[Problem("/preset", message)])
    given = {} if request.spec is None else request.spec.model_dump(exclude_unset=True)
    return Spec.model_validate({**preset.spec, **given})


def _resolve(spec: Spec, panel: list[SeriesProfile], limits: TrainingLimits) -> Spec:
    """Fill in all defaults; pointers of problems refer to the request."""
    try:
        return resolve(spec, panel, limits)
    except SpecError as error:
        raise SpecError([_in_request(problem) for problem in error.problems]) from error


def _in_request(problem: Problem) -> Problem:
    """A problem with its pointer in the request, where the spec is at `/spec`."""
    if problem.pointer.startswith("/series/"):
        return problem
    return Problem(f"/spec{problem.pointer}", problem.message)


def _require_precision(spec: Spec, device: str | None) -> None:
    """Refuse float16 on a CPU, which would emulate it.

    Without a requested device, the training itself refuses it.
    """
    if spec.precision == "mixed_float16" and device == "cpu":
        message = (
            "`precision` mixed_float16 needs `device` gpu or null; a CPU can do mixed_bfloat16. "
            "Received: cpu"
        )
        raise Invalid(message, errors=[Problem("/spec/precision", message)])


def _get_or_create(session: Session, name: str) -> Model:
    """The model's row, locked: two clients that train the same name get different numbers."""
    insert_or_ignore(session, Model, name=name)
    return session.scalars(sa.select(Model).where(Model.name == name).with_for_update()).one()


def _next_number(session: Session, model: Model) -> int:
    highest = session.scalar(
        sa.select(sa.func.max(ModelVersion.number)).where(ModelVersion.model_id == model.id)
    )
    return (highest or 0) + 1


def _version_of(session: Session, job_id: str) -> ModelVersion:
    statement = sa.select(ModelVersion).where(ModelVersion.job_id == job_id)
    version = session.scalar(statement.options(WITH_PANEL))
    if version is None:
        raise deleted_meanwhile()
    return version
