"""Routes of models, versions, artefacts and presets."""

from itertools import groupby
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import Path, Query, Response
from sqlalchemy.orm import Session

from app.dependencies import DatabaseDependency, SettingsDependency
from app.edge.routing import ServiceRouter
from app.errors import (
    IdempotencyKeyReused,
    JobAlreadyEnded,
    ModelNotFound,
    UnknownPreset,
    VersionNotTrained,
    WarmStartDiffers,
)
from app.idempotency import Answer, OnceOnlyDependency
from app.jobs.schemas import JobRead
from app.jobs.tables import Job
from app.jobs.views import queued_answer, read_job
from app.pagination import Page, Paging
from app.problems import documented
from app.registry import service, verification
from app.registry.bundles import read_bundle_bytes
from app.registry.queries import (
    VERSION_ERRORS,
    WITH_ALIASES,
    WITH_PANEL,
    get_model,
    get_version,
    version_rows,
)
from app.registry.schemas import (
    HistoryRead,
    ModelCreate,
    ModelRead,
    PresetRead,
    VersionQueued,
    VersionRead,
    VersionSummary,
)
from app.registry.tables import Model, ModelVersion
from app.registry.views import (
    read_model,
    read_preset,
    read_search_preset,
    read_version,
    summarise_version,
)
from app.series.service import LOADING_ERRORS
from app.series.tables import Series
from models.network.devices import Device
from models.serving.artefact import read_bundle
from models.spec.presets import PRESETS
from models.spec.search_presets import SEARCH_PRESETS

router = ServiceRouter(tags=["models"])

Format = Literal["bundle", "keras", "onnx"]
SUFFIXES: dict[Format, str] = {"bundle": ".zip", "keras": ".keras", "onnx": ".onnx"}
VersionName = Annotated[
    str, Path(description="A number, an alias, or `latest` for the newest trained version.")
]


@router.get("/presets")
def list_presets() -> Page[PresetRead]:
    """List the specs and searches that can be used by name, with their purpose."""
    specs = [read_preset(preset) for preset in PRESETS.values()]
    searches = [read_search_preset(preset) for preset in SEARCH_PRESETS.values()]
    return Page(items=[*specs, *searches], next=None)


@router.post(
    "/models",
    status_code=202,
    response_model=VersionQueued,
    responses=documented(
        *LOADING_ERRORS,
        *VERSION_ERRORS,
        VersionNotTrained,
        WarmStartDiffers,
        UnknownPreset,
        IdempotencyKeyReused,
    ),
)
def train_model(
    body: ModelCreate,
    database: DatabaseDependency,
    settings: SettingsDependency,
    once_only: OnceOnlyDependency,
) -> Response:
    """Queue the training of a new version, after checking the request as far as possible."""
    repeated = once_only.repeated(database)
    if repeated is not None:
        return repeated
    checked = service.check_request(database, body, settings.training_limits)
    with database.transaction() as session:
        return once_only.run(session, lambda: _queue(session, body, checked))


@router.get("/models")
def list_models(database: DatabaseDependency, paging: Paging) -> Page[ModelRead]:
    """List the models by name, each with its newest version."""
    names = paging.select(sa.select(Model.id), Model.name)
    statement = (
        _versions().where(Model.id.in_(names)).order_by(Model.name, ModelVersion.number.desc())
    )
    with database.reading() as session:
        rows = list(session.execute(statement))
        groups = [list(group) for _, group in groupby(rows, key=lambda row: row[1].id)]
        return paging.page(groups, key=lambda group: group[0][1].name, read=read_model)


@router.get("/models/{name}", responses=documented(ModelNotFound))
def get_one_model(name: str, database: DatabaseDependency) -> ModelRead:
    """Show a model with its newest version."""
    statement = _versions().where(Model.name == name).order_by(ModelVersion.number.desc())
    with database.reading() as session:
        get_model(session, name)
        return read_model(list(session.execute(statement)))


