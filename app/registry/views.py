"""Build responses from rows of the registry."""

from collections.abc import Sequence
from typing import Any

from app.jobs.tables import JobState
from app.registry.queries import CHAMPION, VersionRow
from app.registry.schemas import (
    ModelRead,
    PresetRead,
    VersionRead,
    VersionState,
    VersionSummary,
)
from app.registry.tables import ModelVersion
from models.spec.presets import Preset
from models.spec.search_presets import SearchPreset

VERSION_STATES: dict[JobState, VersionState] = {
    JobState.QUEUED: "queued",
    JobState.RUNNING: "training",
    JobState.SUCCEEDED: "ready",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


def read_preset(preset: Preset) -> PresetRead:
    """A preset spec."""
    return PresetRead(
        name=preset.name,
        title=preset.title,
        description=preset.description,
        spec=preset.spec,
        search=None,
    )


def read_search_preset(preset: SearchPreset) -> PresetRead:
    """A preset search, with the spec it starts from."""
    space = {name: d.model_dump(exclude_none=True) for name, d in preset.space.items()}
    return PresetRead(
        name=preset.name,
        title=preset.title,
        description=preset.description,
        spec=preset.spec,
        search={"space": space},
    )


def read_version(row: VersionRow) -> VersionRead:
    """All details of a version whose panel and aliases are loaded."""
    version, model, _, job = row
    diagnostics = version.diagnostics or {}
    return VersionRead(
        name=model.name,
        version=version.number,
        state=VERSION_STATES[job.state],
        error=job.error,
        preset=version.preset,
        spec=version.spec,
        series=_series_names(version),
        job=job.id,
        started_from=version.started_from,
        data=version.data or {"revision": version.data_revision},
        network=version.network,
        metrics=version.metrics,
        metrics_by_series=_metrics_by_series(version),
        baselines=diagnostics.get("baselines"),
        residuals=diagnostics.get("residuals"),
        calibration=diagnostics.get("calibration"),
        audit=diagnostics.get("audit"),
        training=version.training,
        aliases=_alias_names(version),
        created_at=version.created_at,
    )


def summarise_version(row: VersionRow) -> VersionSummary:
    """The summary of a version whose panel and aliases are loaded."""
    version, _, _, job = row
    return VersionSummary(
        version=version.number,
        state=VERSION_STATES[job.state],
        error=job.error,
        series=_series_names(version),
        job=job.id,
        metrics=version.metrics,
        aliases=_alias_names(version),
        created_at=version.created_at,
    )


def read_model(newest_first: Sequence[VersionRow]) -> ModelRead:
    """A model from the rows of all its versions."""
    _, model, _, _ = newest_first[0]
    trained = [row[0].number for row in newest_first if row[3].state is JobState.SUCCEEDED]
    aliases = {
        alias.name: version.number for version, _, _, _ in newest_first for alias in version.aliases
    }
    return ModelRead(
        name=model.name,
        version=aliases.get(CHAMPION, trained[0] if trained else None),
        latest=summarise_version(newest_first[0]),
        versions=len(newest_first),
        aliases=dict(sorted(aliases.items())),
        created_at=model.created_at,
    )


def _alias_names(version: ModelVersion) -> list[str]:
    return [alias.name for alias in version.aliases]


def _series_names(version: ModelVersion) -> list[str]:
    return [each.series.name for each in version.panel]


def _metrics_by_series(version: ModelVersion) -> dict[str, dict[str, Any]] | None:
    """Metrics by series; None for a model of one series, and before the training has ended."""
    found = {each.series.name: each.metrics for each in version.panel if each.metrics is not None}
    return found or None
