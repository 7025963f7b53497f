"""Fit intervals on validation rows, and count their coverage in each held-out part."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from models.arrays import RowIndices, Times, Values
from models.evaluation.baselines import Leads
from models.evaluation.origins import MOST_WINDOWS, origins_within
from models.features.dataset import SplitName, Track
from models.serving.forecast import Outputs
from models.serving.forecaster import Forecaster
from models.serving.intervals import LEVELS, Intervals

PARTS: tuple[SplitName, ...] = ("validation", "test")
# Levels whose figures have names of their own, and are reported per lead.
NAMED_LEVELS = (80.0, 95.0)
# Origins times leads times targets: bounds memory to some hundred megabytes.
MOST_POINTS = 1_000_000


def fit_intervals(
    forecaster: Forecaster, times: Times, values: Values, track: Track
) -> Intervals | None:
    """Fit the widths of intervals to the errors on validation rows.

    Args:
        forecaster: The exported forecaster.
        times: `(rows,)` of the series, UTC.
        values: `(rows, channels)` in the order of the manifest's channels.
        track: Where the parts lie among the served grid rows.

    Returns:
        The intervals; None if validation is too short. When they are served their widths follow
        the errors after validation; for a windowed network at most those of the last
        `MOST_WINDOWS` rows.
    """
    origins = _origins(forecaster, track, "validation")
    scaled = forecaster.scaled_outputs(times, values, origins)
    first = track.test
    if forecaster.windowed:
        # Making a state from the start reads one window for each row from here.
        first = max(first, len(scaled.times) - MOST_WINDOWS)
    return Intervals.fit(
        forecaster.quantiles, scaled.predicted, scaled.labels, since=scaled.times[first - 1] + 1
    )


def coverage_report(
    forecaster: Forecaster, times: Times, values: Values, track: Track
) -> dict[str, Any]:
    """Count how often the actual value lies inside, with widths adapted as in serving.

    Args:
        forecaster: A forecaster with intervals; the other arguments are those of
            `fit_intervals`.

    Returns:
        `{part: {target: {coverage_80, width_80, coverage_95, width_95, pinball, calibration:
        [{level, coverage, width}], leads: [{lead, coverage_80, ...}]}}}`: coverage in percent,
        mean width and pinball loss in the target's unit.
    """
    origins = [_origins(forecaster, track, part) for part in PARTS]
    outputs = forecaster.outputs(times, values, at=np.concatenate(origins), levels=LEVELS)
    borders = np.cumsum([0, *(len(rows) for rows in origins)])
    # One target at a time: bounds of all levels are many times as large as the forecasts.
    return {
        part: {
            name: _report(_some(outputs, slice(*span), target), forecaster.leads)
            for target, name in enumerate(forecaster.targets)
        }
        for part, span in zip(PARTS, pairwise(borders.tolist()), strict=True)
    }


def _some(outputs: Outputs, rows: slice, target: int) -> Outputs:
    """The forecasts of one target from some of the origins, without the axis of targets."""
    return replace(
        outputs,
        actual=outputs.actual[:, target],
        origins=outputs.origins[rows],
        values=outputs.values[rows, :, target],
        lower=outputs.lower[:, rows, :, target],
        upper=outputs.upper[:, rows, :, target],
    )


def _origins(forecaster: Forecaster, track: Track, part: SplitName) -> RowIndices:
    """Evenly spaced rows of a part whose labels all lie in it."""
    return origins_within(forecaster, track.span(part), most_points=MOST_POINTS)


def _report(outputs: Outputs, leads: Leads) -> dict[str, Any]:
    """The figures of one target."""
    actual = outputs.actual[outputs.origins[:, np.newaxis] + leads]
    inside = (outputs.lower <= actual) & (actual <= outputs.upper)
    known = ~np.isnan(actual + outputs.values)
    table = {
        "coverage": 100 * np.where(known, inside, np.nan),
        "width": np.where(known, outputs.upper - outputs.lower, np.nan),
    }
    pinball = np.where(known, _pinball(outputs, actual), np.nan)
    return {
        **_figures(table, pinball, slice(None)),
        "calibration": [
            {"level": level, **{key: _mean(each[index]) for key, each in table.items()}}
            for index, level in enumerate(LEVELS)
        ],
        "leads": [
            {"lead": lead, **_figures(table, pinball, index)}
            for index, lead in enumerate(leads.tolist())
        ],
    }


def _figures(
    table: dict[str, Values], pinball: Values, leads: slice | int
) -> dict[str, float | None]:
    named = {
        f"{key}_{level:g}": _mean(each[LEVELS.index(level), :, leads])
        for level in NAMED_LEVELS
        for key, each in table.items()
    }
    return {**named, "pinball": _mean(pinball[:, leads])}


def _pinball(outputs: Outputs, actual: Values) -> Values:
    """The mean pinball loss of median and bounds (Gneiting 2011, arXiv 0912.0902)."""
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
