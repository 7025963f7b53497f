"""Warm starts: find the earlier version whose weights a training begins with."""

from collections.abc import Collection

from sqlalchemy.orm import Session

from app.errors import WarmStartDeleted, WarmStartDiffers
from app.registry.bundles import read_bundle_bytes
from app.registry.queries import WITH_PANEL, find_version, get_version
from app.registry.tables import Model, ModelVersion


def find_start(session: Session, model: str, version: str, series: Collection[int]) -> int:
    """The number of the trained version to start from.

    Args:
        session: The database.
        model: The model's name.
        version: A number, an alias or `latest`.
        series: The ids of the series that the new version learns from.

    Raises:
        ModelNotFound, VersionNotFound: If there is no such model or version.
        NoTrainedVersion, VersionNotTrained: If it is not trained.
        WarmStartDiffers: If it learnt from other series: it could have learnt from rows that are
            now in a test part, which cannot be checked.
    """
    row, _, _, job = get_version(session, model, version, WITH_PANEL)
    read_bundle_bytes(session, row, job)
    if {each.series_id for each in row.panel} != set(series):
        names = ", ".join(each.series.name for each in row.panel)
        raise WarmStartDiffers(
            "`warm_start` must be a version that learnt from the same series. "
            f"Received: version {row.number}, which learnt from {names}"
        )
    return row.number


def read_start(session: Session, version: ModelVersion) -> bytes | None:
    """The bundle that a version's training starts from; None if it starts with random weights.

    Raises:
        WarmStartDeleted: If it was deleted in the meantime.
    """
    if version.started_from is None:
        return None
    model = session.get_one(Model, version.model_id)
    row = find_version(session, model.name, str(version.started_from))
    if row is None:
        raise WarmStartDeleted(
            f"Version {version.number} starts from the weights of version "
            f"{version.started_from}, which was deleted: it cannot be trained without them."
        )
    return read_bundle_bytes(session, row[0], row[3])
