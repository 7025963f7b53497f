"""The season of a series: that of its cadence, or one found by autocorrelation."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from models.arrays import Values
from models.evaluation.correlation import autocovariances
from models.features.filling import last_observed

Source = Literal["cadence", "autocorrelation", "none"]

LONGEST_SEASON = 1000
# A season is looked for only if the series holds at least this many of it.
LEAST_SEASONS = 3
LEAST_CORRELATION = 0.3
LEAST_RISE = 0.3
# Multiples of a season correlate about as well, so the first peak near the highest one counts.
NEARLY_BEST = 0.9
# One-sided 90 %, as in the M4 competition's test for seasonality.
QUANTILE = 1.645


@dataclass(frozen=True, slots=True)
class Season:
    """Steps in a season, 1 if there is none, and how it was found."""

    steps: int
    source: Source

    def to_json(self) -> dict[str, Any]:
        """Steps and source as plain values."""
        return asdict(self)


def find_season(rows: Values, natural: int) -> Season:
    """Choose the season of the seasonal naive forecast and of MASE.

    The rule: the natural cycle of the cadence (a day of hours, a year of months, a session of
    bars), if it has one. Otherwise the autocorrelation of the detrended rows, averaged over
    targets, is searched for peaks at lags from 2 to a third of the rows. A peak counts if it is at
    least 0.3, at least 0.3 above the trough before it, and at least the limit of the M4
    competition's test (Makridakis, Spiliotis & Assimakopoulos 2020,
    doi:10.1016/j.ijforecast.2019.04.014): 1.645 * sqrt((1 + 2 * sum r^2) / n) with the sum over
    all shorter lags. The season is the first peak with at least nine tenths of the highest one.

    Args:
        rows: `(rows, targets)` of training rows; NaN is missing.
        natural: Steps in the cadence's natural cycle; 1 if it has none.
    """
    if natural > 1:
        return Season(natural, "cadence")
    correlation = _mean_correlation(rows)
    peaks = _peaks(correlation, len(rows))
    if len(peaks) == 0:
        return Season(1, "none")
    heights = correlation[peaks]
    return Season(int(peaks[heights >= NEARLY_BEST * heights.max()][0]), "autocorrelation")


def _mean_correlation(rows: Values) -> Values:
    """Autocorrelations of the detrended rows, averaged over targets, `(lags + 1,)`."""
    lags = min(len(rows) // LEAST_SEASONS, LONGEST_SEASON)
    if lags < 2:
        return np.zeros(1)
    columns = [autocovariances(_without_trend(column), lags) for column in last_observed(rows).T]
    known = [column / column[0] for column in columns if column[0] > 0]
    mean: Values = np.mean(known or [[0.0]], axis=0)
    return mean


def _without_trend(column: Values) -> Values:
    """A column less its least-squares line; 0 before the first observation."""
    known = np.flatnonzero(np.isfinite(column))
    left: Values = np.zeros(len(column))
    if len(known) > 1:
        time = known - known.mean()
        level = column[known] - column[known].mean()
        left[known] = level - time * (time @ level) / (time @ time)
    # The rounding errors of a straight line are not a season.
    return left if left.std() > 1e-9 * np.abs(column[known]).max(initial=0.0) else left * 0


def _peaks(correlation: Values, rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Lags from 2 up whose correlation is higher than at both neighbours, and significant."""
    lags = np.arange(2, len(correlation) - 1)
    here = correlation[lags]
    shorter = np.cumsum(correlation[1:] ** 2)[lags - 2]
    limit = QUANTILE * np.sqrt((1 + 2 * shorter) / rows)
    trough = np.minimum.accumulate(correlation)[lags - 1]
    high = here >= np.maximum(np.maximum(limit, trough + LEAST_RISE), LEAST_CORRELATION)
    return lags[high & (here > correlation[lags - 1]) & (here >= correlation[lags + 1])]
