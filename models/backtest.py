"""Backtests: forecasts from many past rows, each made with what was known then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from models.backtest_plan import BacktestPlan, refit_input, served_grid
from models.baseline_set import BaselineSet
from models.comparison import Comparison
from models.errors import DataError, ForecastingError, TrainingError
from models.features import clean_rows
from models.metrics import seasonal_scale
from models.runtime import Forecaster
from models.series import Rows, SeriesData, Times, Values, iso
from models.spec import Spec

# Trains on a spec and a series, tells its fraction as it goes, and returns the bundle.
Refit = Callable[[Spec, SeriesData, Callable[[float], None]], bytes]
Notify = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """What was said from every origin, what came, and how good that was.

    Args:
        origins: `(origins,)`, times of the rows forecast from.
        times: `(origins, leads)`, when each value is due.
        leads: `(leads,)`, steps ahead.
        targets: Names of the targets.
        values: `(origins, leads, targets)`, the forecasts in original units; NaN is missing.
        actual: The same shape.
        naive: The same shape.
        seasonal_naive: The same shape.
        report: `{origins, refits, in_sample_origins, season, targets: {target: {mae, ...,
            leads, significance}}}`, with the figures of a training's report.
    """

    origins: Times
    times: Times
    leads: Rows
    targets: Sequence[str]
    values: Values
    actual: Values
    naive: Values
    seasonal_naive: Values
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """A backtest under way.

    Args:
        forecaster: The stored forecaster, as it reads the series.
        data: The series.
        plan: Origins and refits.
        refit: Trains again; not called unless the plan says so.
        notify: Takes a phase and the fraction done. What it raises ends the backtest.
        save_checkpoint: Takes what is done after every refit.
    """

    forecaster: Forecaster
    data: SeriesData
    plan: BacktestPlan
    refit: Refit
    notify: Notify = lambda phase, fraction: None
    save_checkpoint: Callable[[bytes], None] = lambda done: None

    def __call__(self, checkpoint: bytes | None = None) -> BacktestResult:
        """Forecast from every origin and compare with what came.

        Args:
            checkpoint: What an earlier, interrupted run of the same backtest saved last.

        Raises:
            TrainingError: If a refit cannot be trained.
        """
        values = self._forecasts(checkpoint)
        self.notify("evaluating", 0.99)
        return _judge(self.forecaster, self.data, self.plan, values)

    def _forecasts(self, checkpoint: bytes | None) -> Values:
        """`(origins, leads, targets)`; without refits all from one pass over the series."""
        origins = self.plan.origins
        if self.plan.spec.refit_every is None:
            self.notify("forecasting", 0.0)
            return forecasts_at(self.forecaster, self.data, self.plan.grid[origins])
        done = [] if checkpoint is None else [_unpack(checkpoint)]
        for number, group in enumerate(self.plan.groups):
            if number * len(self.plan.groups[0]) < sum(map(len, done)):
                continue
            done.append(self._refitted(number, group))
            self.save_checkpoint(_pack(np.concatenate(done)))
        return np.concatenate(done)

    def _refitted(self, number: int, group: Rows) -> Values:
        """Train on what was known at the first origin of a group, forecast from all of it."""
        groups, grid = len(self.plan.groups), self.plan.grid
        phase = f"refit {number + 1} of {groups}"

        def tell(fraction: float) -> None:
            self.notify(phase, (number + fraction) / groups)

        tell(0.0)
        try:
            spec, known = refit_input(self.forecaster, self.data, self.plan, int(group[0]))
            fresh = Forecaster.from_bundle(self.refit(spec, known, tell))
        except ForecastingError as error:
            raise TrainingError(f"The refit at {iso(grid[group[0]])} failed: {error}") from error
        return forecasts_at(fresh, self.data, grid[group])


def forecasts_at(forecaster: Forecaster, data: SeriesData, origins: Times) -> Values:
    """Forecast from some moments, each row read once, nothing after the last moment read.

    Of the channels that are declared as known of the future, later values are read as well.

    Args:
        forecaster: Any forecaster of the series' channels.
        data: The series.
        origins: `(origins,)`, increasing, times of rows.

    Returns:
        `(origins, leads, targets)` in original units, or probabilities as `(origins, leads,
        targets, classes)`; NaN where the forecaster has no row.
    """
    times, values = _seen(forecaster, data, origins[-1])
    grid = served_grid(forecaster, times)
    rows = np.minimum(np.searchsorted(grid, origins), len(grid) - 1)
    there = grid[rows] == origins
    found = forecaster.outputs(times, values, at=rows[there]).said
    said = np.full((len(origins), *found.shape[1:]), np.nan)
    said[there] = found
    return said


def target_rows(forecaster: Forecaster, data: SeriesData) -> Values:
    """What came: `(rows, targets)` in original units on the grid that a forecaster steps through.

    Args:
        forecaster: Any forecaster of the series' channels.
        data: The series.

    Returns:
        One row for each of `served_grid`; NaN is missing.
    """
    targets = forecaster.manifest["targets"]
    rows = forecaster.rule.grid(data.times, data.values[:, _columns(forecaster, data)]).values
    logged = targets["scaling"]["transform"] == "log_return"
    chosen: Values = clean_rows(rows, targets["columns"] if logged else [])[:, targets["columns"]]
    return chosen


def _seen(forecaster: Forecaster, data: SeriesData, last: np.datetime64) -> tuple[Times, Values]:
    """What is there to forecast from: rows up to a moment, and what is known of later ones."""
    values = data.values[:, _columns(forecaster, data)]
    first_later = int(np.searchsorted(data.times, last, side="right"))
    if not forecaster.known_future:
        return data.times[:first_later], values[:first_later]
    unknown = [
        column
        for column, name in enumerate(forecaster.manifest["channels"])
        if name not in forecaster.known_future
    ]
    values[first_later:, unknown] = np.nan
    return data.times, values


def _columns(forecaster: Forecaster, data: SeriesData) -> list[int]:
    missing = [name for name in forecaster.manifest["channels"] if name not in data.channel_names]
    if missing:
        raise DataError(f"The series {data.name!r} lacks channels of the forecaster: {missing}")
    return [data.channel_names.index(name) for name in forecaster.manifest["channels"]]


def _judge(
    forecaster: Forecaster, data: SeriesData, plan: BacktestPlan, values: Values
) -> BacktestResult:
    """Compare with baselines that learnt from the rows up to the first origin."""
    leads, at = forecaster.leads, plan.origins
    rows = target_rows(forecaster, data)
    known = rows[: at[0] + 1]
    transform = forecaster.manifest["targets"]["scaling"]["transform"]
    baselines = BaselineSet.fit(known, forecaster.calendar.season_steps, transform)
    others = baselines.forecasts(rows, leads, at)
    ahead = at[:, np.newaxis] + leads
    kept = {name: others[name].copy() for name in ("naive", "seasonal_naive")}
    scale = seasonal_scale(known, baselines.season.steps)
    comparison = Comparison.of(rows[ahead], values.copy(), others, scale)
    return BacktestResult(
        origins=plan.grid[at],
        times=plan.grid[ahead],
        leads=leads,
        targets=forecaster.targets,
        values=values,
        actual=rows[ahead],
        **kept,
        report={
            **_report_of(plan),
            **baselines.to_json(forecaster.targets),
            "targets": _figures(comparison, forecaster, plan),
        },
    )


def _figures(
    comparison: Comparison, forecaster: Forecaster, plan: BacktestPlan
) -> dict[str, dict[str, Any]]:
    figures = comparison.report(forecaster.targets, forecaster.leads.tolist())
    overlap = (int(forecaster.leads[-1]) - 1) // plan.spec.origins.every
    for target, row in enumerate(figures.values()):
        row["significance"] = comparison.significance(target, row["best_baseline"], overlap)
    return figures


def _report_of(plan: BacktestPlan) -> dict[str, Any]:
    refits = 0 if plan.spec.refit_every is None else len(plan.groups)
    in_sample = 0 if refits else int((plan.origins < plan.training_end).sum())
    return {
        "origins": {
            "count": len(plan.origins),
            "first": iso(plan.grid[plan.origins[0]]),
            "last": iso(plan.grid[plan.origins[-1]]),
            "every": plan.spec.origins.every,
        },
        "refits": refits,
        "in_sample_origins": in_sample,
    }


def _pack(values: Values) -> bytes:
    target = BytesIO()
    np.save(target, values, allow_pickle=False)
    return target.getvalue()


def _unpack(stored: bytes) -> Values:
    values: Values = np.load(BytesIO(stored), allow_pickle=False)
    return values
