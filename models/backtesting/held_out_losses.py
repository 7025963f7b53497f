"""Losses of a forecaster and its rivals from the same origins of held-out data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import RowIndices, Times, Values
from models.backtesting.backtest import forecasts_at
from models.backtesting.plan import held_out_row
from models.backtesting.scoring import target_rows
from models.evaluation.baselines import naive, seasonal_naive
from models.evaluation.class_comparison import shares_of
from models.evaluation.class_metrics import known_log_losses
from models.evaluation.comparison import loss_by_origin
from models.evaluation.origins import evenly_spaced, overlap, spacing
from models.evaluation.seasonality import find_season
from models.features.classes import ClassCoding
from models.features.filling import last_observed
from models.series import SeriesData
from models.serving.adaptation import is_known
from models.serving.forecaster import Forecaster

# Origins times leads times targets of a series: bounds memory to some tens of megabytes.
MOST_POINTS = 250_000
# Rows of all windows that a windowed network reads of a series: bounds time to some seconds.
MOST_WINDOW_ROWS = 500_000
# If an excerpt lacks the beginning of its series, this share of it is only read.
WARM_UP = 0.25


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A series, or its end.

    Args:
        data: The rows.
        whole: Whether it begins with the first row of the series.
    """

    data: SeriesData
    whole: bool


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses on one series, averaged over leads.

    Args:
        times: `(origins,)`, UTC, increasing.
        candidate: `(origins, targets)`, absolute errors in original units, or log losses of
            probabilities in nats; NaN where the actual value or any of the forecasts is missing.
        rivals: The same of `naive` and `seasonal_naive`, or of `class_prior`, the
            class frequencies before the first origin; and of `champion`, if there is one.
        overlap: How many later origins' forecasts overlap with one origin's.
    """

    times: Times
    candidate: Values
    rivals: dict[str, Values]
    overlap: int


def held_out_losses(candidate: Forecaster, champion: Forecaster | None, excerpt: Excerpt) -> Losses:
    """Losses of a forecaster and its rivals on rows that none of them learnt from.

    Origins are rows after the training and validation parts of both forecasters whose leads
    all lie in the series, up to its current end; if there are too many, evenly spaced ones stand
    for all. Leads are those that both have.

    Args:
        candidate: A forecaster that learnt from the series.
        champion: One of the same targets on the same grid, with at least one common lead; left
            out if it did not learn from the series.
        excerpt: The series.
    """
    data = excerpt.data
    forecasters = {"candidate": candidate.for_series(data.name)}
    if champion is not None and is_known(champion.manifest, data.name):
        forecasters["champion"] = champion.for_series(data.name)
    coding = candidate.classes
    origins = _CommonOrigins.of(list(forecasters.values()), excerpt)
    predicted = {name: origins.forecasts(each) for name, each in forecasters.items()}
    if coding is None:
        points = origins.absolute_errors(predicted)
    else:
        points = origins.log_losses(predicted, coding)
    missing = np.isnan(sum(points.values()))
    for each in points.values():
        each[missing] = np.nan
    losses = {name: loss_by_origin(each) for name, each in points.items()}
    overlapping = overlap(origins.leads, spacing(origins.at))
    return Losses(origins.times, losses.pop("candidate"), losses, overlapping)


@dataclass(frozen=True, slots=True)
class _CommonOrigins:
    """Origins and leads at which all forecasters are compared.

    Args:
        data: The series.
        grid: `(rows,)`, times of the candidate's rows.
        rows: `(rows, targets)`, the actual values.
        at: `(origins,)`, the rows to forecast from.
        leads: `(leads,)`, those that all forecasters have.
        season: Steps in the cadence's natural cycle; 1 if it has none.
    """

    data: SeriesData
    grid: Times
    rows: Values
    at: RowIndices
    leads: RowIndices
    season: int

    @classmethod
    def of(cls, forecasters: Sequence[Forecaster], excerpt: Excerpt) -> "_CommonOrigins":
        """Those of a candidate, which is the first, and a champion, if there is one."""
        candidate, data = forecasters[0], excerpt.data
        is_common = [all(lead in each.leads for each in forecasters) for lead in candidate.leads]
        grid = candidate.rule.row_times(data.times)
        return cls(
            data=data,
            grid=grid,
            rows=target_rows(candidate, data),
            at=_origins(forecasters, grid, excerpt),
            leads=candidate.leads[is_common],
            season=candidate.calendar.season_steps,
        )

    @property
    def times(self) -> Times:
        return self.grid[self.at]

    @property
    def actual(self) -> Values:
        """`(origins, leads, targets)`."""
        actual: Values = self.rows[self.at[:, np.newaxis] + self.leads]
        return actual

    @property
    def past(self) -> int:
        """How many rows there are up to the first origin."""
        return int(self.at[0]) + 1 if len(self.at) else len(self.rows)

    def forecasts(self, forecaster: Forecaster) -> Values:
        """`(origins, leads, targets)`, or with an axis of classes."""
        if len(self.at) == 0:
            classes = () if forecaster.classes is None else (len(forecaster.classes.names),)
            return np.empty((0, len(self.leads), len(forecaster.targets), *classes))
        predicted = forecasts_at(forecaster, self.data, self.times)
        chosen: Values = predicted[:, np.isin(forecaster.leads, self.leads)]
        return chosen

    def absolute_errors(self, predicted: dict[str, Values]) -> dict[str, Values]:
        """Absolute errors of forecasts, and of the baselines."""
        season = find_season(self.rows[: self.past], self.season).steps
        baselines = {
            "naive": naive(self.rows, self.leads, self.at),
            "seasonal_naive": seasonal_naive(self.rows, self.leads, season, self.at),
        }
        actual = self.actual
        return {name: np.abs(each - actual) for name, each in {**predicted, **baselines}.items()}

    def log_losses(self, predicted: dict[str, Values], coding: ClassCoding) -> dict[str, Values]:
        """Log losses of probabilities, and of the class frequencies in the past."""
        base = last_observed(self.rows)
        labels = coding.encode(self.actual, base[self.at][:, np.newaxis])
        before = np.arange(max(0, self.past - int(self.leads[-1])))
        known = coding.encode(
            self.rows[before[:, np.newaxis] + self.leads], base[before][:, np.newaxis]
        )
        shares = shares_of(known, coding)
        prior = np.broadcast_to(shares, (len(labels), *shares.shape))
        every = {**predicted, "class_prior": prior}
        return {name: known_log_losses(each, labels) for name, each in every.items()}


def _origins(forecasters: Sequence[Forecaster], grid: Times, excerpt: Excerpt) -> RowIndices:
    """Rows of the candidate's grid; the candidate is the first forecaster."""
    candidate = forecasters[0]
    first = max(
        candidate.least_rows - 1,
        0 if excerpt.whole else round(len(grid) * WARM_UP),
        *(held_out_row(each, grid, excerpt.data.name) for each in forecasters),
    )
    rows = np.arange(first, len(grid) - int(candidate.leads[-1]))
    return evenly_spaced(rows, min(_most_origins(each) for each in forecasters))


def _most_origins(forecaster: Forecaster) -> int:
    most = MOST_POINTS // (len(forecaster.leads) * len(forecaster.targets))
    window = forecaster.manifest["window"]
    if window is not None:
        rows_of_one: int = window["lookback"] // window["step"]
        most = min(most, MOST_WINDOW_ROWS // max(1, rows_of_one))
    return max(1, most)
