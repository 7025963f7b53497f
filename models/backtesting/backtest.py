"""Backtests: forecasts from many past rows, each made with what was known then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from models.arrays import RowIndices, Times, Values
from models.backtesting.plan import BacktestPlan
from models.backtesting.points import BacktestResult
from models.backtesting.refits import cut, refit_spec
from models.backtesting.scoring import judge
from models.errors import ForecastingError, TrainingError
from models.series import SeriesData, iso
from models.serving.forecaster import Forecaster
from models.spec.spec import Spec

# Trains on a spec and its series, tells its fraction as it goes, and returns the bundle.
Refit = Callable[[Spec, Sequence[SeriesData], Callable[[float], None]], bytes]
Notify = Callable[[str, float], None]


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
        panel: Every series that the stored network learnt from, in its order: what refits learn
            from. None for `data` alone.
    """

    forecaster: Forecaster
    data: SeriesData
    plan: BacktestPlan
    refit: Refit
    notify: Notify = lambda phase, fraction: None
    save_checkpoint: Callable[[bytes], None] = lambda done: None
    panel: Sequence[SeriesData] | None = None

    def __call__(self, checkpoint: bytes | None = None) -> BacktestResult:
        """Forecast from every origin and compare with what came.

        Args:
            checkpoint: What an earlier, interrupted run of the same backtest saved last.

        Raises:
            TrainingError: If a refit cannot be trained.
        """
        said = self._forecasts(checkpoint)
        self.notify("evaluating", 0.99)
        return judge(self.forecaster, self.data, self.plan, said)

    def _forecasts(self, checkpoint: bytes | None) -> Values:
        """`(origins, leads, targets, ...)`; without refits all from one pass over the series."""
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

    def _refitted(self, number: int, group: RowIndices) -> Values:
        """Train on what was known at the first origin of a group, forecast from all of it."""
        groups, grid = len(self.plan.groups), self.plan.grid
        phase = f"refit {number + 1} of {groups}"

        def tell(fraction: float) -> None:
            self.notify(phase, (number + fraction) / groups)

        tell(0.0)
        try:
            fresh = self._trained(grid[group[0]], tell)
        except ForecastingError as error:
            raise TrainingError(f"The refit at {iso(grid[group[0]])} failed: {error}") from error
        return forecasts_at(fresh, self.data, grid[group])

    def _trained(self, moment: np.datetime64, tell: Callable[[float], None]) -> Forecaster:
        """A forecaster that learnt from what was known at a moment, as it reads the series."""
        panel = (self.data,) if self.panel is None else self.panel
        most_rows = self.plan.spec.train_rows
        cuts = [cut(self.forecaster, each, moment, most_rows) for each in panel]
        spec = refit_spec(self.forecaster, cuts)
        bundle = self.refit(spec, [each.data for each in cuts], tell)
        return Forecaster.from_bundle(bundle).for_series(self.data.name)


def forecasts_at(forecaster: Forecaster, data: SeriesData, origins: Times) -> Values:
    """Forecast from some moments, each row read once, nothing after the last moment read.

    Of the channels that are declared as known of the future, later values are read as well.

    Args:
        forecaster: Any forecaster of the series' channels.
        data: The series.
        origins: `(origins,)`, increasing, times of rows.

    Returns:
        `(origins, leads, targets)` in original units, or `(origins, leads, targets, classes)`,
        the probabilities; NaN where the forecaster has no row.
    """
    times, values = _seen(forecaster, data, origins[-1])
    grid = forecaster.rule.row_times(times)
    rows = np.minimum(np.searchsorted(grid, origins), len(grid) - 1)
    there = grid[rows] == origins
    found = forecaster.outputs(times, values, at=rows[there]).predicted
    said = np.full((len(origins), *found.shape[1:]), np.nan)
    said[there] = found
    return said


def _seen(forecaster: Forecaster, data: SeriesData, last: np.datetime64) -> tuple[Times, Values]:
    """What is there to forecast from: rows up to a moment, and what is known of later ones."""
    values = forecaster.values_of(data)
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


def _pack(values: Values) -> bytes:
    target = BytesIO()
    np.save(target, values, allow_pickle=False)
    return target.getvalue()


def _unpack(stored: bytes) -> Values:
    values: Values = np.load(BytesIO(stored), allow_pickle=False)
    return values
