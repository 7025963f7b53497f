"""Losses of a forecaster and its rivals from the same origins, which none of them learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import RowIndices, Times, Values
from models.backtesting.backtest import forecasts_at
from models.backtesting.plan import held_out_row
from models.backtesting.scoring import target_rows
from models.evaluation.baselines import naive, seasonal_naive
from models.evaluation.class_comparison import shares_of
from models.evaluation.comparison import loss_by_origin
from models.evaluation.seasonality import find_season
from models.evaluation.temperature import log_losses
from models.features.classes import ClassCoding
from models.features.filling import last_observed
from models.series import SeriesData
from models.serving.adaptation import is_known
from models.serving.forecaster import Forecaster

# Origins times leads times targets of a series: bounds memory to some tens of megabytes.
MOST_POINTS = 250_000
# Rows of all windows that a windowed network reads of a series: bounds time to some seconds.
MOST_WINDOW_ROWS = 500_000
# That share of a series without its beginning is only read, not forecast from.
WARM_UP = 0.25


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A series, or its end.

    Args:
        data: The rows.
        whole: Whether it begins where the series begins.
    """

    data: SeriesData
    whole: bool


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses on one series; that of an origin is its mean over leads.

    Args:
        times: `(origins,)`, UTC, increasing.
        own: `(origins, targets)`, absolute errors in original units, or log losses of
            probabilities; NaN where what came or any of the forecasts is missing.
        rivals: The same of `naive` and `seasonal_naive`, or of `class_prior`, the
            class frequencies before the first origin; and of `champion`, if there is one.
        overlap: How many later origins' forecasts overlap with one origin's.
    """

    times: Times
    own: Values
    rivals: dict[str, Values]
    overlap: int


def held_out_losses(candidate: Forecaster, champion: Forecaster | None, excerpt: Excerpt) -> Losses:
    """Compare a forecaster with its rivals where none of them has learnt anything.

    Origins are rows after the training and validation parts of both forecasters whose leads
    all lie in the series, up to its present end. Where there are very many, evenly spaced ones
    stand for all. Leads are those that both have.

    Args:
        candidate: A forecaster that learnt from the series.
        champion: One of the same targets on the same grid, with some of the leads; left out if
            it did not learn from the series.
        excerpt: The series.
    """
    data = excerpt.data
    both = {"own": candidate.for_series(data.name)}
    if champion is not None and is_known(champion.manifest, data.name):
        both["champion"] = champion.for_series(data.name)
    own = both["own"]
    scene = _Scene.of(list(both.values()), excerpt)
    said = {name: scene.said(each) for name, each in both.items()}
    points = scene.errors(said) if own.classes is None else scene.log_losses(said, own.classes)
    missing = np.isnan(sum(points.values()))
    for each in points.values():
        each[missing] = np.nan
    losses = {name: loss_by_origin(each) for name, each in points.items()}
    overlap = (int(scene.leads[-1]) - 1) // scene.spacing
    return Losses(scene.times, losses.pop("own"), losses, overlap)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What all are compared on.

    Args:
        data: The series.
        grid: `(rows,)`, times of the candidate's rows.
        rows: `(rows, targets)`, what came.
        at: `(origins,)`, the rows to forecast from.
        leads: `(leads,)`, those that all have.
        season: Steps in the cadence's own cycle; 1 if it has none.
    """

    data: SeriesData
    grid: Times
    rows: Values
    at: RowIndices
    leads: RowIndices
    season: int

    @classmethod
    def of(cls, forecasters: Sequence[Forecaster], excerpt: Excerpt) -> "_Scene":
        """The scene for a candidate, who comes first, and perhaps a champion."""
        own, data = forecasters[0], excerpt.data
        leads = own.leads[[all(lead in each.leads for each in forecasters) for lead in own.leads]]
        grid = own.rule.row_times(data.times)
        at = _origins(forecasters, grid, excerpt)
        return cls(data, grid, target_rows(own, data), at, leads, own.calendar.season_steps)

    @property
    def times(self) -> Times:
        return self.grid[self.at]

    @property
    def actual(self) -> Values:
        """`(origins, leads, targets)`."""
        came: Values = self.rows[self.at[:, np.newaxis] + self.leads]
        return came

    @property
    def past(self) -> int:
        """How many rows there are up to the first origin."""
        return int(self.at[0]) + 1 if len(self.at) else len(self.rows)

    @property
    def spacing(self) -> int:
        """Rows between neighbouring origins, the least."""
        return int(np.diff(self.at).min()) if len(self.at) > 1 else 1

    def said(self, forecaster: Forecaster) -> Values:
        """`(origins, leads, targets)`, or with an axis of classes."""
        if len(self.at) == 0:
            classes = () if forecaster.classes is None else (len(forecaster.classes.names),)
            return np.empty((0, len(self.leads), len(forecaster.targets), *classes))
        said = forecasts_at(forecaster, self.data, self.times)
        chosen: Values = said[:, np.isin(forecaster.leads, self.leads)]
        return chosen

    def errors(self, said: dict[str, Values]) -> dict[str, Values]:
        """Absolute errors of forecasts, and of the baselines."""
        season = find_season(self.rows[: self.past], self.season).steps
        baselines = {
            "naive": naive(self.rows, self.leads, self.at),
            "seasonal_naive": seasonal_naive(self.rows, self.leads, season, self.at),
        }
        actual = self.actual
        return {name: np.abs(each - actual) for name, each in {**said, **baselines}.items()}

    def log_losses(self, said: dict[str, Values], coding: ClassCoding) -> dict[str, Values]:
        """Log losses of probabilities, and of the class frequencies in the past."""
        base = last_observed(self.rows)
        labels = coding.encode(self.actual, base[self.at][:, np.newaxis])
        before = np.arange(max(0, self.past - int(self.leads[-1])))
        known = coding.encode(
            self.rows[before[:, np.newaxis] + self.leads], base[before][:, np.newaxis]
        )
        shares = shares_of(known, coding)
        prior = np.broadcast_to(shares, (len(labels), *shares.shape))
        every = {**said, "class_prior": prior}
        return {name: _log_losses(each, labels) for name, each in every.items()}


def _log_losses(probabilities: Values, labels: Values) -> Values:
    """The shape of the labels; NaN where a label or a probability is missing."""
    known = ~np.isnan(labels)
    codes = np.where(known, labels, 0).astype(np.int64).reshape(-1)
    flat = log_losses(probabilities.reshape(len(codes), probabilities.shape[-1]), codes)
    return np.where(known, flat.reshape(labels.shape), np.nan)


def _origins(forecasters: Sequence[Forecaster], grid: Times, excerpt: Excerpt) -> RowIndices:
    """Rows of the candidate's grid; the candidate comes first."""
    own = forecasters[0]
    first = max(
        own.least_rows - 1,
        0 if excerpt.whole else round(len(grid) * WARM_UP),
        *(held_out_row(each, grid, excerpt.data.name) for each in forecasters),
    )
    rows = np.arange(first, len(grid) - int(own.leads[-1]))
    most = min(_most_origins(each) for each in forecasters)
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _most_origins(forecaster: Forecaster) -> int:
    most = MOST_POINTS // (len(forecaster.leads) * len(forecaster.targets))
    window = forecaster.manifest["window"]
    if window is not None:
        rows_of_one: int = window["lookback"] // window["step"]
        most = min(most, MOST_WINDOW_ROWS // max(1, rows_of_one))
    return max(1, most)
