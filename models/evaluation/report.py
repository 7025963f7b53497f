"""Quality report of a trained forecaster: intervals and figures on every series it learnt from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnxruntime

from models.evaluation.calibration import coverage_report, fit_intervals
from models.evaluation.evaluate import Evaluation, evaluate
from models.evaluation.evaluate_classes import evaluate_classes
from models.evaluation.panel_report import pool_metrics
from models.evaluation.stability_index import Stability
from models.features.prepare import PreparedSeries
from models.serving.adaptation import known_fit
from models.serving.forecaster import Forecaster
from models.serving.intervals import Intervals
from models.serving.preprocessing import Preprocessor


@dataclass(frozen=True, slots=True)
class QualityReport:
    """How good a forecaster is.

    Args:
        metrics: `Evaluation.metrics` with the coverage of intervals; of a panel the means over
            its series.
        metrics_by_series: The same of each series by its name.
        diagnostics: `baselines`, `residuals` and `calibration` of an `Evaluation`; of a panel by
            series.
    """

    metrics: dict[str, Any]
    metrics_by_series: dict[str, dict[str, Any]]
    diagnostics: dict[str, Any]


def put_intervals(
    manifest: dict[str, Any],
    session: onnxruntime.InferenceSession,
    series: Sequence[PreparedSeries],
) -> None:
    """Fit the intervals of every series, and put them into the manifest where serving looks.

    A series with too few validation rows gets the mean widths of the other series of its panel;
    without any fitted series the manifest stays as it is.
    """
    blank = Forecaster(manifest, session)
    found = [
        fit_intervals(blank.for_series(each.fit.name), *each.observed, each.track)
        for each in series
    ]
    fitted = [each for each in found if each is not None]
    if not fitted:
        return
    stored = [(each or Intervals.mean(fitted)).to_json() for each in found]
    manifest["intervals"] = stored[0]
    for entry, intervals in zip(manifest["panel"], stored, strict=False):
        entry["intervals"] = intervals


def describe_inputs(
    manifest: dict[str, Any], series: Sequence[PreparedSeries]
) -> dict[str, dict[str, Any]]:
    """The input distributions of each series, by its name: the manifest's `stability`."""
    found = {}
    for each in series:
        reader = Preprocessor(manifest, known_fit(manifest, each.fit.name))
        fitted = Stability.fit(
            reader.pipeline.channels,
            manifest["channels"],
            reader.rows(*each.observed).values,
            train=slice(*each.track.span("train")),
            end=each.track.end,
        )
        found[each.fit.name] = fitted.to_json()
    return found


def report_quality(forecaster: Forecaster, series: Sequence[PreparedSeries]) -> QualityReport:
    """Evaluate a forecaster as it will be served, on each of its series.

    Args:
        forecaster: The exported forecaster with its intervals.
        series: What it was trained on.
    """
    found = {each.fit.name: _evaluate(forecaster, each) for each in series}
    metrics = {name: each.metrics for name, each in found.items()}
    return QualityReport(
        metrics=pool_metrics(list(metrics.values())),
        metrics_by_series=metrics,
        diagnostics={
            what: _single_or_by_name({name: getattr(each, what) for name, each in found.items()})
            for what in ("baselines", "residuals", "calibration")
        },
    )


def _evaluate(forecaster: Forecaster, series: PreparedSeries) -> Evaluation:
    fitted = forecaster.for_series(series.fit.name)
    if fitted.classes is not None:
        return evaluate_classes(fitted, *series.observed, series.track)
    found = evaluate(fitted, *series.observed, series.track, series.fit.calendar.season_steps)
    if fitted.intervals is not None:
        _merge(found.metrics, coverage_report(fitted, *series.observed, series.track))
    return found


def _merge(metrics: dict[str, Any], coverage: dict[str, Any]) -> None:
    """Add the figures about intervals to those about errors."""
    for part, targets in coverage.items():
        for target, figures in targets.items():
            of_target = metrics[part][target]
            for row, more in zip(of_target["leads"], figures.pop("leads"), strict=True):
                row.update(more)
            of_target |= figures


def _single_or_by_name(reports: Mapping[str, dict[str, Any] | None]) -> dict[str, Any] | None:
    """One series' report, or those of a panel by name; None if all are empty."""
    if not any(reports.values()):
        return None
    return dict(reports) if len(reports) > 1 else next(iter(reports.values()))
