"""Evaluation: what is served, against its baselines, on the same origins, in original units."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.baselines import Leads, naive, seasonal_naive
from models.dataset import Part, Track
from models.metrics import (
    Errors,
    mean_absolute_error,
    root_mean_squared_error,
    seasonal_scale,
    skill,
)
from models.runtime import Forecaster
from models.series import Rows, Times, Values

# A windowed network reads a whole window for each origin: more origins than this in a part take
# longer than they tell.
MOST_WINDOWS = 4096
# Origins times leads times targets in a part: bounds memory to some hundred megabytes.
MOST_POINTS = 4_000_000

PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Errors of the forecaster and of its baselines on the same points.

    Args:
        model: `(origins, leads, targets)` in original units; NaN where any of the three, or
            the actual value, is missing.
        naive: The same shape.
        seasonal_naive: The same shape.
        scale: `(targets,)`, the divisor of MASE.
    """

    model: Errors
    naive: Errors
    seasonal_naive: Errors
    scale: Values

    @property
    def pooled(self) -> "Comparison":
        """All leads as one: `(origins * leads, 1, targets)`."""
        shape = (-1, 1, self.model.shape[-1])
        return Comparison(
            self.model.reshape(shape),
            self.naive.reshape(shape),
            self.seasonal_naive.reshape(shape),
            self.scale,
        )

    def figures(self) -> dict[str, Errors]:
        """Every figure as `(leads, targets)`."""
        mae, naive_mae = mean_absolute_error(self.model), mean_absolute_error(self.naive)
        return {
            "mae": mae,
            "rmse": root_mean_squared_error(self.model),
            "mase": mae / self.scale,
            "naive_mae": naive_mae,
            "seasonal_naive_mae": mean_absolute_error(self.seasonal_naive),
            "skill": skill(mae, naive_mae),
        }


def evaluate(
    forecaster: Forecaster, times: Times, values: Values, track: Track, season: int
) -> dict[str, Any]:
    """Measure a forecaster on every part of its split.

    An origin counts if all its leads lie in the same part, and a lead of it if the actual
    value and all three forecasts are there: model and baselines are compared on the same points.
    Where a part has very many origins, evenly spaced ones stand for all.

    Args:
        forecaster: The exported forecaster, as it will be served.
        times: `(rows,)` of the series, UTC.
        values: `(rows, channels)` in the order of the manifest's channels.
        track: Where the parts lie among the served grid rows.
        season: Rows in the natural cycle; 1 if there is none.

    Returns:
        `{part: {target: {mae, rmse, mase, naive_mae, seasonal_naive_mae, skill,
        leads: [{lead, mae, ...}]}}}`; a figure that cannot be had is None.
    """
    leads = forecaster.leads
    most = max(1, MOST_POINTS // (len(leads) * len(forecaster.targets)))
    most = min(most, MOST_WINDOWS) if forecaster.windowed else most
    origins = [_origins(track.span(part), int(leads[-1]), most) for part in PARTS]
    outputs = forecaster.outputs(times, values, at=np.concatenate(origins))
    scale = seasonal_scale(outputs.actual[slice(*track.span("train"))], season)
    ends = np.cumsum([len(rows) for rows in origins])[:-1]
    return {
        part: _report(
            _compare(outputs.actual, said, rows, leads=leads, season=season, scale=scale),
            forecaster,
        )
        for part, rows, said in zip(PARTS, origins, np.split(outputs.values, ends), strict=True)
    }


def _origins(span: tuple[int, int], farthest: int, most: int) -> Rows:
    """The rows of a part whose labels all lie in it, evenly thinned out to at most `most`."""
    rows = np.arange(span[0], max(span[0], span[1] - farthest))
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _compare(
    values: Values, said: Values, origins: Rows, *, leads: Leads, season: int, scale: Values
) -> Comparison:
    """Errors of the forecaster, `said`, and of the baselines from the same origins."""
    actual = values[origins[:, np.newaxis] + leads]
    model = said - actual
    last = naive(values, leads, origins) - actual
    seasonal = seasonal_naive(values, leads, season, origins) - actual
    missing = np.isnan(model + last + seasonal)
    for errors in (model, last, seasonal):
        errors[missing] = np.nan
    return Comparison(model, last, seasonal, scale)


def _report(comparison: Comparison, forecaster: Forecaster) -> dict[str, Any]:
    pooled, by_lead = comparison.pooled.figures(), comparison.figures()
    return {
        name: {
            **_row(pooled, 0, target),
            "leads": [
                {"lead": lead, **_row(by_lead, index, target)}
                for index, lead in enumerate(forecaster.leads.tolist())
            ],
        }
        for target, name in enumerate(forecaster.targets)
    }


def _row(figures: dict[str, Errors], lead: int, target: int) -> dict[str, float | None]:
    return {name: _finite(float(figure[lead, target])) for name, figure in figures.items()}


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None
