"""Usual values: what is far from them, in channels of many kinds whose next values are known."""

from collections.abc import Callable

import numpy as np
import pytest

from app.ingest.plausibility.usual_values import LEVEL_ROWS, UsualValues, levels
from models.arrays import Values

pytestmark = pytest.mark.unit

ROWS = 1000


def noise(seed: int, rows: int = ROWS) -> Values:
    return np.random.default_rng(seed).normal(0, 1, rows)


def day(rows: int = ROWS) -> Values:
    return np.asarray(np.sin(2 * np.pi * np.arange(rows) / 24))


def rain(seed: int) -> Values:
    generator = np.random.default_rng(seed)
    return np.where(generator.random(ROWS) < 0.08, generator.exponential(2, ROWS), 0)


KINDS: dict[str, Callable[[int], Values]] = {
    "white noise": noise,
    "temperature": lambda seed: 12 + 8 * day() + noise(seed),
    "random walk": lambda seed: 37_900 + 6 * np.cumsum(noise(seed)),
    "growing price": lambda seed: 100 * np.exp(np.cumsum(0.004 + 0.02 * noise(seed))),
    "rain": rain,
    "concentration": lambda seed: np.exp(1 + 0.6 * noise(seed)),
    "trend": lambda seed: np.arange(ROWS) + noise(seed),
}
WRONG: dict[str, Callable[[float], float]] = {
    "white noise": lambda value: 40,
    "temperature": lambda value: 1.8 * 40 + 32,
    "random walk": lambda value: value / 1000,
    "growing price": lambda value: value / 1000,
    "rain": lambda value: 9999,
    "concentration": lambda value: 1000 * value,
    "trend": lambda value: value * 1000,
}


def is_far(usual: UsualValues, before: Values, value: float) -> bool:
    """Whether a value after these rows is far from them."""
    level = levels(np.append(before[-LEVEL_ROWS:], value)[:, np.newaxis])[-1, 0]
    off_range = not -usual.below[0] <= value - usual.middle[0] <= usual.above[0]
    is_small = 0 < value < usual.share[0] * usual.middle[0]
    return bool(off_range or is_small or abs(value - level) > usual.far_step[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_next_values_are_not_far_and_wrong_ones_are(kind: str, seed: int) -> None:
    values = KINDS[kind](seed)
    known, later = values[: ROWS - 60], values[ROWS - 60 :]
    usual = UsualValues.of(known[:, np.newaxis], np.zeros(1, bool))
    far = [
        is_far(usual, np.append(known, later[:place]), value) for place, value in enumerate(later)
    ]
    assert not any(far)
    assert is_far(usual, known, WRONG[kind](known[-1]))


@pytest.mark.parametrize("rows", [20, 50, 100, 300])
def test_few_rows_are_enough(rows: int) -> None:
    values = 50 + noise(3, rows)
    usual = UsualValues.of(values[:, np.newaxis], np.zeros(1, bool))
    assert is_far(usual, values, 0.05)
    assert not is_far(usual, values, 52.0)


def test_an_outlier_among_the_rows_hides_no_other() -> None:
    values = 50 + noise(3, 120)
    values[-1] = 0.05
    usual = UsualValues.of(values[:, np.newaxis], np.zeros(1, bool))
    assert is_far(usual, values, 0.05)
    assert not is_far(usual, values, 51.0)


def test_channels_without_evidence_have_no_far_values() -> None:
    constant, missing = np.full(ROWS, 7.0), np.full(ROWS, np.nan)
    nearly_dry = np.zeros(ROWS)
    nearly_dry[[100, 500, 900]] = 0.2
    few = np.full(ROWS, np.nan)
    few[:15] = noise(1, 15)
    columns = np.column_stack([constant, missing, nearly_dry, few])
    usual = UsualValues.of(columns, np.zeros(4, bool))
    assert np.isinf(usual.above).all()
    assert np.isinf(usual.below).all()
    assert np.isinf(usual.far_step).all()


@pytest.mark.parametrize("unit", [0.1, 0.01, 0.001])
def test_a_smaller_unit_is_far_where_all_values_are_positive(unit: float) -> None:
    values = 20 + 6 * day() + 0.3 * noise(4)
    usual = UsualValues.of(np.column_stack([values, values - 20]), np.zeros(2, bool))
    assert is_far(usual, values, unit * 20)
    assert not is_far(usual, values, 9.0)
    # Next to values of both signs small ones are usual.
    assert usual.share[1] == 0


def test_directions_have_no_usual_step() -> None:
    values = (np.arange(ROWS) % 360).astype(float)
    usual = UsualValues.of(np.column_stack([values, values]), np.array([True, False]))
    assert np.isinf(usual.far_step).tolist() == [True, False]


def test_levels_are_medians_of_what_is_there() -> None:
    values = np.array([[1.0], [2.0], [np.nan], [4.0], [100.0], [5.0], [6.0]])
    assert levels(values).tolist() == [[2.0], [4.0]]
