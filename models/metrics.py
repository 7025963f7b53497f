"""Errors of forecasts in original units; pairs with a missing value do not count."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.series import Values

Array = npt.NDArray[np.float64]
Axis = int | tuple[int, ...]


def actuals(values: Values, leads: Sequence[int]) -> Array:
    """What came after each row.

    Args:
        values: `(rows, targets)` of a grid.
        leads: Steps ahead.

    Returns:
        `(rows, leads, targets)`: the value of row `r + lead`; NaN after the last row.
    """
    rows = np.arange(len(values))[:, np.newaxis] + np.asarray(leads, dtype=np.int64)
    beyond = rows >= len(values)
    found: Array = np.where(beyond[..., np.newaxis], np.nan, values[np.where(beyond, 0, rows)])
    return found


def mae(actual: Array, forecast: Array, axis: Axis = 0) -> Array:
    """Mean absolute error.

    Args:
        actual: `(origins, leads, targets)`; NaN is missing.
        forecast: The same shape.
        axis: The axes to average over: 0 keeps leads and targets, `(0, 1)` targets only.

    Returns:
        The remaining axes; NaN where there is no pair.
    """
    return _mean(np.abs(actual - forecast), axis)


def rmse(actual: Array, forecast: Array, axis: Axis = 0) -> Array:
    """Root mean squared error; arguments and result are those of `mae`."""
    return np.sqrt(_mean(np.square(actual - forecast), axis))


def mase_scale(training: Values, season_steps: int = 1) -> Array:
    """The error that MASE divides by: of the (seasonal) naive forecast on the training rows.

    Source: Hyndman and Koehler (2006), Another look at measures of forecast accuracy,
    International Journal of Forecasting 22(4), 679-688: `mean |y[t] - y[t - m]|`, with m = 1
    there; the seasonal form is in Hyndman and Athanasopoulos, Forecasting: Principles and
    Practice, 3rd edition, section 5.8.

    Args:
        training: `(rows, targets)` of training rows; NaN is missing.
        season_steps: m, the steps in a season.

    Returns:
        `(targets,)`; NaN where the training rows do not change or are too few.
    """
    scale = _mean(np.abs(training[season_steps:] - training[:-season_steps]), 0)
    return np.where(scale > 0, scale, np.nan)


def mase(actual: Array, forecast: Array, scale: Array, axis: Axis = 0) -> Array:
    """Mean absolute scaled error: below 1 is better than one naive step was in training.

    Args:
        actual: `(origins, leads, targets)`; NaN is missing.
        forecast: The same shape.
        scale: `(targets,)`, see `mase_scale`.
        axis: The axes to average over.
    """
    return mae(actual, forecast, axis) / scale


def skill(error: Array, baseline_error: Array) -> Array:
    """By what share an error is below a baseline's: 0 equals it, 1 is perfect, below 0 is worse.

    Source: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition,
    section 5.8, skill scores.

    Args:
        error: Any shape.
        baseline_error: The same shape; NaN comes out where it is 0 or missing.
    """
    baseline = np.where(np.asarray(baseline_error) > 0, baseline_error, np.nan)
    return 1 - np.asarray(error) / baseline


def _mean(errors: Array, axis: Axis) -> Array:
    present = np.isfinite(errors)
    count = present.sum(axis=axis)
    total = np.where(present, errors, 0.0).sum(axis=axis)
    means: Array = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means
