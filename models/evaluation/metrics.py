"""How far forecasts are from what came, in the targets' own units."""

import numpy as np
import numpy.typing as npt

from models.arrays import Values

Errors = npt.NDArray[np.float64]


def mean_absolute_error(errors: Errors) -> Errors:
    """MAE over origins, the mean of |e|.

    Args:
        errors: `(origins, leads, targets)`; NaN is not counted.

    Returns:
        `(leads, targets)`; NaN where no origin counts.
    """
    return _mean(np.abs(errors))


def root_mean_squared_error(errors: Errors) -> Errors:
    """RMSE over origins, the root of the mean of e^2.

    Args:
        errors: `(origins, leads, targets)`; NaN is not counted.

    Returns:
        `(leads, targets)`; NaN where no origin counts.
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
        `(targets,)`; NaN where nothing changes or nothing can be compared.
    """
    lag = season if len(values) > season else 1
    scale = _mean(np.abs(values[lag:] - values[:-lag]))
    return np.where(scale > 0, scale, np.nan)


def skill(error: Errors, naive_error: Errors) -> Errors:
    """1 - error / naive error: 0 is as good as naive, 1 is perfect; NaN where naive is perfect.

    Args:
        error: Any shape.
        naive_error: The same shape.
    """
    return 1 - error / np.where(naive_error > 0, naive_error, np.nan)


def _mean(numbers: Errors) -> Errors:
    """The mean over the first axis of what is not NaN, without numpy's warning for nothing."""
    counted = ~np.isnan(numbers)
    total = np.where(counted, numbers, 0.0).sum(axis=0)
    count = counted.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def finite(number: float) -> float | None:
    """A figure for JSON, which has no NaN: what cannot be had is None."""
    return float(number) if np.isfinite(number) else None
