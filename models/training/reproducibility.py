"""Reproducibility: compare two trainings of the same spec and data, and explain differences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from models.evaluation.panel_report import data_of
from models.series import SeriesData, as_panel
from models.serving.artefact import Bundle, read_bundle
from models.serving.forecaster import Forecaster
from models.serving.session import open_session
from models.training.hashing import Weights, read_weights, weights_sha256
from models.training.trained import Trained

# Enough origins to show how far forecasts differ, few enough for a windowed network.
COMPARED_ORIGINS = 256
UNEXPLAINED = (
    "No recorded difference explains it. What remains is an operation that is not deterministic "
    "on this device, or a change of the program."
)


@dataclass(frozen=True, slots=True)
class Record:
    """The stored record of a training.

    Args:
        spec: The resolved spec.
        data: With `sha256` of the series' values and `arrays_sha256` of the training arrays.
        training: With `weights_sha256`, `versions`, `device` and `machine`.
        artefact: The parts of the bundle.
    """

    spec: Mapping[str, Any]
    data: Mapping[str, Any]
    training: Mapping[str, Any]
    artefact: Bundle

    @classmethod
    def of(cls, trained: Trained) -> Self:
        """The record of a training in this process."""
        return cls(trained.spec, trained.data, trained.training, read_bundle(trained.bundle))


def compare(
    stored: Record, retrained: Record, data: SeriesData | Sequence[SeriesData]
) -> dict[str, Any]:
    """Check whether a second training gave the same weights, and if not, what differs.

    Args:
        stored: The first training.
        retrained: The second, of the same spec and data.
        data: The series, or those of a panel, for forecasts of both.

    Returns:
        `identical`, `weights_sha256` and `data_sha256` as `{stored, retrained}`,
        `largest_weight_difference`, `largest_forecast_difference` by target in original units,
        and `differences`: sentences, none if identical. A difference is None if the two have
        different shapes.
    """
    first, second = read_weights(stored.artefact.keras), read_weights(retrained.artefact.keras)
    weights = {"stored": _recorded_hash(stored, first), "retrained": weights_sha256(second)}
    arrays = {
        "stored": stored.data.get("arrays_sha256"),
        "retrained": retrained.data["arrays_sha256"],
    }
    apart, forecasts = (
        _largest_difference(first, second),
        _forecast_difference(stored.artefact, retrained.artefact, as_panel(data)),
    )
    causes = list(_causes(stored, retrained, first))
    identical = weights["stored"] == weights["retrained"] and not _differs(arrays)
    sentences = [*(causes or [UNEXPLAINED]), *_effects(apart, forecasts)]
    return {
        "identical": identical,
        "weights_sha256": weights,
        "data_sha256": arrays,
        "largest_weight_difference": apart,
        "largest_forecast_difference": forecasts,
        "differences": [] if identical else sentences,
    }


def _recorded_hash(record: Record, weights: Weights) -> str:
    """The recorded hash; that of the weights for trainings from before it was recorded."""
    return str(record.training.get("weights_sha256") or weights_sha256(weights))


def _causes(stored: Record, retrained: Record, weights: Weights) -> Iterator[str]:
    """What may have led to different weights, the most direct cause first."""
    yield from _changed("spec", stored.artefact.manifest["spec"], retrained.spec)
    for name, what in (("sha256", "The series' values"), ("arrays_sha256", "The training arrays")):
        hashes = {"stored": stored.data.get(name), "retrained": retrained.data[name]}
        if _differs(hashes):
            yield f"{what} have the SHA-256 {hashes['retrained']}; stored is {hashes['stored']}."
    if _recorded_hash(stored, weights) != weights_sha256(weights):
        yield (
            "The stored hash is not that of the stored weights: one of them was changed after "
            "the training."
        )
    before, now = stored.training, retrained.training
    yield from _changed("versions", before.get("versions", {}), now["versions"])
    yield from _changed("training", _only(before, "device", "seed"), _only(now, "device", "seed"))
    yield from _changed("machine", before.get("machine", {}), now["machine"])


def _differs(hashes: Mapping[str, str | None]) -> bool:
    """Whether two hashes differ; False if the first was never stored."""
    return hashes["stored"] is not None and hashes["stored"] != hashes["retrained"]


def _only(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}


def _changed(what: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(before.keys() & now.keys()):
        if before[name] != now[name]:
            yield f"`{what}.{name}` was {before[name]} and is {now[name]}."


def _effects(apart: float | None, forecasts: dict[str, float] | None) -> Iterator[str]:
    if apart is None:
        yield "The weights have different names or shapes."
    elif apart > 0:
        yield f"Weights differ by at most {apart:.3g}."
    for target, difference in (forecasts or {}).items():
        if difference > 0:
            yield f"Forecasts of {target} differ by at most {difference:.3g}."


def _largest_difference(first: Weights, second: Weights) -> float | None:
    shapes = [{name: array.shape for name, array in each.items()} for each in (first, second)]
    if shapes[0] != shapes[1]:
        return None
    return max((float(np.abs(first[name] - second[name]).max()) for name in first), default=0.0)


def _forecast_difference(
    first: Bundle, second: Bundle, panel: Sequence[SeriesData]
) -> dict[str, float] | None:
    """The largest difference of forecasts from the last origins, by target in original units."""
    made = [
        np.concatenate([_last_forecasts(artefact, data) for data in panel])
        for artefact in (first, second)
    ]
    if made[0].shape != made[1].shape:
        return None
    known = np.isfinite(made[0]) & np.isfinite(made[1])
    apart = np.where(known, np.abs(made[0] - made[1]), 0.0).max(axis=(0, 1))
    names = first.manifest["targets"]["names"]
    return {name: float(difference) for name, difference in zip(names, apart, strict=True)}


def _last_forecasts(artefact: Bundle, data: SeriesData) -> npt.NDArray[np.float64]:
    """Forecasts from the last `COMPARED_ORIGINS` rows, `(origins, leads, targets)`."""
    forecaster = Forecaster(artefact.manifest, open_session(artefact.onnx)).for_series(data.name)
    columns = [data.channel_names.index(name) for name in artefact.manifest["channels"]]
    rows = data_of(artefact.manifest["data"], data.name)["rows"]
    at = np.arange(max(0, rows - COMPARED_ORIGINS), rows)
    return forecaster.outputs(data.times, data.values[:, columns], at).values
