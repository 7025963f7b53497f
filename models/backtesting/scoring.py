"""Judges of backtests: what was said beside what came, and beside what is said without a network.

Baselines, and the frequencies of classes, are learnt from the rows up to the first origin.
"""

from typing import Any

import numpy as np

from models.arrays import Values
from models.backtesting.plan import BacktestPlan
from models.backtesting.points import BacktestResult, ClassPoints, ValuePoints
from models.evaluation.baseline_set import BaselineSet
from models.evaluation.class_comparison import ClassComparison, shares_of
from models.evaluation.comparison import Comparison
from models.evaluation.metrics import seasonal_scale
from models.features.classes import ClassCoding
from models.features.features import clean_rows
from models.series import SeriesData
from models.serving.forecaster import Forecaster


def judge(
    forecaster: Forecaster, data: SeriesData, plan: BacktestPlan, said: Values
) -> BacktestResult:
    """Judge what was said from the origins of a backtest.

    Args:
        forecaster: The stored forecaster, as it reads the series.
        data: The series.
        plan: The backtest.
        said: `(origins, leads, targets)` in original units, or with another axis the
            probabilities of classes; NaN is missing.
    """
    if forecaster.classes is not None:
        return _judge_classes(forecaster, forecaster.classes, data, plan, said)
    return _judge_values(forecaster, data, plan, said)


def target_rows(forecaster: Forecaster, data: SeriesData) -> Values:
    """What came, on the grid that a forecaster steps through.

    Args:
        forecaster: Any forecaster of the series' channels.
        data: The series.

    Returns:
        `(rows, targets)` in original units; NaN is missing.
    """
    targets = forecaster.manifest["targets"]
    rows = forecaster.rule.grid(data.times, forecaster.values_of(data)).values
    logged = targets["scaling"]["transform"] == "log_return"
    chosen: Values = clean_rows(rows, targets["columns"] if logged else [])[:, targets["columns"]]
    return chosen


def _judge_values(
    forecaster: Forecaster, data: SeriesData, plan: BacktestPlan, values: Values
) -> BacktestResult:
    leads, at = forecaster.leads, plan.origins
    rows = target_rows(forecaster, data)
    known = rows[: at[0] + 1]
    transform = forecaster.manifest["targets"]["scaling"]["transform"]
    baselines = BaselineSet.fit(known, forecaster.calendar.season_steps, transform)
    others = baselines.forecasts(rows, leads, at)
    actual = rows[at[:, np.newaxis] + leads]
    # The comparison turns the arrays of forecasts into those of errors.
    naive, seasonal_naive = (others[name].copy() for name in ("naive", "seasonal_naive"))
    scale = seasonal_scale(known, baselines.season.steps)
    comparison = Comparison.of(actual, values.copy(), others, scale)
    targets = comparison.report(forecaster.targets, leads.tolist())
    for target, row in enumerate(targets.values()):
        best = row["best_baseline"]
        row["significance"] = comparison.significance(target, best, _overlap(plan, forecaster))
    return BacktestResult(
        points=ValuePoints(
            **_frame(forecaster, plan),
            values=values,
            actual=actual,
            naive=naive,
            seasonal_naive=seasonal_naive,
        ),
        report={**plan.report(), **baselines.to_json(forecaster.targets), "targets": targets},
    )


def _judge_classes(
    forecaster: Forecaster,
    coding: ClassCoding,
    data: SeriesData,
    plan: BacktestPlan,
    probabilities: Values,
) -> BacktestResult:
    # Of the rows up to the first origin, those whose labels are known at it.
    known = np.arange(max(0, plan.origins[0] + 1 - int(forecaster.leads[-1])))
    rows = np.concatenate([known, plan.origins])
    labels = forecaster.labels(data.times, forecaster.values_of(data), rows)
    shares, actual = shares_of(labels[: len(known)], coding), labels[len(known) :]
    comparison = ClassComparison.of(coding, probabilities, shares, actual)
    names = forecaster.targets, forecaster.leads.tolist()
    targets = comparison.report(*names)
    for target, row in enumerate(targets.values()):
        row["significance"] = comparison.significance(target, _overlap(plan, forecaster))
    return BacktestResult(
        points=ClassPoints(
            **_frame(forecaster, plan),
            classes=np.array(coding.names),
            probabilities=probabilities,
            shares=shares,
            actual=actual,
        ),
        report={
            **plan.report(),
            "frequencies": comparison.frequencies(*names),
            "calibration": comparison.calibration(*names),
            "targets": targets,
        },
    )


def _frame(forecaster: Forecaster, plan: BacktestPlan) -> dict[str, Any]:
    """Which points there are."""
    return {
        "origins": plan.grid[plan.origins],
        "times": plan.grid[plan.origins[:, np.newaxis] + forecaster.leads],
        "leads": forecaster.leads,
        "targets": np.array(forecaster.targets),
    }


def _overlap(plan: BacktestPlan, forecaster: Forecaster) -> int:
    """How many later origins' forecasts overlap with one origin's."""
    return (int(forecaster.leads[-1]) - 1) // plan.spec.origins.every
