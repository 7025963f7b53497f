"""Scales and transforms by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.features.scaling import Standardizer, TargetScaling, Transform

pytestmark = pytest.mark.unit

NAN = np.nan


class TestStandardizer:
    def test_mean_and_deviation_count_present_values_only(self) -> None:
        scaler = Standardizer.fit(np.array([[1.0], [NAN], [3.0]]))
        assert scaler.mean.tolist() == [2.0]
        assert scaler.scale.tolist() == [1.0]

    def test_a_missing_value_stands_at_the_mean(self) -> None:
        scaler = Standardizer.fit(np.array([[1.0], [3.0]]))
        assert scaler.apply(np.array([[NAN], [3.0]])).tolist() == [[0.0], [1.0]]

    def test_a_column_without_spread_or_values_has_the_scale_1(self) -> None:
        scaler = Standardizer.fit(np.array([[5.0, NAN], [5.0, NAN]]))
        assert scaler.scale.tolist() == [1.0, 1.0]

    def test_an_outlier_is_clipped_at_ten_deviations(self) -> None:
        scaler = Standardizer.fit(np.array([[1.0], [3.0]]))
        assert scaler.apply(np.array([[-9999.0], [9999.0]])).tolist() == [[-10.0], [10.0]]


class TestTargetScaling:
    def test_delta_is_scaled_by_the_change_of_each_lead(self) -> None:
        rows = np.array([[0.0], [2.0], [4.0], [6.0]])
        scaling = TargetScaling.fit("delta", [1, 2], rows)
        assert scaling.scale.tolist() == [[2.0], [4.0]]
        actual = np.array([[2.0], [4.0]])
        assert scaling.encode(actual, np.array([[0.0]])).tolist() == [[1.0], [1.0]]

    def test_log_return_is_the_logarithm_of_the_ratio(self) -> None:
        scaling = TargetScaling.fit("log_return", [1], np.array([[1.0], [np.e]]), scaled=False)
        encoded = scaling.encode(np.array([[200.0]]), np.array([[100.0]]))
        assert encoded == pytest.approx(np.log(2))

    def test_a_price_of_zero_has_no_log_return(self) -> None:
        scaling = TargetScaling.fit("log_return", [1], np.array([[1.0], [2.0]]))
        assert np.isnan(scaling.encode(np.array([[0.0]]), np.array([[1.0]]))).all()

    @pytest.mark.parametrize("transform", ["delta", "log_return"])
    def test_an_output_of_zero_is_the_naive_forecast(self, transform: Transform) -> None:
        scaling = TargetScaling.fit(transform, [1, 3], np.array([[1.0], [2.0], [4.0], [3.0]]))
        forecast = scaling.decode(np.zeros((2, 1)), np.array([7.0]))
        assert forecast.tolist() == [[7.0], [7.0]]

    def test_without_transform_an_output_of_zero_is_the_training_mean(self) -> None:
        scaling = TargetScaling.fit("none", [1], np.array([[1.0], [3.0]]))
        assert scaling.decode(np.zeros((1, 1)), np.array([NAN])).tolist() == [[2.0]]

    def test_a_lead_beyond_the_training_rows_has_the_scale_1(self) -> None:
        scaling = TargetScaling.fit("delta", [5], np.array([[1.0], [3.0]]))
        assert scaling.scale.tolist() == [[1.0]]

    @given(
        st.sampled_from(["none", "delta", "log_return"]),
        st.lists(st.floats(0.1, 1e3), min_size=6, max_size=20),
    )
    def test_decoding_undoes_encoding(self, transform: Transform, values: list[float]) -> None:
        rows = np.array(values)[:, np.newaxis]
        scaling = TargetScaling.from_json(TargetScaling.fit(transform, [1, 2], rows).to_json())
        actual, base = rows[1:3], rows[0]
        decoded = scaling.decode(scaling.encode(actual, base), base)
        np.testing.assert_allclose(decoded, actual, rtol=1e-9)
