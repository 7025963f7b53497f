"""Evaluation of the served forecaster against its baselines, from the same origins."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arrays import RowIndices, Times, Values
from models.evaluation.comparison import Comparison
from models.evaluation.origins import origins_within, overlap, spacing
from models.evaluation.reference import Reference
from models.evaluation.residuals import DEFINITION, summarise_residuals
from models.features.dataset import SplitName, Track
from models.serving.forecaster import Forecaster

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
            `best_baseline`. Errors are in the target's unit, `smape` in percent, `mase` and
            `skill` without a unit; None for a figure that is not defined.
        residuals: `{definition, season_steps, validation | test: {target: {unit, leads}}}`.
        baselines: `{season: {steps, source}, ar: {target: {order, rows, logged}}}`.
        calibration: Of classes, how often the likeliest one was observed, by its predicted
            probability; None of values, whose table is part of the coverage of their intervals.
    """

    metrics: dict[str, Any]
    residuals: dict[str, Any]
    baselines: dict[str, Any]
    calibration: dict[str, Any] | None = None


def evaluate(
    forecaster: Forecaster, times: Times, values: Values, track: Track, season: int
) -> Evaluation:
    """Measure a forecaster on every part of its split.

    An origin counts if all its leads lie in the same part, and a lead of it if the actual
    value, the forecast and those of all baselines are there: all are compared on the same
    points. Above `MOST_POINTS` points of a part, evenly spaced origins stand for all.

    Args:
        forecaster: The exported forecaster, as it will be served.
        times: `(rows,)` of the series, UTC.
        values: `(rows, channels)` in the order of the manifest's channels.
        track: Where the parts lie among the served grid rows.
        season: Rows in the cadence's natural cycle; 1 if there is none.
    """
    rows = {
        part: origins_within(forecaster, track.span(part), most_points=MOST_POINTS)
        for part in PARTS
    }
    outputs = forecaster.outputs(times, values, at=np.concatenate(list(rows.values())))
    past = outputs.actual[slice(*track.span("train"))]
    reference = Reference.fit(forecaster, outputs.actual, past, season)
    baselines = reference.baselines
    metrics: dict[str, Any] = {}
    residuals: dict[str, Any] = {
        "definition": DEFINITION,
        "season_steps": baselines.season.steps,
    }
    ends = np.cumsum([len(at) for at in rows.values()])[:-1]
    for (part, at), predicted in zip(rows.items(), np.split(outputs.values, ends), strict=True):
        comparison = reference.compare(predicted, at)
        metrics[part] = _metrics(forecaster, reference, comparison, at if part == "test" else None)
        if part in HELD_OUT:
            residuals[part] = _residuals(forecaster, comparison, baselines.season.steps, at)
    return Evaluation(metrics, residuals, baselines.to_json(forecaster.targets))


def _metrics(
    forecaster: Forecaster, reference: Reference, comparison: Comparison, tested: RowIndices | None
) -> dict[str, Any]:
    """The figures of a part; with a test of significance if its origins are given."""
    leads = forecaster.leads
    overlapping = None if tested is None else overlap(leads, spacing(tested))
    report = comparison.report(forecaster.targets, leads.tolist(), overlapping)
    for model, row in zip(reference.baselines.autoregressions, report.values(), strict=True):
        row["ar_order"] = model.order
    return report


def _residuals(
    forecaster: Forecaster, comparison: Comparison, season: int, at: RowIndices
) -> dict[str, Any]:
    summaries = summarise_residuals(
        -comparison.model, forecaster.leads.tolist(), season, every_row=spacing(at) == 1
    )
    units = forecaster.manifest["targets"]["units"]
    return {
        name: {"unit": unit, "leads": summary}
        for name, unit, summary in zip(forecaster.targets, units, summaries, strict=True)
    }
