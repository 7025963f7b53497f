"""Evaluation: what is served, against its baselines, on the same origins, in original units."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.dataset import Part, Track
from models.features import fill_forward
from models.runtime import Forecaster
from models.scaling import Floats
from models.series import Times, Values

PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Origins:
    """Forecasts and what came of them, with the axes `(origins, leads, targets)`."""

    actual: Values
    model: Values
    naive: Values
    seasonal_naive: Values


def evaluate(
    forecaster: Forecaster, times: Times, values: Values, track: Track, season: int
) -> dict[str, Any]:
    """Measure a forecaster on every part of its split.

    An origin counts if all its leads lie in the same part, and a lead of it if the actual
    value and all three forecasts are there: model and baselines are compared on the same points.

    Args:
        forecaster: The exported forecaster, as it will be served.
        times: `(rows,)` of the series, UTC.
        values: `(rows, channels)` in the order of the manifest's channels.
        track: Where the parts lie among the served grid rows.
        season: Rows in the natural cycle; 1 if there is none.

    Returns:
        `{part: {target: {mae, rmse, mase, ..., leads: [{lead, mae, ...}]}}}`; figures that
        cannot be had are None.
    """
    outputs = forecaster.outputs(times, values)
    leads = np.array(forecaster.leads)
    seasonal = seasonal_naive(outputs.actual, leads, season)
    naive = np.repeat(outputs.base[:, np.newaxis], len(leads), axis=1)
    scales = _mase_scales(outputs.actual[track.train : track.validation], season)
    report: dict[str, Any] = {}
    for part in PARTS:
        first, stop = track.span(part)
        rows = np.arange(first, max(first, stop - int(leads[-1])))
        actual = outputs.actual[rows[:, np.newaxis] + leads]
        found = Origins(actual, outputs.values[rows], naive[rows], seasonal[rows])
        report[part] = {
            name: _target_report(found, index, leads.tolist(), scales[index])
            for index, name in enumerate(forecaster.targets)
        }
    return report


def seasonal_naive(
    actual: Values, leads: np.ndarray[Any, np.dtype[np.int64]], season: int
) -> Values:
    """The value one season before each lead, `(rows, leads, targets)`; NaN before the first."""
    filled = fill_forward(np.full((season, actual.shape[1]), np.nan), actual)
    back = leads - season * -(-leads // season)
    return filled[season + np.arange(len(actual))[:, np.newaxis] + back]


def _mase_scales(actual: Values, season: int) -> Values:
    """Mean absolute seasonal change in the training rows, per target (Hyndman & Koehler 2006)."""
    changes = np.abs(actual[season:] - actual[: max(0, len(actual) - season)])
    return np.array([_mean(column[np.isfinite(column)]) or np.nan for column in changes.T])


def _target_report(found: Origins, target: int, leads: list[int], scale: float) -> dict[str, Any]:
    errors = {
        name: getattr(found, name)[..., target] - found.actual[..., target]
        for name in ("model", "naive", "seasonal_naive")
    }
    whole = np.all([np.isfinite(each) for each in errors.values()], axis=0)
    rows = [
        {
            "lead": lead,
            **_figures({name: each[whole[:, k], k] for name, each in errors.items()}, scale),
        }
        for k, lead in enumerate(leads)
    ]
    return {**_figures({name: each[whole] for name, each in errors.items()}, scale), "leads": rows}


def _figures(errors: dict[str, Floats], scale: float) -> dict[str, float | int | None]:
    mae = {name: _mean(np.abs(each)) for name, each in errors.items()}
    return {
        "mae": mae["model"],
        "rmse": _mean(errors["model"] ** 2, root=True),
        "mase": _ratio(mae["model"], float(scale)),
        "naive_mae": mae["naive"],
        "seasonal_naive_mae": mae["seasonal_naive"],
        "skill": _skill(mae["model"], mae["naive"]),
        "count": len(errors["model"]),
    }


def _mean(values: Floats, root: bool = False) -> float | None:
    if len(values) == 0:
        return None
    mean = float(values.mean())
    return float(np.sqrt(mean)) if root else mean


def _ratio(value: float | None, scale: float) -> float | None:
    return value / scale if value is not None and np.isfinite(scale) and scale > 0 else None


def _skill(model: float | None, naive: float | None) -> float | None:
    return 1 - model / naive if model is not None and naive else None
