"""Evaluation: what is served, against its baselines, on the same origins, in original units."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arrays import RowIndices, Times, Values
from models.evaluation.baseline_set import BaselineSet
from models.evaluation.comparison import Comparison
from models.evaluation.metrics import seasonal_scale
from models.evaluation.residuals import DEFINITION, summarise_residuals
from models.features.dataset import SplitName, Track
from models.grid.splits import origins
from models.serving.forecaster import Forecaster

# A windowed network reads a whole window for each origin: more origins than this in a part take
# longer than they tell.
MOST_WINDOWS = 4096
# Origins times leads times targets in a part: bounds memory to some hundred megabytes.
MOST_POINTS = 3_000_000

PARTS: tuple[SplitName, ...] = ("train", "validation", "test")
HELD_OUT: tuple[SplitName, ...] = ("validation", "test")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a forecaster is.

    Args:
        metrics: `{part: {target: {mae, rmse, mase, smape, naive_mae, seasonal_naive_mae,
            drift_mae, ar_mae, skill, best_baseline, ar_order, leads: [{lead, mae, ...}]}}}`, in
            the test part with `significance` of the difference from `naive` and from
            `best_baseline`; a figure that cannot be had is None.
        residuals: `{definition, season_steps, validation | test: {target: {unit, leads}}}`.
        baselines: `{season: {steps, source}, ar: {target: {order, rows, logged}}}`.
        calibration: Of classes, how often what was said with some probability came true; None
            of values, whose table lies with the coverage of their intervals.
    """

    metrics: dict[str, Any]
    residuals: dict[str, Any]
    baselines: dict[str, Any]
    calibration: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Scene:
    """What every part of the split is evaluated with."""

    forecaster: Forecaster
    actual: Values
    baselines: BaselineSet
    scale: Values

    @property
    def leads(self) -> list[int]:
        leads: list[int] = self.forecaster.leads.tolist()
        return leads


def evaluate(
    forecaster: Forecaster, times: Times, values: Values, track: Track, season: int
) -> Evaluation:
    """Measure a forecaster on every part of its split.

    An origin counts if all its leads lie in the same part, and a lead of it if the actual
    value, the forecast and those of all baselines are there: all are compared on the same
    points. Where a part has very many origins, evenly spaced ones stand for all.

    Args:
        forecaster: The exported forecaster, as it will be served.
        times: `(rows,)` of the series, UTC.
        values: `(rows, channels)` in the order of the manifest's channels.
        track: Where the parts lie among the served grid rows.
        season: Rows in the cadence's natural cycle; 1 if there is none.
    """
    rows = [origins_of(forecaster, track.span(part)) for part in PARTS]
    outputs = forecaster.outputs(times, values, at=np.concatenate(rows))
    training = outputs.actual[slice(*track.span("train"))]
    transform = forecaster.manifest["targets"]["scaling"]["transform"]
    baselines = BaselineSet.fit(training, season, transform)
    scale = seasonal_scale(training, baselines.season.steps)
    scene = _Scene(forecaster, outputs.actual, baselines, scale)
    metrics: dict[str, Any] = {}
    residuals: dict[str, Any] = {
        "definition": DEFINITION,
        "season_steps": baselines.season.steps,
    }
    ends = np.cumsum([len(each) for each in rows])[:-1]
    for part, at, said in zip(PARTS, rows, np.split(outputs.values, ends), strict=True):
        comparison = _compare(scene, said, at)
        metrics[part] = _metrics(scene, comparison)
        if part in HELD_OUT:
            residuals[part] = _residuals(scene, comparison, at)
        if part == "test":
            _add_significance(scene, comparison, at, metrics[part])
    return Evaluation(metrics, residuals, baselines.to_json(forecaster.targets))


def origins_of(forecaster: Forecaster, span: tuple[int, int]) -> RowIndices:
    """The rows of a part whose labels all lie in it, evenly thinned out where they are many."""
    leads = forecaster.leads
    most = max(1, MOST_POINTS // (len(leads) * len(forecaster.targets)))
    most = min(most, MOST_WINDOWS) if forecaster.windowed else most
    whole = origins(slice(*span), int(leads[-1]))
    rows = np.arange(whole.start, whole.stop)
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _compare(scene: _Scene, said: Values, at: RowIndices) -> Comparison:
    leads = scene.forecaster.leads
    others = scene.baselines.forecasts(scene.actual, leads, at)
    return Comparison.of(scene.actual[at[:, np.newaxis] + leads], said, others, scene.scale)


def _metrics(scene: _Scene, comparison: Comparison) -> dict[str, Any]:
    report = comparison.report(scene.forecaster.targets, scene.leads)
    for model, row in zip(scene.baselines.autoregressions, report.values(), strict=True):
        row["ar_order"] = model.order
    return report


def _residuals(scene: _Scene, comparison: Comparison, at: RowIndices) -> dict[str, Any]:
    summaries = summarise_residuals(
        -comparison.model,
        scene.leads,
        scene.baselines.season.steps,
        every_row=spacing(at) == 1,
    )
    units = scene.forecaster.manifest["targets"]["units"]
    return {
        name: {"unit": unit, "leads": summary}
        for name, unit, summary in zip(scene.forecaster.targets, units, summaries, strict=True)
    }


def _add_significance(
    scene: _Scene, comparison: Comparison, at: RowIndices, report: dict[str, Any]
) -> None:
    overlap = (scene.leads[-1] - 1) // spacing(at)
    for target, row in enumerate(report.values()):
        row["significance"] = comparison.significance(target, row["best_baseline"], overlap)


def spacing(at: RowIndices) -> int:
    """Rows between neighbouring origins, the least."""
    return int(np.diff(at).min()) if len(at) > 1 else 1
