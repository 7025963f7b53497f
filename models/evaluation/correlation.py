"""Autocovariance and autocorrelation of columns."""

import numpy as np

from models.arrays import Values


def autocovariances(column: Values, lags: int) -> Values:
    """Autocovariances up to a lag, by the fast Fourier transform.

    Args:
        column: `(rows,)`, without NaN.
        lags: The farthest lag, less than `rows`.

    Returns:
        `(lags + 1,)`: sums of products of deviations from the mean, divided by `rows` at every
        lag, which makes the sequence positive semi-definite (Brockwell & Davis 1991, Time
        Series, 7.2.1).

    Example:
        >>> autocovariances(np.array([1.0, 2.0, 3.0]), 1).round(6).tolist()
        [0.666667, 0.0]
    """
    rows = len(column)
    spectrum = np.fft.rfft(column - column.mean(), 2 * rows)
    products = np.fft.irfft(np.abs(spectrum) ** 2, 2 * rows)
    covariances: Values = products[: lags + 1] / rows
    return covariances


def autocorrelation(values: Values, lag: int) -> Values:
    """The correlation of every column with itself `lag` rows earlier.

    Args:
        values: `(rows, ...)`; NaN is missing, and pairs with it are left out.
        lag: In rows, at least 1.

    Returns:
        `(...)`; NaN where a column has no such pair or does not vary.
    """
    present = np.isfinite(values)
    count = np.maximum(present.sum(axis=0), 1)
    mean = np.where(present, values, 0.0).sum(axis=0) / count
    deviations = np.where(present, values - mean, 0.0)
    variance = (deviations**2).sum(axis=0) / count
    pairs = (present[lag:] & present[:-lag]).sum(axis=0)
    products = (deviations[lag:] * deviations[:-lag]).sum(axis=0) / np.maximum(pairs, 1)
    usable = (variance > 0) & (pairs > 0)
    return np.where(usable, products / np.where(usable, variance, 1.0), np.nan)
