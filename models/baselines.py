"""Baselines: what a forecaster must beat, on the same origins."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.series import Values


def naive(values: Values, leads: Sequence[int]) -> npt.NDArray[np.float64]:
    """Forecast the last observed value.

    Args:
        values: `(rows, targets)` of a grid; NaN is missing and is passed over.
        leads: Steps ahead.

    Returns:
        `(rows, leads, targets)`, one forecast from each row; NaN before the first value.
    """
    last = _fill_forward(values)
    shape = (len(values), len(leads), values.shape[1])
    return np.broadcast_to(last[:, np.newaxis, :], shape).copy()


def seasonal_naive(
    values: Values, leads: Sequence[int], season_steps: int
) -> npt.NDArray[np.float64]:
    """Forecast the last observed value of the same place in the season.

    Source: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition,
    section 5.2: `y[t + h - m * ceil(h / m)]`.

    Args:
        values: `(rows, targets)` of a grid; a missing value is replaced by the one of the
            season before.
        leads: Steps ahead.
        season_steps: Steps in a season; 1 gives the naive forecast.

    Returns:
        `(rows, leads, targets)`; where no season has been seen yet, the naive forecast.
    """
    steps = np.asarray(leads, dtype=np.int64)
    by_season = _fill_by_season(values, season_steps)
    back = season_steps * -(-steps // season_steps) - steps
    sources = np.arange(len(values))[:, np.newaxis] - back
    forecasts = by_season[np.maximum(sources, 0)]
    unseen = (sources < 0)[..., np.newaxis] | np.isnan(forecasts)
    return np.where(unseen, naive(values, leads), forecasts)


def _fill_by_season(values: Values, season_steps: int) -> Values:
    rows, targets = values.shape
    seasons = -(-rows // season_steps)
    padded = np.full((seasons * season_steps, targets), np.nan)
    padded[:rows] = values
    filled = _fill_forward(padded.reshape(seasons, season_steps * targets))
    return filled.reshape(-1, targets)[:rows]


def _fill_forward(values: Values) -> Values:
    rows = np.arange(len(values))[:, np.newaxis]
    last = np.maximum.accumulate(np.where(np.isnan(values), 0, rows), axis=0)
    return np.take_along_axis(values, last, axis=0)
