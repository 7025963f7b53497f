"""Score the forecasts of a backtest against actual values and forecasts without a network.

Baselines and class priors learn from the rows up to the first origin.
"""

from typing import Any

import numpy as np

from models.arrays import Values
from models.backtesting.plan import BacktestPlan
from models.backtesting.points import BacktestResult, ClassPoints, ValuePoints
from models.evaluation.baselines import naive, seasonal_naive
from models.evaluation.class_comparison import ClassComparison, shares_of
from models.evaluation.origins import overlap
from models.evaluation.reference import Reference
from models.features.classes import ClassCoding
from models.features.features import clean_rows
from models.series import SeriesData
from models.serving.forecaster import Forecaster


def score(
    forecaster: Forecaster, data: SeriesData, plan: BacktestPlan, predicted: Values
) -> BacktestResult:
    """Compare the forecasts from the origins of a backtest with the actual values.

    Args:
        forecaster: The stored forecaster, as it reads the series.
        data: The series.
        plan: The backtest.
        predicted: `(origins, leads, targets)` in original units, or with another axis the
            probabilities of classes; NaN is missing.
    """
    if forecaster.classes is not None:
        return _score_classes(forecaster, forecaster.classes, data, plan, predicted)
    return _score_values(forecaster, data, plan, predicted)


def target_rows(forecaster: Forecaster, data: SeriesData) -> Values:
    """The actual values on the grid of a forecaster.

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


def _score_values(
    forecaster: Forecaster, data: SeriesData, plan: BacktestPlan, values: Values
) -> BacktestResult:
    leads, at = forecaster.leads, plan.origins
    rows = target_rows(forecaster, data)
    known = rows[: at[0] + 1]
    reference = Reference.fit(forecaster, rows, known, forecaster.calendar.season_steps)
    baselines = reference.baselines
    # The comparison overwrites the forecasts with their errors.
    comparison = reference.compare(values.copy(), at)
    targets = comparison.report(forecaster.targets, leads.tolist(), _overlap(forecaster, plan))
    return BacktestResult(
        points=ValuePoints(
            **_axes(forecaster, plan),
            values=values,
            actual=reference.labels(at),
            naive=naive(rows, leads, at),
            seasonal_naive=seasonal_naive(rows, leads, baselines.season.steps, at),
        ),
        report={**plan.report(), **baselines.to_json(forecaster.targets), "targets": targets},
    )


def _score_classes(
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
    return BacktestResult(
        points=ClassPoints(
            **_axes(forecaster, plan),
            classes=np.array(coding.names),
            probabilities=probabilities,
            shares=shares,
            actual=actual,
        ),
        report={
            **plan.report(),
            "frequencies": comparison.frequencies(*names),
            "calibration": comparison.calibration(*names),
            "targets": comparison.report(*names, _overlap(forecaster, plan)),
        },
    )


def _axes(forecaster: Forecaster, plan: BacktestPlan) -> dict[str, Any]:
    """Origins, times, leads and targets of the points."""
    return {
        "origins": plan.grid[plan.origins],
        "times": plan.grid[plan.origins[:, np.newaxis] + forecaster.leads],
        "leads": forecaster.leads,
        "targets": np.array(forecaster.targets),
    }


def _overlap(forecaster: Forecaster, plan: BacktestPlan) -> int:
    return overlap(forecaster.leads, plan.spec.origins.every)
