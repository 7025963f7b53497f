"""Population stability by numbers that can be checked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.stability_index import LEAST_SHARE, Histogram, Stability, stability_index
from models.features.features import ChannelFeature

pytestmark = pytest.mark.unit

LEVEL = ChannelFeature(0, "level", 0, masked=False, differenced=False)


class TestIndex:
    def test_two_bins_by_hand(self) -> None:
        expected, actual = np.array([0.5, 0.5]), np.array([0.8, 0.2])
        by_hand = (0.8 - 0.5) * math.log(0.8 / 0.5) + (0.2 - 0.5) * math.log(0.2 / 0.5)
        assert stability_index(expected, actual) == pytest.approx(by_hand)

    def test_a_bin_that_was_never_seen_counts_and_stays_finite(self) -> None:
        found = stability_index(np.array([1.0, 0.0]), np.array([0.9, 0.1]))
        unseen = (0.1 - LEAST_SHARE) * math.log(0.1 / LEAST_SHARE)
        assert found == pytest.approx(-0.1 * math.log(0.9) + unseen)

    @given(st.lists(st.floats(0.01, 1), min_size=6, max_size=6))
    @settings(max_examples=30)
    def test_it_is_zero_for_equals_never_negative_and_the_same_both_ways(
        self, weights: list[float]
    ) -> None:
        one, other = (np.array(half) / sum(half) for half in (weights[:3], weights[3:]))
        assert stability_index(one, one) == 0
        assert stability_index(one, other) >= 0
        assert stability_index(one, other) == pytest.approx(stability_index(other, one))


class TestHistogram:
    def test_deciles_hold_a_tenth_each(self) -> None:
        fitted = Histogram.fit(np.arange(100.0))
        np.testing.assert_allclose(fitted.shares, [0.1] * 10 + [0])
        assert fitted.index(np.arange(100.0)) == 0

    def test_values_that_repeat_share_a_bin(self) -> None:
        rain = np.array([0.0] * 80 + list(range(1, 21)))
        fitted = Histogram.fit(rain)
        assert len(fitted.edges) == 3  # 0 stands for eight deciles, then those within the rain
        assert fitted.shares.sum() == pytest.approx(1)
        assert fitted.index(rain) == 0

    def test_a_sensor_that_falls_silent_is_seen(self) -> None:
        values = np.arange(100.0)
        silent = np.where(values % 2 == 0, values, np.nan)
        assert Histogram.fit(values).index(silent) > 0.25

    def test_nothing_but_missing_values(self) -> None:
        fitted = Histogram.fit(np.full(10, np.nan))
        assert fitted.index(np.full(5, np.nan)) == 0
        assert fitted.index(np.zeros(5)) > 1


class TestStability:
    def test_a_shift_stands_out_against_what_was_usual(self) -> None:
        rows = np.random.default_rng(0).normal(size=(700, 1))
        fitted = Stability.fit([LEVEL], ["y"], rows, train=slice(0, 500), end=700)
        again = Stability.from_json(fitted.to_json())
        assert again.window_rows == 200
        (channel,) = again.channels
        assert channel.name == "y"
        assert channel.usual == pytest.approx(channel.index(rows[499:]))
        assert channel.usual < 0.1
        assert channel.index(rows[499:] + 1) > channel.usual + 0.25

    def test_a_trend_that_goes_on_is_as_unusual_as_it_was(self) -> None:
        rows = np.arange(700.0)[:, np.newaxis]
        fitted = Stability.fit([LEVEL], ["y"], rows, train=slice(0, 500), end=700)
        (channel,) = fitted.channels
        assert channel.index(rows[-201:] + 1000) == channel.usual > 1

    def test_prices_are_compared_by_their_returns(self) -> None:
        price = ChannelFeature(0, "log_return", 0, masked=False, differenced=False)
        rows = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, (400, 1)), 0))
        fitted = Stability.fit([price], ["close"], rows, train=slice(0, 300), end=400)
        (channel,) = fitted.channels
        assert channel.index(rows[299:] * 1000) == pytest.approx(channel.usual)
        assert channel.index(rows[299:] ** 5) > 0.25 + (channel.usual or 0)

    def test_windows_are_whole_and_lie_in_the_held_out_rows(self) -> None:
        rows = np.zeros((100, 1))
        short = Stability.fit([LEVEL], ["y"], rows, train=slice(0, 80), end=100)
        assert (short.window_rows, short.channels[0].usual) == (50, None)
