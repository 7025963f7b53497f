"""Error measures of point forecasts, by lead and target."""

import numpy as np
import numpy.typing as npt

from models.arrays import Values

Errors = npt.NDArray[np.float64]


def mean_absolute_error(errors: Errors) -> Errors:
    """MAE over origins, the mean of |e|.

    Args:
        errors: `(origins, leads, targets)`; NaN is not counted.

    Returns:
        `(leads, targets)` in the targets' units; NaN where no origin counts.

    Example:
        >>> mean_absolute_error(np.array([[[1.0]], [[-2.0]], [[np.nan]]])).tolist()
        [[1.5]]
    """
    return _mean(np.abs(errors))


def root_mean_squared_error(errors: Errors) -> Errors:
    """RMSE over origins, the root of the mean of e^2.

    Args:
        errors: `(origins, leads, targets)`; NaN is not counted.

    Returns:
        `(leads, targets)` in the targets' units; NaN where no origin counts.

    Example:
        >>> root_mean_squared_error(np.array([[[3.0]], [[-4.0]]])).round(4).tolist()
        [[3.5355]]
    """
    return np.sqrt(_mean(np.square(errors)))


def symmetric_percentage_error(errors: Errors, actual: Errors) -> Errors:
    """sMAPE in percent, the mean of 200 |e| / (|y| + |f|): between 0 and 200.

    Makridakis, Spiliotis & Assimakopoulos (2020), The M4 Competition,
    doi:10.1016/j.ijforecast.2019.04.014. Where both are zero it is 0.

    Args:
        errors: `(origins, leads, targets)`, forecast less actual; NaN is not counted.
        actual: The same shape.

    Returns:
        `(leads, targets)`; NaN where no origin counts.

    Example:
        >>> symmetric_percentage_error(np.array([[[1.0]]]), np.array([[[2.0]]])).tolist()
        [[40.0]]
    """
    size = np.abs(actual) + np.abs(actual + errors)
    return _mean(200 * np.abs(errors) / np.where(size == 0, 1.0, size))


def seasonal_scale(values: Values, season: int) -> Values:
    """The divisor of MASE: the seasonal naive forecast's MAE one season ahead, on training rows.

    Hyndman & Koehler (2006), Another look at measures of forecast accuracy,
    doi:10.1016/j.ijforecast.2006.03.001, equation for seasonal data.

    Args:
        values: `(rows, targets)` of the training span; NaN is missing.
        season: Steps in a season; taken as 1 where the span is shorter than that.

    Returns:
        `(targets,)` in the targets' units; NaN where the values do not change or no pair of them
        is known.

    Example:
        >>> seasonal_scale(np.array([[1.0], [5.0], [2.0], [7.0]]), 2).tolist()
        [1.5]
    """
    lag = season if len(values) > season else 1
    scale = _mean(np.abs(values[lag:] - values[:-lag]))
    return np.where(scale > 0, scale, np.nan)


def skill(error: Errors, naive_error: Errors) -> Errors:
    """1 - error / naive error: 0 is as good as naive, 1 is perfect; NaN where naive is perfect.

    Args:
        error: Any shape.
        naive_error: The same shape.

    Example:
        >>> skill(np.array([1.0, 3.0]), np.array([2.0, 2.0])).tolist()
        [0.5, -0.5]
    """
    return 1 - error / np.where(naive_error > 0, naive_error, np.nan)


def _mean(numbers: Errors) -> Errors:
    """The mean over the first axis, without NaN and without the warning of `np.nanmean`."""
    counted = ~np.isnan(numbers)
    total = np.where(counted, numbers, 0.0).sum(axis=0)
    count = counted.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def finite(number: float) -> float | None:
    """A figure for JSON, which has no NaN: None in its place."""
    return float(number) if np.isfinite(number) else None
