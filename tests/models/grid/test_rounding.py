"""Rows of a sensor whose times have a jitter: one for each step, in one call or many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Times, Values
from models.grid.resampling import GridRule
from models.series import Channel, SeriesData

pytestmark = pytest.mark.unit

START = np.datetime64("2023-03-01", "us")


def series(seconds: Values) -> SeriesData:
    times: Times = START + np.round(seconds * 1000).astype("timedelta64[ms]").astype("m8[us]")
    values = np.arange(len(times), dtype=float)[:, np.newaxis]
    return SeriesData("s", "generic", (Channel("v"),), times, values, "1min", "continuous", "UTC")


def jittered(rows: int, largest: float, seed: int) -> SeriesData:
    away = np.random.default_rng(seed).uniform(-largest, largest, rows)
    return series(np.arange(rows) * 60 + 60 + away)


def rule(data: SeriesData) -> GridRule:
    return GridRule.learn(data, data.channels, "1min", "last")


def test_a_row_is_the_observation_at_its_step() -> None:
    data = jittered(500, 2.5, 0)
    grid = rule(data).grid(data.times, data.values)
    assert (grid.times == START + np.arange(1, 501) * np.timedelta64(1, "m")).all()
    assert (grid.values == data.values).all()


def test_the_first_of_two_observations_counts_and_an_empty_step_is_missing() -> None:
    seconds = np.arange(1, 401) * 60.0 + np.where(np.arange(400) % 2, 1.5, -1.5)
    seconds[100] = seconds[99] + 20
    grid = rule(series(seconds)).grid(*(series(seconds).times, series(seconds).values))
    assert len(grid.times) == 400
    assert np.flatnonzero(np.isnan(grid.values[:, 0])).tolist() == [100]
    assert grid.values[99, 0] == 99


@given(
    largest=st.floats(0.1, 14),
    seed=st.integers(0, 50),
    cuts=st.lists(st.integers(1, 299), max_size=12),
)
def test_streaming_gives_the_rows_of_one_call(largest: float, seed: int, cuts: list[int]) -> None:
    data = jittered(300, largest, seed)
    grids = rule(data)
    whole = grids.grid(data.times, data.values)
    times, values, after = [], [], None
    for cut in [*sorted(cuts), 300]:
        known = data.times[:cut]
        later = 0 if after is None else int(np.searchsorted(known, after, side="right"))
        new = grids.grid(known[later:], data.values[later:cut], after=after)
        times.append(new.times)
        values.append(new.values)
        after = new.times[-1] if len(new.times) else after
    assert (np.concatenate(times) == whole.times).all()
    assert np.array_equal(np.concatenate(values), whole.values, equal_nan=True)


def test_a_changed_observation_belongs_to_its_nearest_row() -> None:
    grids = rule(jittered(500, 2.5, 0))
    moment = START + np.timedelta64(62, "s")
    assert grids.row_of(moment) == START + np.timedelta64(60, "s")
    exact = rule(series(np.arange(1, 100) * 60.0))
    assert exact.row_of(moment) == moment
