"""Simple forecasts without a network, which a forecaster has to beat from the same origins."""

import numpy as np
import numpy.typing as npt

from models.arrays import Values
from models.features.filling import last_observed

Leads = npt.NDArray[np.int64]
Origins = npt.NDArray[np.int64]


def naive(values: Values, leads: Leads, at: Origins | None = None) -> Values:
    """The naive forecast: no change (Hyndman & Athanasopoulos, FPP3, 5.2).

    Args:
        values: `(rows, targets)`; NaN is missing.
        leads: `(leads,)`, steps ahead.
        at: `(origins,)`, the rows to forecast from; None for all.

    Returns:
        `(origins, leads, targets)`: the last observed value for every lead.

    Example:
        >>> naive(np.array([[1.0], [4.0]]), np.array([1, 2]))[:, :, 0].tolist()
        [[1.0, 1.0], [4.0, 4.0]]
    """
    origins = np.arange(len(values)) if at is None else at
    return np.repeat(last_observed(values)[origins, np.newaxis], len(leads), axis=1)


def seasonal_naive(values: Values, leads: Leads, season: int, at: Origins | None = None) -> Values:
    """The seasonal naive forecast: the last season is repeated (FPP3, 5.2).

    Args:
        values: `(rows, targets)`; NaN is missing and replaced by the last observed value before
            it.
        leads: `(leads,)`, steps ahead.
        season: Steps in a season; 1 gives the naive forecast.
        at: `(origins,)`, the rows to forecast from; None for all.

    Returns:
        `(origins, leads, targets)`: the value at the same place of the last complete season;
        NaN where the series has not had one yet.

    Example:
        >>> seasonal_naive(np.array([[1.0], [4.0]]), np.array([1, 2, 3]), 2)[1, :, 0].tolist()
        [1.0, 4.0, 1.0]
    """
    filled = last_observed(values)
    seasons_back = -(-leads // season)
    origins = np.arange(len(values)) if at is None else at
    sources = origins[:, np.newaxis] + leads - seasons_back * season
    repeated: Values = filled[np.maximum(sources, 0)]
    repeated[sources < 0] = np.nan
    return repeated


def drift(values: Values, leads: Leads, at: Origins | None = None) -> Values:
    """The drift forecast: the mean change so far continues (FPP3, 5.2).

    Args:
        values: `(rows, targets)`; NaN is missing.
        leads: `(leads,)`, steps ahead.
        at: `(origins,)`, the rows to forecast from; None for all.

    Returns:
        `(origins, leads, targets)`: the last observed value and, for every step ahead, the
        change from the first to the last observed value over the rows between. At the first
        value it is the naive forecast.

    Example:
        >>> drift(np.array([[1.0], [3.0]]), np.array([1, 2]))[1, :, 0].tolist()
        [5.0, 7.0]
    """
    filled = last_observed(values)
    observed = ~np.isnan(values)
    began = np.argmax(observed, axis=0)
    first = values[began, np.arange(values.shape[1])]
    origins = np.arange(len(values)) if at is None else at
    steps = np.maximum(origins[:, np.newaxis] - began, 1)
    slope = (filled[origins] - first) / steps
    predicted: Values = filled[origins, np.newaxis] + leads[:, np.newaxis] * slope[:, np.newaxis]
    return predicted
