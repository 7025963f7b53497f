"""Intervals of forecasters that know of the future: they follow errors once it has come."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

import models.serving.interval_tracker
from models.arrays import Values
from models.features.filling import last_observed
from models.series import Channel, SeriesData
from models.serving.artefact import read_bundle
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster, State
from models.serving.intervals import LEVELS, at_level
from models.serving.session import open_session
from models.spec.spec import Spec
from models.training.train import train

LEADS = 3
# What is trained on ends here, and the noise grows.
SHIFT = 1500
SMALL: dict[str, Any] = {
    "targets": ["y"],
    "horizon": LEADS,
    "layers": [{"cell": "gru", "units": 3}],
    "epochs": 1,
    "split": {"validation": 0.25, "test": 0.3},
    "known_future": ["promo"],
    "highway": {"lags": 4, "shared": True},
}
WINDOWS = {"mode": "windowed", "lookback": 6, "steps_per_epoch": 20}
HOLIDAYS = {"known_future": [], "holidays": "DE", "highway": None}
SPECS: dict[str, dict[str, Any]] = {
    "stateful": SMALL,
    "windowed": {**SMALL, **WINDOWS, "holidays": "DE"},
    "holidays": {**SMALL, **HOLIDAYS},
    "windowed_holidays": {**SMALL, **WINDOWS, **HOLIDAYS},
}


def louder(rows: int = 3000) -> SeriesData:
    """y[t] = 0.8 y[t-1] + 2 promo[t] + noise, 2.5 times as wide from the shift on.

    Promotions are drawn by lot.
    """
    generator = np.random.default_rng(0)
    promo = (generator.random(rows) < 0.3).astype(float)
    noise = generator.normal(size=rows) * np.where(np.arange(rows) < SHIFT, 1, 2.5)
    y = np.zeros(rows)
    for row in range(1, rows):
        y[row] = 0.8 * y[row - 1] + 2 * promo[row] + noise[row]
    times = np.datetime64("2024-01-01", "us") + np.arange(rows) * np.timedelta64(1, "h")
    channels, values = (Channel("y"), Channel("promo")), np.stack([y, promo], axis=1)
    return SeriesData("shop", "generic", channels, times, values, "1h", "continuous", "UTC")


def with_holes(rows: int) -> SeriesData:
    """The same with values that never came around the end of the training."""
    data = louder(rows)
    data.values[1300:1302, 1] = np.nan
    data.values[1515:1519, 1] = np.nan
    data.values[1521:1523, 0] = np.nan
    return data


@lru_cache
def bundle(name: str) -> bytes:
    data = louder(SHIFT)
    return train(Spec.model_validate(SPECS[name]), data).bundle


def loaded(name: str, **intervals: Any) -> Forecaster:
    artefact = read_bundle(bundle(name))
    manifest = artefact.manifest
    manifest = {**manifest, "intervals": {**manifest["intervals"], **intervals}}
    return Forecaster(manifest, open_session(artefact.onnx))


def read(forecaster: Forecaster, state: State, data: SeriesData, until: int) -> State:
    """Read on up to a row, from what was stored."""
    state = State.from_bytes(state.to_bytes())
    rows = slice(state.rows, until)
    columns = [data.channel_names.index(name) for name in forecaster.manifest["channels"]]
    return run_one(forecaster.advance(state, data.times[rows], data.values[rows][:, columns]))


def outputs(forecaster: Forecaster, data: SeriesData, **wanted: Any) -> Any:
    return forecaster.outputs(data.times, forecaster.values_of(data), **wanted)


def promo_after(forecaster: Forecaster, data: SeriesData, row: int) -> Values | None:
    """What a request brings: where a value never came, the one before it."""
    if not forecaster.known_future:
        return None
    return last_observed(data.values[:, [1]])[row + 1 : row + 1 + LEADS]


@pytest.mark.parametrize("name", SPECS)
class TestStreaming:
    @pytest.mark.parametrize("steps", [(1,), (2, 5, 1), (4,), (37, 1)], ids=str)
    def test_streamed_bounds_equal_those_of_a_whole_pass(
        self, name: str, steps: tuple[int, ...]
    ) -> None:
        forecaster, data = loaded(name), with_holes(1700)
        whole = outputs(forecaster, data, levels=LEVELS)
        state, stop = forecaster.initial_state(), 1490
        for place in range(40):
            stop = min(stop + steps[place % len(steps)], 1600)
            state = read(forecaster, state, data, stop)
            made = run_one(forecaster.forecast(state, promo_after(forecaster, data, stop - 1)))
            assert made.lower is not None
            assert made.upper is not None
            np.testing.assert_allclose(made.lower, whole.lower[:, stop - 1], atol=1e-5)
            np.testing.assert_allclose(made.upper, whole.upper[:, stop - 1], atol=1e-5)
        assert state.adaptation is not None
        assert np.abs(state.adaptation.log_factors).min() > 0

    def test_a_series_that_begins_row_by_row_is_that_of_a_replay(self, name: str) -> None:
        # Its widths move from the first row on, before any row has spoken.
        forecaster, data = loaded(name, since="2024-01-01"), louder(60)
        state = forecaster.initial_state()
        for stop in range(1, 41):
            state = read(forecaster, state, data, stop)
        replayed = read(forecaster, forecaster.initial_state(), data, 40)
        for one, other in ((state, replayed), (state.waiting, replayed.waiting)):
            assert one is not None
            assert other is not None
            np.testing.assert_array_equal(one.tail, other.tail)
            np.testing.assert_allclose(one.window, other.window, atol=1e-6)
            for mine, its in zip(one.recurrent, other.recurrent, strict=True):
                np.testing.assert_allclose(mine, its, atol=1e-6)
        assert state.adaptation is not None
        assert replayed.adaptation is not None
        assert state.waiting is not None
        assert state.waiting.times.tolist() == data.times[37:40].tolist()
        np.testing.assert_allclose(
            state.adaptation.log_factors, replayed.adaptation.log_factors, atol=1e-12
        )
        whole = outputs(forecaster, data, levels=[80])
        made = run_one(forecaster.forecast(state, promo_after(forecaster, data, 39)))
        assert made.lower is not None
        np.testing.assert_allclose(
            at_level(80, made.values, made.lower), whole.lower[0, 39], atol=1e-5
        )

    def test_the_first_row_that_counts_is_scored_after_its_farthest_lead(self, name: str) -> None:
        forecaster, data = loaded(name), louder(1700)
        assert forecaster.intervals is not None
        first = int(np.searchsorted(data.times, forecaster.intervals.since))
        state = read(forecaster, forecaster.initial_state(), data, first + LEADS)
        assert state.adaptation is not None
        assert not state.adaptation.log_factors.any()
        moved = read(forecaster, state, data, first + LEADS + 1).adaptation
        assert moved is not None
        assert moved.log_factors.all()

    def test_bounds_see_no_later_value_of_the_target(self, name: str) -> None:
        forecaster, data = loaded(name), louder(1600)
        other = replace(data, values=data.values.copy())
        other.values[1550:, 0] += 100
        before, after = (outputs(forecaster, each, levels=[80]) for each in (data, other))
        np.testing.assert_array_equal(before.lower[0, 5:1550], after.lower[0, 5:1550])
        np.testing.assert_array_equal(before.upper[0, 5:1550], after.upper[0, 5:1550])


class TestCoverage:
    @pytest.mark.parametrize("name", ["stateful", "windowed"])
    def test_it_comes_back_after_a_shift(self, name: str) -> None:
        data, covered = louder(), []
        at = np.arange(SHIFT + 500, 2990)
        for own in (loaded(name), loaded(name, since=None)):
            predicted = outputs(own, data, at=at, levels=[90])
            truth = predicted.actual[at[:, np.newaxis] + own.leads]
            covered.append(
                100 * np.mean((predicted.lower[0] <= truth) & (truth <= predicted.upper[0]))
            )
        assert covered[0] == pytest.approx(90, abs=3)
        assert covered[1] < 80


class TestFixed:
    def test_a_manifest_that_says_so_keeps_its_widths_and_no_rows(self) -> None:
        forecaster, data = loaded("stateful", since=None), louder(1600)
        state = read(forecaster, forecaster.initial_state(), data, 1600)
        assert state.waiting is None
        assert state.adaptation is not None
        assert not state.adaptation.log_factors.any()

    def test_so_does_one_of_which_too_much_would_wait(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Three rows of two channels and of two factors for each of three leads.
        monkeypatch.setattr(models.serving.interval_tracker, "MOST_PENDING_NUMBERS", 3 * (2 + 6))
        assert loaded("stateful").initial_state().waiting is not None
        monkeypatch.setattr(
            models.serving.interval_tracker, "MOST_PENDING_NUMBERS", 3 * (2 + 6) - 1
        )
        assert loaded("stateful").initial_state().waiting is None
