"""AR(p) against statsmodels, and its forecasts against the recursion written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Values
from models.evaluation.autoregression import MOST_ORDER, MOST_ROWS, Autoregression, autoregressive

pytestmark = pytest.mark.unit

NAN = np.nan


def noisy(rows: int, coefficients: tuple[float, ...], seed: int = 0) -> Values:
    """An autoregressive process around 5."""
    generator = np.random.default_rng(seed)
    order = len(coefficients)
    values = list(np.full(order, 5.0))
    for shock in generator.normal(size=rows):
        recent = values[: -order - 1 : -1]
        values.append(5 + np.dot(coefficients, np.array(recent) - 5) + shock)
    return np.array(values[order:])


def recursion(model: Autoregression, column: Values, lead: int) -> float:
    """The forecast from the last row, one step after the other."""
    history = list((column - model.mean) / model.scale)
    for _ in range(lead):
        recent = history[: -model.order - 1 : -1] if model.order else []
        history.append(model.intercept + float(np.dot(model.coefficients, recent)))
    return float(history[-1] * model.scale + model.mean)


class TestFit:
    @pytest.mark.parametrize("coefficients", [(0.7,), (0.6, -0.3), (0.2, 0.0, 0.5)])
    def test_order_and_coefficients_are_those_of_statsmodels(
        self, coefficients: tuple[float, ...]
    ) -> None:
        from statsmodels.tsa.ar_model import AutoReg, ar_select_order

        column = noisy(800, coefficients)
        model = Autoregression.fit(column, season=1)
        selection = ar_select_order(column, 48, ic="aic")
        assert model.order == len(selection.ar_lags)
        theirs = AutoReg(column, model.order, hold_back=48).fit()
        np.testing.assert_allclose(model.coefficients, theirs.params[1:], rtol=1e-8)

    def test_a_sine_is_an_autoregression_of_order_two(self) -> None:
        column = np.sin(2 * np.pi * np.arange(300) / 24)
        model = Autoregression.fit(column, season=24)
        assert model.order == 2
        predicted = model.forecast(column, np.array([1, 24]), np.array([200]))[0]
        np.testing.assert_allclose(predicted, column[[201, 224]], atol=1e-6)

    def test_white_noise_has_no_order(self) -> None:
        column = np.random.default_rng(3).normal(size=5000)
        assert Autoregression.fit(column, season=1).order <= 2

    def test_the_order_may_reach_two_seasons_but_not_a_quarter_of_the_rows(self) -> None:
        shape = np.tile(np.random.default_rng(0).normal(size=60), 8)
        column = shape + 0.1 * np.random.default_rng(1).normal(size=480)
        assert 59 <= Autoregression.fit(column, season=60).order <= 120
        assert Autoregression.fit(column[:200], season=60).order <= 50
        assert Autoregression.fit(noisy(3000, (0.5,)), season=5000).order <= MOST_ORDER

    def test_only_the_last_rows_of_a_long_series_count(self) -> None:
        column = np.concatenate([np.full(500, 1e6), noisy(MOST_ROWS, (0.5,))])
        model = Autoregression.fit(column, season=1)
        assert model.rows == MOST_ROWS
        assert model.mean == pytest.approx(5, abs=0.2)

    @pytest.mark.parametrize(
        ("column", "expected"),
        [(np.full(50, 3.0), 3.0), (np.array([2.0, 4.0]), 3.0), (np.array([NAN, 7.0]), 7.0)],
    )
    def test_what_cannot_be_learnt_from_gives_the_mean(
        self, column: Values, expected: float
    ) -> None:
        model = Autoregression.fit(column, season=1)
        predicted = model.forecast(column, np.array([1, 9]), np.array([len(column) - 1]))
        np.testing.assert_allclose(predicted, [[expected, expected]])

    def test_without_values_there_is_no_forecast(self) -> None:
        column = np.full(9, NAN)
        model = Autoregression.fit(column, season=1)
        assert np.isnan(model.forecast(column, np.array([1]), np.array([8]))).all()


class TestForecast:
    @given(order=st.integers(0, 5), leads=st.lists(st.integers(1, 30), min_size=1, unique=True))
    def test_all_leads_at_once_are_the_recursion(self, order: int, leads: list[int]) -> None:
        coefficients = np.random.default_rng(order).normal(size=order) / 4
        model = Autoregression(0.3, coefficients, 2.0, 1.5, False, 100)
        column = noisy(40, (0.5,), seed=order)
        predicted = model.forecast(column, np.array(sorted(leads)), np.array([39]))[0]
        expected = [recursion(model, column, lead) for lead in sorted(leads)]
        np.testing.assert_allclose(predicted, expected, rtol=1e-9)

    @given(cut=st.integers(10, 90))
    def test_nothing_later_than_the_origin_is_seen(self, cut: int) -> None:
        column = noisy(100, (0.6, 0.2))
        model = Autoregression.fit(column, season=1)
        changed = column.copy()
        changed[cut + 1 :] = -99.0
        origins, leads = np.arange(cut + 1), np.array([1, 5])
        before, after = (model.forecast(each, leads, origins) for each in (column, changed))
        np.testing.assert_array_equal(before, after)

    def test_a_missing_value_stands_for_the_one_before_it(self) -> None:
        model = Autoregression(0.0, np.array([1.0, 0.5]), 0.0, 1.0, False, 9)
        column = np.array([2.0, 4.0, NAN])
        np.testing.assert_allclose(model.forecast(column, np.array([1]), np.array([2])), [[6.0]])

    def test_too_short_a_past_gives_no_forecast(self) -> None:
        model = Autoregression(0.0, np.array([1.0, 0.5]), 0.0, 1.0, False, 9)
        predicted = model.forecast(np.array([NAN, 1.0, 1.0]), np.array([1]), np.arange(3))
        np.testing.assert_array_equal(predicted[:, 0], [NAN, NAN, 1.5])

    def test_prices_are_modelled_by_their_logarithms(self) -> None:
        column = 100 * 1.01 ** np.arange(200)
        model = Autoregression.fit(column, season=1, logged=True)
        predicted = model.forecast(column, np.array([1, 5]), np.array([199]))[0]
        np.testing.assert_allclose(predicted, column[199] * 1.01 ** np.array([1, 5]), rtol=1e-3)

    def test_an_explosive_model_stays_a_number(self) -> None:
        model = Autoregression(0.1, np.array([3.0]), 0.0, 1.0, True, 9)
        predicted = model.forecast(np.array([2.0]), np.array([1, 5000]), np.array([0]))
        assert np.isfinite(predicted).all()

    def test_every_target_has_its_own_model(self) -> None:
        values = np.stack([np.arange(60.0), np.full(60, 7.0)], axis=1)
        models = [Autoregression.fit(column, season=1) for column in values.T]
        predicted = autoregressive(models, values, np.array([1, 2]), np.array([59]))
        assert predicted.shape == (1, 2, 2)
        np.testing.assert_allclose(predicted[0, :, 0], [60, 61], atol=1e-6)
        np.testing.assert_allclose(predicted[0, :, 1], 7)
