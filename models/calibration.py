"""Calibration: intervals are fitted on validation rows, and their coverage is counted per part."""

from typing import Any

import numpy as np

from models.dataset import Part, Track
from models.intervals import LEVELS, Intervals
from models.runtime import Forecaster, Outputs
from models.series import Rows, Times, Values

PARTS: tuple[Part, ...] = ("validation", "test")
# The levels that figures are given for by name, and per lead.
NAMED_LEVELS = (80.0, 95.0)
# Origins times leads times targets: bounds memory to some hundred megabytes.
MOST_POINTS = 1_000_000
# A windowed network reads a whole window for each origin.
MOST_WINDOWS = 4096


def fit_intervals(
    forecaster: Forecaster, times: Times, values: Values, track: Track
) -> Intervals | None:
    """Set the widths of intervals by the errors on validation rows.

    Args:
        forecaster: The exported forecaster.
        times: `(rows,)` of the series, UTC.
        values: `(rows, channels)` in the order of the manifest's channels.
        track: Where the parts lie among the served grid rows.

    Returns:
        The intervals, whose widths move with the errors after validation unless every forecast
        reads a whole window; None if validation is too short.
    """
    origins = _origins(forecaster, track, "validation")
    scaled = forecaster.scaled_outputs(times, values, origins)
    after_validation = None if forecaster.windowed else scaled.times[track.test - 1] + 1
    return Intervals.fit(forecaster.quantiles, scaled.said, scaled.labels, after_validation)


def coverage_report(
    forecaster: Forecaster, times: Times, values: Values, track: Track
) -> dict[str, Any]:
    """Count how often the truth lies inside, adapted as it would have been when served.

    Args:
        forecaster: A forecaster with intervals; the other arguments are those of
            `fit_intervals`.

    Returns:
        `{part: {target: {coverage_80, width_80, coverage_95, width_95, pinball, calibration:
        [{level, coverage, width}], leads: [{lead, coverage_80, ...}]}}}`: coverage in percent,
        mean width and pinball loss in the target's unit.
    """
    return {
        part: _part_report(
            forecaster.outputs(times, values, at=_origins(forecaster, track, part), levels=LEVELS),
            forecaster,
        )
        for part in PARTS
    }


def _origins(forecaster: Forecaster, track: Track, part: Part) -> Rows:
    """Evenly spaced rows of a part whose labels all lie in it."""
    first, stop = track.span(part)
    leads = forecaster.leads
    rows = np.arange(first, max(first, stop - int(leads[-1])))
    most = max(1, MOST_POINTS // (len(leads) * len(forecaster.targets)))
    most = min(most, MOST_WINDOWS) if forecaster.windowed else most
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _part_report(outputs: Outputs, forecaster: Forecaster) -> dict[str, Any]:
    actual = outputs.actual[outputs.origins[:, np.newaxis] + forecaster.leads]
    inside = (outputs.lower <= actual) & (actual <= outputs.upper)
    known = ~np.isnan(actual + outputs.values)
    table = {
        "coverage": 100 * np.where(known, inside, np.nan),
        "width": np.where(known, outputs.upper - outputs.lower, np.nan),
    }
    pinball = np.where(known, _pinball(outputs, actual), np.nan)
    return {
        name: {
            **_figures(table, pinball, target, slice(None)),
            "calibration": [
                {
                    "level": level,
                    **{key: _mean(each[index, ..., target]) for key, each in table.items()},
                }
                for index, level in enumerate(LEVELS)
            ],
            "leads": [
                {"lead": lead, **_figures(table, pinball, target, index)}
                for index, lead in enumerate(forecaster.leads.tolist())
            ],
        }
        for target, name in enumerate(forecaster.targets)
    }


def _figures(
    table: dict[str, Values], pinball: Values, target: int, leads: slice | int
) -> dict[str, float | None]:
    named = {
        f"{key}_{level:g}": _mean(each[LEVELS.index(level), :, leads, target])
        for level in NAMED_LEVELS
        for key, each in table.items()
    }
    return {**named, "pinball": _mean(pinball[:, leads, target])}


def _pinball(outputs: Outputs, actual: Values) -> Values:
    """The pinball loss of median and bounds, averaged (Gneiting 2011, arXiv 0912.0902)."""
    losses = [0.5 * np.abs(actual - outputs.values)]
    for level, lower, upper in zip(LEVELS, outputs.lower, outputs.upper, strict=True):
        tail = (1 - level / 100) / 2
        losses += [_quantile_loss(actual - lower, tail), _quantile_loss(actual - upper, 1 - tail)]
    mean: Values = np.mean(losses, axis=0)
    return mean


def _quantile_loss(error: Values, quantile: float) -> Values:
    return np.maximum(quantile * error, (quantile - 1) * error)


def _mean(numbers: Values) -> float | None:
    present = numbers[~np.isnan(numbers)]
    return float(present.mean()) if len(present) else None