@router.delete(
    "/models/{name}", status_code=204, responses=documented(ModelNotFound, JobAlreadyEnded)
)
def delete_model(name: str, database: DatabaseDependency) -> None:
    """Delete a model with all its versions and forecasts; running trainings are cancelled."""
    with database.transaction() as session:
        service.delete_model(session, name)


@router.get("/models/{name}/versions", responses=documented(ModelNotFound))
def list_versions(name: str, database: DatabaseDependency, paging: Paging) -> Page[VersionSummary]:
    """List a model's versions, newest first."""
    of_model = _versions().where(Model.name == name)
    statement = paging.select(of_model, ModelVersion.number, descending=True)
    with database.reading() as session:
        get_model(session, name)
        rows = session.execute(statement).all()
        return paging.page(rows, key=lambda row: row[0].number, read=summarise_version)


@router.get("/models/{name}/versions/{version}", responses=documented(*VERSION_ERRORS))
def get_one_version(name: str, version: VersionName, database: DatabaseDependency) -> VersionRead:
    """Show a version: spec, data, network, errors per split and lead, training."""
    with database.reading() as session:
        return read_version(get_version(session, name, version, WITH_PANEL, WITH_ALIASES))


@router.get("/models/{name}/versions/{version}/history", responses=documented(*VERSION_ERRORS))
def get_history(name: str, version: VersionName, database: DatabaseDependency) -> HistoryRead:
    """Show the learning curves: loss and validation loss of every epoch."""
    with database.reading() as session:
        row, model, _, _ = get_version(session, name, version)
        return HistoryRead(name=model.name, version=row.number, epochs=row.history or [])


@router.get(
    "/models/{name}/versions/{version}/artefact",
    response_class=Response,
    responses=documented(*VERSION_ERRORS, VersionNotTrained),
)
def download_artefact(
    name: str,
    version: VersionName,
    database: DatabaseDependency,
    format: Annotated[Format, Query(description="What to download.")] = "bundle",  # noqa: A002 - the contract's name
) -> Response:
    """Download the whole bundle, the Keras file or the ONNX graph."""
    with database.reading() as session:
        row, model, _, job = get_version(session, name, version)
        content = read_bundle_bytes(session, row, job)
    stem = f"{model.name}-v{row.number}"
    return Response(
        content if format == "bundle" else getattr(read_bundle(content), format),
        media_type="application/zip" if format == "bundle" else "application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{stem}{SUFFIXES[format]}"'},
    )


@router.post(
    "/models/{name}/versions/{version}/verify",
    status_code=202,
    response_model=JobRead,
    responses=documented(*VERSION_ERRORS, VersionNotTrained, IdempotencyKeyReused),
)
def verify_version(
    name: str,
    version: VersionName,
    database: DatabaseDependency,
    once_only: OnceOnlyDependency,
    device: Annotated[
        Device | None,
        Query(description="Device to train on; by default the kind that trained the version."),
    ] = None,
) -> Response:
    """Train a version again from its stored spec, seed and data; compare the weights.

    The job's result holds `identical`, the SHA-256 of both and, if they differ, the differences of
    data, spec, library versions, kind of machine, weights and forecasts.
    """

    def queue() -> Answer:
        job = verification.request_verification(session, name, version, device)
        return queued_answer(session, job)

    with database.transaction() as session:
        return once_only.run(session, queue)


def _versions() -> sa.Select[ModelVersion, Model, Series, Job]:
    return version_rows().options(WITH_PANEL, WITH_ALIASES)


def _queue(session: Session, body: ModelCreate, checked: service.CheckedSpec) -> Answer:
    model, version, job = service.request_version(session, body, checked)
    queued = VersionQueued(
        name=model.name,
        version=version.number,
        job=read_job(session, job),
        warnings=service.training_warnings(session, version),
    )
    return Answer(202, queued, location=f"/v1/jobs/{job.id}")
