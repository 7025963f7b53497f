"""The effect of known-future channels: found by least squares, taken off and read back."""

import json
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from models.arrays import Values
from models.features.dataset import Dataset, Track
from models.features.known_effects import KnownEffects
from models.features.known_future import FutureTable
from models.features.scaling import TargetScaling

pytestmark = pytest.mark.unit

ROWS = 200
KNOWN = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)
EFFECTS = np.array([[2.0, 0.0], [-1.0, 0.5]])


def dataset(values: Values, transform: Literal["none", "delta", "log_return"]) -> Dataset:
    scaling = TargetScaling.fit(transform, [1], values[:150])
    future = FutureTable(
        leads=np.array([1]),
        known=KNOWN,
        ends=np.array([ROWS]),
        flags=np.empty((2, 0), np.float32),
        places=np.zeros(ROWS, np.int64),
    )
    track = Track(0, 150, 175, ROWS)
    features = np.zeros((ROWS, 1), np.float32)
    return Dataset(features, values, values.copy(), scaling, (track,), future=future)


def trends() -> Values:
    return np.arange(ROWS, dtype=float)[:, np.newaxis] * [0.01, 0.02] + 50


class TestFit:
    @pytest.mark.parametrize("transform", ["none", "delta"])
    def test_it_finds_the_effect_beside_a_trend(self, transform: Literal["none", "delta"]) -> None:
        found = KnownEffects.fit(dataset(trends() + KNOWN @ EFFECTS, transform))
        assert found is not None
        np.testing.assert_allclose(found.weights, EFFECTS, atol=0.01)

    def test_an_effect_on_prices_is_a_ratio(self) -> None:
        prices = trends() * np.exp(0.01 * KNOWN @ EFFECTS)
        found = KnownEffects.fit(dataset(prices, "log_return"))
        assert found is not None
        np.testing.assert_allclose(found.weights, 0.01 * EFFECTS, atol=1e-4)
        np.testing.assert_allclose(found.removed(prices, KNOWN), trends(), rtol=1e-3)

    def test_it_is_fitted_on_training_rows_alone(self) -> None:
        values = trends() + KNOWN @ EFFECTS
        later = values.copy()
        later[150:] *= 7
        fits = [KnownEffects.fit(dataset(each, "none")) for each in (values, later)]
        assert fits[0] is not None
        assert fits[1] is not None
        np.testing.assert_array_equal(fits[0].weights, fits[1].weights)

    def test_missing_values_teach_nothing(self) -> None:
        values = trends() + KNOWN @ EFFECTS
        values[10:20] = np.nan
        found = KnownEffects.fit(dataset(values, "delta"))
        assert found is not None
        np.testing.assert_allclose(found.weights, EFFECTS, atol=0.01)
        assert np.isnan(found.removed(values, KNOWN)[10:20]).all()

    def test_without_known_channels_there_is_none(self) -> None:
        without = replace(dataset(trends(), "delta"), future=None)
        assert KnownEffects.fit(without) is None


class TestRemoval:
    def test_a_dataset_is_left_without_the_effect(self) -> None:
        whole = dataset(trends() + KNOWN @ EFFECTS, "delta")
        left = KnownEffects("delta", EFFECTS).removed_from(whole)
        np.testing.assert_allclose(left.actual, trends())
        np.testing.assert_allclose(left.base, trends())

    def test_it_is_read_back(self) -> None:
        effects = KnownEffects("delta", EFFECTS)
        again = KnownEffects.from_json(json.loads(json.dumps(effects.to_json())))
        assert again.transform == "delta"
        np.testing.assert_array_equal(again.weights, EFFECTS)
