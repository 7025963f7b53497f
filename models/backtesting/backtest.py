"""Backtests: forecasts from many past rows, each made only with what was known then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from models.arrays import RowIndices, Times, Values
from models.backtesting.plan import BacktestPlan
from models.backtesting.points import BacktestResult
from models.backtesting.refits import cut, refit_spec
from models.backtesting.scoring import score
from models.errors import ForecastingError, TrainingError
from models.series import SeriesData, iso
from models.serving.forecaster import Forecaster
from models.spec.spec import Spec

# From a spec, its series and a function that takes the completed fraction to a bundle.
Refit = Callable[[Spec, Sequence[SeriesData], Callable[[float], None]], bytes]
Notify = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Backtest:
    """A planned backtest that can be run.

    Args:
        forecaster: The stored forecaster, as it reads the series.
        data: The series.
        plan: Origins and refits.
        refit: Trains again; only called if the plan has refits.
        notify: Called with a phase and the completed fraction, from 0 to 1. An exception from it
            ends the backtest.
        save_checkpoint: Called with the forecasts so far after every refit.
        panel: Every series that the stored network learnt from, in its order, for refits to learn
            from. None for `data` alone.

    Example:
        `forecaster` is a small forecaster of an hourly series `"load"`, two steps ahead. Its
        network predicts that every step adds 1 to the last value; here some steps add 2.

        >>> import numpy as np
        >>> from models.backtesting.plan import BacktestPlan, BacktestSpec
        >>> from models.series import Channel, SeriesData
        >>> hours = np.arange(72)
        >>> data = SeriesData(
        ...     name="load",
        ...     kind="generic",
        ...     channels=(Channel("load", "MW"),),
        ...     times=np.datetime64("2024-01-01", "us") + hours * np.timedelta64(1, "h"),
        ...     values=np.cumsum(1.0 + (hours % 5 == 0))[:, np.newaxis],
        ...     cadence="1h",
        ...     calendar="continuous",
        ...     timezone="UTC",
        ... )
        >>> plan = BacktestPlan(
        ...     BacktestSpec.model_validate({"origins": {"every": 4}}),
        ...     grid=data.times,
        ...     origins=np.array([60, 64, 68]),
        ...     training_end=60,
        ... )
        >>> def no_refit(spec, panel, report):
        ...     raise NotImplementedError
        >>> result = Backtest(forecaster, data, plan, no_refit).run()
        >>> result.points.values[:, :, 0].tolist()
        [[75.0, 76.0], [79.0, 80.0], [84.0, 85.0]]
        >>> result.points.actual[:, :, 0].tolist()
        [[75.0, 76.0], [80.0, 81.0], [84.0, 86.0]]
        >>> figures = result.report["targets"]["load"]
        >>> round(figures["mae"], 3), round(figures["naive_mae"], 3), round(figures["skill"], 3)
        (0.5, 2.0, 0.75)
        >>> [(lead["lead"], round(lead["mae"], 3)) for lead in figures["leads"]]
        [(1, 0.333), (2, 0.667)]
    """

    forecaster: Forecaster
    data: SeriesData
    plan: BacktestPlan
    refit: Refit
    notify: Notify = lambda phase, fraction: None
    save_checkpoint: Callable[[bytes], None] = lambda done: None
    panel: Sequence[SeriesData] | None = None

    def run(self, checkpoint: bytes | None = None) -> BacktestResult:
        """Forecast from every origin and compare with the actual values.

        Args:
            checkpoint: The last checkpoint of an interrupted run of the same backtest.

        Raises:
            TrainingError: If a refit cannot be trained.
        """
        predicted = self._forecasts(checkpoint)
        self.notify("evaluating", 0.99)
        return score(self.forecaster, self.data, self.plan, predicted)

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
        """Train on what was known at the first origin of a group, forecast from all its origins."""
        groups, grid = len(self.plan.groups), self.plan.grid
        phase = f"refit {number + 1} of {groups}"

        def report(fraction: float) -> None:
            self.notify(phase, (number + fraction) / groups)

        report(0.0)
        try:
            refitted = self._trained(grid[group[0]], report)
        except ForecastingError as error:
            raise TrainingError(f"The refit at {iso(grid[group[0]])} failed: {error}") from error
        return forecasts_at(refitted, self.data, grid[group])

    def _trained(self, moment: np.datetime64, report: Callable[[float], None]) -> Forecaster:
        """A forecaster trained on what was known at a moment, as it reads the series."""
        panel = (self.data,) if self.panel is None else self.panel
        most_rows = self.plan.spec.train_rows
        cuts = [cut(self.forecaster, each, moment, most_rows) for each in panel]
        spec = refit_spec(self.forecaster, cuts)
        bundle = self.refit(spec, [each.data for each in cuts], report)
        return Forecaster.from_bundle(bundle).for_series(self.data.name)


def forecasts_at(forecaster: Forecaster, data: SeriesData, origins: Times) -> Values:
    """Forecast from several rows in one pass, without reading anything after the last of them.

    Only channels that are declared as known in the future are read beyond it.

    Args:
        forecaster: Any forecaster of the series' channels.
        data: The series.
        origins: `(origins,)`, increasing, times of rows.

    Returns:
        `(origins, leads, targets)` in original units, or `(origins, leads, targets, classes)`,
        the probabilities; NaN where the forecaster has no row.
    """
    times, values = _known_at(forecaster, data, origins[-1])
    grid = forecaster.rule.row_times(times)
    rows = np.minimum(np.searchsorted(grid, origins), len(grid) - 1)
    exists = grid[rows] == origins
    found = forecaster.outputs(times, values, at=rows[exists]).predicted
    predicted = np.full((len(origins), *found.shape[1:]), np.nan)
    predicted[exists] = found
    return predicted


def _known_at(
    forecaster: Forecaster, data: SeriesData, last: np.datetime64
) -> tuple[Times, Values]:
    """Rows up to a moment, and the values of later rows that are known in advance."""
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
