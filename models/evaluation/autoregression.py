"""AR(p): the linear baseline, forecast for all origins and leads at once."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.arrays import Values
from models.evaluation.baselines import Leads, Origins
from models.features.filling import last_observed
from models.features.scaling import positive_log

LEAST_FARTHEST_ORDER = 48
MOST_ORDER = 336
# With fewer rows the forecast is their mean.
LEAST_ROWS = 4
# Estimation reads only the last rows: more of them hardly change the coefficients and cost time.
MOST_ROWS = 20_000
# The residual variance of a series of unit variance that is explained except for rounding; and a
# much smaller number, which keeps its matrix of products invertible.
PERFECT_VARIANCE = 1e-9
RIDGE = 1e-12
# The weights of an explosive model stop growing here: its errors are large enough to be seen.
LARGEST_WEIGHT = 1e9
LARGEST_EXPONENT = 700.0
# Windows are gathered in pieces of about a hundred megabytes.
VALUES_PER_PIECE = 12_000_000


@dataclass(frozen=True, slots=True)
class Autoregression:
    """An autoregression of one target: `z[t] = intercept + sum_i coefficients[i] * z[t - 1 - i]`.

    z is `(value - mean) / scale`, or the same of the value's logarithm.

    Args:
        intercept: In units of `scale`.
        coefficients: `(order,)` of float64, that of the last value first.
        mean: Mean of the rows it was fitted on, in the target's unit or its logarithm.
        scale: Their standard deviation.
        logged: Whether it models logarithms.
        rows: How many rows it was fitted on.
    """

    intercept: float
    coefficients: Values
    mean: float
    scale: float
    logged: bool
    rows: int

    @property
    def order(self) -> int:
        """How many previous values a forecast reads."""
        return len(self.coefficients)

    @classmethod
    def fit(cls, column: Values, season: int, *, logged: bool = False) -> Self:
        """Estimate by conditional least squares, with the order that minimises AIC.

        All orders from 0 up to a limit are compared on the same rows. The limit is twice the
        season, at least 48, at most 336 and at most a quarter of the rows; only the last 20,000
        rows are read. The result is that of `statsmodels.tsa.ar_model.ar_select_order` with
        `ic="aic"`, computed by one Cholesky decomposition instead of a regression for every order
        (Golub & Van Loan 2013, Matrix Computations, 5.3.2) from sums of products that are shifted
        from lag to lag (the covariance method: Makhoul 1975, Linear prediction,
        doi:10.1109/PROC.1975.9792).

        Args:
            column: `(rows,)` of training rows in original units; NaN is missing and replaced by
                the value before it.
            season: Steps in a season.
            logged: Model logarithms, for positive targets that change by ratios.
        """
        known = _filled(column, logged)
        known = known[np.isfinite(known)][-MOST_ROWS:]
        if len(known) < LEAST_ROWS:
            mean = float(known.mean()) if len(known) else np.nan
            return cls(0.0, np.empty(0), mean, 1.0, logged, len(known))
        mean, scale = float(known.mean()), float(known.std())
        scale = scale if scale > 1e-9 * (1 + abs(mean)) else 1.0
        farthest = min(max(2 * season, LEAST_FARTHEST_ORDER), MOST_ORDER, len(known) // 4)
        intercept, *coefficients = _least_squares((known - mean) / scale, farthest)
        return cls(intercept, np.array(coefficients), mean, scale, logged, len(known))

    def forecast(self, column: Values, leads: Leads, at: Origins) -> Values:
        """Forecast from many rows.

        Every lead is a linear function of the last `order` values. So the recursion over leads
        runs once over weights, not for every origin (iterated forecasts: Hyndman &
        Athanasopoulos, FPP3, 9.8).

        Args:
            column: `(rows,)` in original units; NaN is missing.
            leads: `(leads,)`, steps ahead, increasing.
            at: `(origins,)`, the rows to forecast from.

        Returns:
            `(origins, leads)` in original units; NaN at origins with fewer than `order` rows up to
            them.
        """
        constants, weights = self._weights(leads)
        standard = (_filled(column, self.logged) - self.mean) / self.scale
        predicted = np.full((len(at), len(leads)), np.nan)
        whole = np.flatnonzero(at >= max(self.order, 1) - 1)
        piece = max(1, VALUES_PER_PIECE // max(self.order, 1))
        for first in range(0, len(whole), piece):
            some = whole[first : first + piece]
            predicted[some] = constants + _windows(standard, at[some], self.order) @ weights.T
        values = predicted * self.scale + self.mean
        return np.exp(np.minimum(values, LARGEST_EXPONENT)) if self.logged else values

    def _weights(self, leads: Leads) -> tuple[Values, Values]:
        """Constants `(leads,)` and weights `(leads, order)` of the last values, newest first."""
        constant, weight = self.intercept, self.coefficients
        chosen: list[tuple[float, Values]] = []
        for lead in range(1, int(leads[-1]) + 1):
            if lead == leads[len(chosen)]:
                chosen.append((constant, weight))
            constant, weight = self._one_step_farther(constant, weight)
        return np.array([each[0] for each in chosen]), np.stack([each[1] for each in chosen])

    def _one_step_farther(self, constant: float, weight: Values) -> tuple[float, Values]:
        """Constant and weights of the next lead: the newest value is replaced by its forecast."""
        if self.order == 0:
            return constant, weight
        farther = weight[0] * self.coefficients
        farther[:-1] += weight[1:]
        if np.abs(farther).max() > LARGEST_WEIGHT:
            return constant, weight
        return constant + float(weight[0]) * self.intercept, farther


def autoregressive(
    models: list[Autoregression], values: Values, leads: Leads, at: Origins
) -> Values:
    """Forecasts of every target by its model.

    Args:
        models: One for each target.
        values: `(rows, targets)`; NaN is missing.
        leads: `(leads,)`, steps ahead, increasing.
        at: `(origins,)`, the rows to forecast from.

    Returns:
        `(origins, leads, targets)` in original units.
    """
    columns = zip(models, values.T, strict=True)
    return np.stack([model.forecast(column, leads, at) for model, column in columns], axis=-1)


def _filled(column: Values, logged: bool) -> Values:
    filled = last_observed(column[:, np.newaxis])[:, 0]
    return positive_log(filled) if logged else filled


def _windows(column: Values, at: Origins, order: int) -> Values:
    """The last `order` values at each row, the newest first: `(rows, order)`."""
    if order == 0:
        return np.empty((len(at), 0))
    windows: Values = sliding_window_view(column, order)[at - order + 1, ::-1]
    return windows


def _least_squares(column: Values, farthest: int) -> Values:
    """Intercept and coefficients of the order that minimises AIC, `(1 + order,)`.

    The regressors of a larger order begin with those of a smaller one, so one triangular factor
    serves all orders: the residual sum of squares of an order is the sum of the squares in the
    last column below that order's row.
    """
    rows = len(column) - farthest
    products = _products(column, farthest)
    triangle = np.linalg.cholesky(products + RIDGE * rows * np.eye(len(products))).T
    squares = triangle[:, -1] ** 2
    residuals = np.cumsum(squares[::-1])[::-1][1:]
    variance = np.maximum(residuals / rows, PERFECT_VARIANCE)
    parameters = np.arange(1, farthest + 2)
    order = int(np.argmin(rows * np.log(variance) + 2 * parameters))
    known = slice(order + 1)
    return np.asarray(np.linalg.solve(triangle[known, known], triangle[known, -1]), float)


def _products(column: Values, farthest: int) -> Values:
    """The matrix of sums of products of 1, the lags from 1 to `farthest`, and the value itself.

    A sum one lag earlier differs by one product at each end, so only the first row is summed in
    full.
    """
    rows, lags = len(column) - farthest, farthest + 1
    head, tail = column[farthest - 1 :: -1] if farthest else column[:0], column[:-lags:-1]
    moments = np.empty((lags, lags))
    moments[0] = np.correlate(column, column[farthest:], "valid")[::-1]
    for lag in range(farthest):
        ends = head[lag] * head - tail[lag] * tail
        moments[lag + 1, 1:] = moments[lag, :-1] + ends
        moments[lag + 1, 0] = moments[0, lag + 1]
    totals = np.cumsum(np.concatenate([[0.0], column]))
    sums = (totals[rows:] - totals[:lags])[::-1]
    products = np.block(
        [[np.array([[float(rows)]]), sums[np.newaxis]], [sums[:, np.newaxis], moments]]
    )
    last_is_now = np.r_[0, 2 : lags + 1, 1]
    ordered: Values = products[np.ix_(last_is_now, last_is_now)]
    return ordered
