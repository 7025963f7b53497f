"""Losses of a forecaster and its rivals from the same origins, which none of them learnt from."""

from dataclasses import dataclass

import numpy as np

from models.adaptation import is_known
from models.backtest import forecasts_at, target_rows
from models.backtest_plan import held_out_row, served_grid
from models.baselines import naive, seasonal_naive
from models.comparison import Comparison, loss_by_origin
from models.runtime import Forecaster
from models.seasonality import find_season
from models.series import Rows, SeriesData, Times, Values

# Origins times leads times targets of a series: bounds memory to some tens of megabytes.
MOST_POINTS = 1_000_000
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
    """Losses on one series; that of an origin is its mean absolute error over leads.

    Args:
        times: `(origins,)`, UTC, increasing.
        own: `(origins, targets)` in original units; NaN where the actual value or any of the
            forecasts is missing.
        rivals: The same of `naive`, `seasonal_naive` and, if there is one, `champion`.
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
        champion: One with the same targets on the same grid and some of the leads; left out if
            it did not learn from the series.
        excerpt: The series.
    """
    data = excerpt.data
    own = candidate.for_series(data.name)
    rival = None
    if champion is not None and is_known(champion.manifest, data.name):
        rival = champion.for_series(data.name)
    both = [own] if rival is None else [own, rival]
    leads = own.leads if rival is None else np.intersect1d(own.leads, rival.leads)
    grid, rows = served_grid(own, data.times), target_rows(own, data)
    at = _origins(both, grid, excerpt)
    season = find_season(rows[: at[0] + 1] if len(at) else rows, own.calendar.season_steps)
    rivals = {
        "naive": naive(rows, leads, at),
        "seasonal_naive": seasonal_naive(rows, leads, season.steps, at),
    }
    if rival is not None:
        rivals["champion"] = _said(rival, data, grid[at], leads)
    comparison = Comparison.of(
        rows[at[:, np.newaxis] + leads],
        _said(own, data, grid[at], leads),
        rivals,
        scale=np.ones(len(own.targets)),
    )
    return Losses(
        times=grid[at],
        own=loss_by_origin(comparison.model),
        rivals={name: loss_by_origin(each) for name, each in comparison.baselines.items()},
        overlap=(int(leads[-1]) - 1) // _spacing(at),
    )


def _origins(forecasters: list[Forecaster], grid: Times, excerpt: Excerpt) -> Rows:
    """Rows of the candidate's grid to forecast from; the candidate comes first."""
    own = forecasters[0]
    first = max(
        own.least_rows - 1,
        *(held_out_row(each, grid, excerpt.data.name) for each in forecasters),
        0 if excerpt.whole else round(len(grid) * WARM_UP),
    )
    rows = np.arange(first, len(grid) - int(own.leads[-1]))
    most = min(_most_origins(each) for each in forecasters)
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _most_origins(forecaster: Forecaster) -> int:
    points = len(forecaster.leads) * len(forecaster.targets)
    window = forecaster.manifest["window"]
    if window is None:
        return max(1, MOST_POINTS // points)
    rows_read: int = window["lookback"] // window["step"]
    return max(1, min(MOST_POINTS // points, MOST_WINDOW_ROWS // max(1, rows_read)))


def _said(forecaster: Forecaster, data: SeriesData, origins: Times, leads: Rows) -> Values:
    """`(origins, leads, targets)` of the leads that are compared."""
    if len(origins) == 0:
        return np.empty((0, len(leads), len(forecaster.targets)))
    said = forecasts_at(forecaster, data, origins)
    chosen: Values = said[:, np.isin(forecaster.leads, leads)]
    return chosen


def _spacing(at: Rows) -> int:
    """Rows between neighbouring origins, the least."""
    return int(np.diff(at).min()) if len(at) > 1 else 1
