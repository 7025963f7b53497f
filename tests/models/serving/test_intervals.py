"""Intervals: coverage on the data they were set on, nesting, and how they follow a change."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import models.serving.batching
from models.arrays import Values
from models.features.scaling import TargetScaling
from models.series import Channel, SeriesData
from models.serving.artefact import read_bundle
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster, State
from models.serving.interval_tracker import Adaptation, IntervalTracker
from models.serving.intervals import LEVELS, Intervals, at_level, bounds
from models.serving.session import open_session
from models.spec.spec import Spec
from models.training.trained import Trained

SINCE = np.datetime64("2024-01-01", "us")
POINT = (0.5,)


def scaling(leads: int = 1, targets: int = 1) -> TargetScaling:
    shape = (leads, targets)
    return TargetScaling("delta", np.arange(1, leads + 1), np.zeros(targets), np.ones(shape))


def fitted(errors: Values, quantiles: tuple[float, ...] = POINT) -> Intervals:
    """Intervals of forecasts that say 0 when `errors` come."""
    predicted = np.zeros((*errors.shape, len(quantiles)))
    intervals = Intervals.fit(quantiles, predicted, errors, SINCE)
    assert intervals is not None
    return intervals


def normal(rows: int, *, leads: int = 1, targets: int = 1, seed: int = 0) -> Values:
    return np.random.default_rng(seed).normal(size=(rows, leads, targets))


def covered(lower: Values, upper: Values, truth: Values) -> Values:
    return ((lower <= truth) & (truth <= upper)).reshape(len(LEVELS), -1).mean(axis=1) * 100


@pytest.mark.unit
class TestFit:
    def test_intervals_cover_what_they_were_set_on(self) -> None:
        errors = normal(2_000)
        intervals = fitted(errors)
        inside = covered(-intervals.lower[:, None], intervals.upper[:, None], errors)
        np.testing.assert_allclose(inside, LEVELS, atol=0.3)

    def test_normal_errors_have_normal_bounds(self) -> None:
        intervals = fitted(normal(50_000))
        assert intervals.upper[LEVELS.index(95), 0, 0] == pytest.approx(1.96, abs=0.05)
        assert intervals.lower[LEVELS.index(80), 0, 0] == pytest.approx(1.28, abs=0.05)

    def test_a_skewed_error_has_unequal_sides(self) -> None:
        errors = np.random.default_rng(0).exponential(size=(5_000, 1, 1))
        intervals = fitted(errors)
        assert intervals.upper[-1, 0, 0] > 3 * abs(intervals.lower[-1, 0, 0])

    def test_bounds_of_few_scores_are_the_outermost_ones(self) -> None:
        errors = np.arange(20.0).reshape(20, 1, 1)
        intervals = fitted(errors)
        # ceil(21 * 0.995) is more than there are; ceil(21 * 0.9) = 19 is the last but one.
        assert intervals.upper[LEVELS.index(99), 0, 0] == 19
        assert intervals.upper[LEVELS.index(80), 0, 0] == 18

    def test_too_few_origins_make_none(self) -> None:
        assert Intervals.fit(POINT, np.zeros((19, 1, 1, 1)), np.zeros((19, 1, 1)), SINCE) is None

    def test_missing_labels_are_not_counted(self) -> None:
        errors = normal(1_000)
        holes = np.concatenate([errors, np.full((500, 1, 1), np.nan)])
        np.testing.assert_array_equal(fitted(errors).upper, fitted(holes).upper)

    def test_quantiles_are_widened_by_what_they_lack(self) -> None:
        errors = normal(5_000)
        quantiles = (0.1, 0.5, 0.9)
        predicted = np.broadcast_to(np.array([-1.0, 0.0, 1.0]), (5_000, 1, 1, 3))
        intervals = Intervals.fit(quantiles, predicted, errors, SINCE)
        assert intervals is not None
        # A quantile of 1.0 that should be 1.28 is moved by the difference.
        assert intervals.upper[LEVELS.index(80), 0, 0] == pytest.approx(0.28, abs=0.05)

    def test_stored_intervals_are_the_same(self) -> None:
        intervals = fitted(normal(100, leads=2))
        assert Intervals.from_json(intervals.to_json()).to_json() == intervals.to_json()


@pytest.mark.unit
class TestBounds:
    @given(
        predicted=st.lists(st.floats(-5, 5), min_size=3, max_size=3),
        factors=st.lists(st.floats(-3, 3), min_size=2, max_size=2),
        seed=st.integers(0, 100),
    )
    def test_they_never_cross(
        self, predicted: list[float], factors: list[float], seed: int
    ) -> None:
        quantiles = (0.1, 0.5, 0.9)
        errors = np.random.default_rng(seed).standard_t(2, size=(50, 1, 1))
        intervals = fitted(errors, quantiles)
        log_factors = np.array(factors).reshape(1, 2, 1, 1)
        lower, upper = bounds(
            intervals,
            scaling(),
            np.array(predicted).reshape(1, 1, 1, 3),
            np.zeros((1, 1)),
            log_factors,
        )
        middle = np.median(predicted)
        assert (np.diff(lower.ravel()) <= 1e-12).all()
        assert (np.diff(upper.ravel()) >= -1e-12).all()
        assert lower[0] <= middle + 1e-12
        assert upper[0] >= middle - 1e-12

    def test_other_levels_lie_between(self) -> None:
        middle, known = np.zeros(1), np.array([[1.0], [2], [3], [4], [5], [6], [7]])
        assert at_level(20, middle, known) == 1
        assert at_level(10, middle, known) == 0.5
        assert at_level(85, middle, known) == 4.5
        assert at_level(99, middle, known) == 7


def follow(intervals: Intervals, truth: Values, leads: int) -> Values:
    """Bounds of forecasts that always say 0, in pieces of several rows: as `bounds`."""
    tracker = IntervalTracker(intervals, scaling(leads))
    state, found = tracker.start(), []
    times = SINCE + np.arange(len(truth)) * np.timedelta64(1, "h")
    base = np.zeros((len(truth), 1))
    for first in range(0, len(truth), 37):
        rows = slice(first, first + 37)
        predicted = np.zeros((len(truth[rows]), leads), np.float32)
        state, factors = tracker.advance(state, times[rows], predicted, base[rows], truth[rows])
        found.append(factors)
    return np.concatenate(found)


@pytest.mark.unit
class TestTracker:
    def test_coverage_comes_back_after_the_errors_have_tripled(self) -> None:
        leads = 3
        intervals = fitted(normal(2_000, leads=leads))
        truth = 3 * np.random.default_rng(1).normal(size=(3_000, 1))
        factors = follow(intervals, truth, leads)
        ahead = np.arange(500, 2_990)[:, None] + np.arange(1, leads + 1)
        labels = truth[ahead]
        predicted = np.zeros((*labels.shape, 1))
        zero = np.zeros((len(labels), 1))
        adapted = bounds(intervals, scaling(leads), predicted, zero, factors[500:2_990])
        static = bounds(
            intervals, scaling(leads), predicted, zero, np.zeros_like(factors[500:2_990])
        )
        for level in (80, 90, 95):
            at = LEVELS.index(level)
            assert abs(covered(*adapted, labels)[at] - level) < 3
            assert covered(*static, labels)[at] < level - 15

    def test_before_its_time_it_does_not_move(self) -> None:
        intervals = fitted(normal(100))
        tracker = IntervalTracker(intervals, scaling())
        times = SINCE - np.arange(50, 0, -1) * np.timedelta64(1, "h")
        predicted, base = np.zeros((50, 1), np.float32), np.zeros((50, 1))
        _, factors = tracker.advance(
            tracker.start(), times, predicted, base, np.full((50, 1), 99.0)
        )
        assert (factors == 0).all()

    def test_missing_truth_moves_nothing(self) -> None:
        factors = follow(fitted(normal(100)), np.full((100, 1), np.nan), 1)
        assert (factors == 0).all()

    def test_far_horizons_of_many_targets_are_not_followed(self) -> None:
        wide = scaling(leads=200, targets=10)
        intervals = Intervals.fit(POINT, np.zeros((20, 200, 10, 1)), np.zeros((20, 200, 10)), SINCE)
        assert intervals is not None
        assert IntervalTracker(intervals, wide).start().predicted.shape == (0, 2_000)

    def test_rows_that_speak_late_are_scored_as_if_they_had_not(self) -> None:
        # With a single lead a row is scored when its truth comes, either way.
        errors = normal(60)[:, 0]
        intervals = fitted(normal(100))
        predicted = np.random.default_rng(1).normal(size=(60, 1)).astype(np.float32)
        times = SINCE + np.arange(60) * np.timedelta64(1, "h")
        at_once, late = (IntervalTracker(intervals, scaling(), channels=each) for each in (None, 1))
        assert (at_once.delay, late.delay) == (0, 1)
        _, wanted = at_once.advance(at_once.start(), times, predicted, np.zeros((60, 1)), errors)
        earlier = np.concatenate([np.full((1, 1), np.nan, np.float32), predicted[:-1]])
        _, found = late.advance(
            late.start(), times - np.timedelta64(1, "h"), earlier, np.zeros((60, 1)), errors
        )
        np.testing.assert_array_equal(found, wanted)

    def test_rows_that_speak_late_are_scored_at_all_leads_together(self) -> None:
        leads, rows = 3, 8
        tracker = IntervalTracker(fitted(normal(100, leads=leads)), scaling(leads), channels=1)
        # Row 0 says 0 and all that comes lies far out, but what is due at lead 2.
        predicted = np.full((rows, leads), np.nan, np.float32)
        predicted[3] = 0
        actual = np.full((rows, 1), 99.0)
        actual[2] = 0
        times = SINCE + (np.arange(rows) - 3) * np.timedelta64(1, "h")
        _, factors = tracker.advance(tracker.start(), times, predicted, np.zeros((rows, 1)), actual)
        np.testing.assert_array_equal(factors[:3], 0)
        at_80 = np.broadcast_to([0.016, -0.004, 0.016], (5, leads))
        np.testing.assert_allclose(factors[3:, 0, :, 0], at_80)

    @given(cuts=st.lists(st.integers(1, 59), max_size=8), channels=st.sampled_from([None, 2]))
    def test_any_pieces_give_the_same(self, cuts: list[int], channels: int | None) -> None:
        leads = 4
        intervals = fitted(normal(100, leads=leads))
        tracker = IntervalTracker(intervals, scaling(leads), channels=channels)
        generator = np.random.default_rng(0)
        predicted = generator.normal(size=(60, leads)).astype(np.float32)
        base, actual = generator.normal(size=(2, 60, 1))
        times = SINCE + np.arange(60) * np.timedelta64(1, "h")
        whole, factors = tracker.advance(tracker.start(), times, predicted, base, actual)
        state: Adaptation = tracker.start()
        borders = [0, *sorted(set(cuts)), 60]
        for first, stop in pairwise(borders):
            rows = slice(first, stop)
            state, some = tracker.advance(
                state, times[rows], predicted[rows], base[rows], actual[rows]
            )
            np.testing.assert_array_equal(some, factors[rows])
        np.testing.assert_array_equal(state.log_factors, whole.log_factors)
        np.testing.assert_array_equal(state.predicted, whole.predicted)


def shifting(rows: int = 900) -> SeriesData:
    """An hourly walk whose steps grow threefold after three quarters."""
    generator = np.random.default_rng(0)
    steps = generator.normal(size=rows) * np.where(np.arange(rows) < rows * 3 // 4, 1, 3)
    times = np.datetime64("2024-01-01", "us") + np.arange(rows) * np.timedelta64(1, "h")
    values = 100 + steps.cumsum()[:, np.newaxis]
    return SeriesData("walk", "generic", (Channel("x"),), times, values, "1h", "continuous", "UTC")


SMALL: dict[str, Any] = {
    "horizon": 3,
    "layers": [{"cell": "gru", "units": 3}],
    "epochs": 1,
    "split": {"validation": 0.25, "test": 0.3},
}


@pytest.fixture(scope="module")
def trained() -> Trained:
    from models.training.train import train

    return train(Spec.model_validate(SMALL), shifting())


class TestForecaster:
    def test_streamed_bounds_equal_those_of_a_whole_pass(self, trained: Trained) -> None:
        forecaster, data = Forecaster.from_bundle(trained.bundle), shifting()
        whole = forecaster.outputs(data.times, data.values, levels=LEVELS)
        state = run_one(
            forecaster.advance(forecaster.initial_state(), data.times[:700], data.values[:700])
        )
        for row in (*range(700, 720), 899):
            since = 0 if state.time is None else int(np.searchsorted(data.times, state.time)) + 1
            state = State.from_bytes(state.to_bytes())
            state = run_one(
                forecaster.advance(state, data.times[since : row + 1], data.values[since : row + 1])
            )
            made = run_one(forecaster.forecast(state))
            assert made.lower is not None
            assert made.upper is not None
            np.testing.assert_allclose(made.lower, whole.lower[:, row], atol=1e-9)
            np.testing.assert_allclose(made.upper, whole.upper[:, row], atol=1e-9)

    def test_the_report_shows_that_they_followed_the_change(self, trained: Trained) -> None:
        metrics = trained.metrics
        assert metrics["validation"]["x"]["coverage_80"] == pytest.approx(80, abs=2)
        assert metrics["test"]["x"]["width_80"] > 1.3 * metrics["validation"]["x"]["width_80"]
        assert "coverage_80" not in metrics["train"]["x"]

    def test_without_a_validation_part_there_are_none(self) -> None:
        from models.training.train import train

        spec = Spec.model_validate({**SMALL, "split": {"validation": 0, "test": 0.1}})
        trained = train(spec, shifting())
        forecaster, data = Forecaster.from_bundle(trained.bundle), shifting()
        state = run_one(forecaster.advance(forecaster.initial_state(), data.times, data.values))
        assert run_one(forecaster.forecast(state)).lower is None
        assert "coverage_80" not in trained.metrics["test"]["x"]


def louder(rows: int = 3000) -> SeriesData:
    """An hourly series, y[t] = 0.8 y[t-1] + noise, whose noise is 2.5 times as wide after half."""
    noise = np.random.default_rng(0).normal(size=rows)
    noise[rows // 2 :] *= 2.5
    values = np.zeros(rows)
    for row in range(1, rows):
        values[row] = 0.8 * values[row - 1] + noise[row]
    return replace(shifting(rows), values=values[:, np.newaxis])


@pytest.fixture(scope="module")
def windowed() -> Trained:
    """Trained before the shift."""
    from models.training.train import train

    data, half = louder(), 1500
    fields = {"mode": "windowed", "lookback": 6, "steps_per_epoch": 20}
    quiet = replace(data, times=data.times[:half], values=data.values[:half])
    return train(Spec.model_validate({**SMALL, **fields}), quiet)


class TestWindowedForecaster:
    def test_coverage_comes_back_after_a_shift(self, windowed: Trained) -> None:
        artefact, data = read_bundle(windowed.bundle), louder()
        fixed = {**artefact.manifest["intervals"], "since": None}
        at = np.arange(2000, 2990)
        covered = []
        for intervals in (artefact.manifest["intervals"], fixed):
            manifest = {**artefact.manifest, "intervals": intervals}
            own = Forecaster(manifest, open_session(artefact.onnx))
            predicted = own.outputs(data.times, data.values, at=at, levels=[90])
            truth = predicted.actual[at[:, np.newaxis] + own.leads]
            covered.append(
                100 * np.mean((predicted.lower[0] <= truth) & (truth <= predicted.upper[0]))
            )
        assert covered[0] == pytest.approx(90, abs=3)
        assert covered[1] < 80

    @pytest.mark.parametrize("step", [1, 37])
    def test_streamed_bounds_equal_those_of_a_whole_pass(
        self, windowed: Trained, step: int
    ) -> None:
        forecaster, data = Forecaster.from_bundle(windowed.bundle), louder(1700)
        whole = forecaster.outputs(data.times, data.values, levels=LEVELS)
        state = forecaster.initial_state()
        for stop in (1560, *range(1560 + step, 1560 + 4 * step, step)):
            since = 0 if state.time is None else int(np.searchsorted(data.times, state.time)) + 1
            state = State.from_bytes(state.to_bytes())
            state = run_one(
                forecaster.advance(state, data.times[since:stop], data.values[since:stop])
            )
            made = run_one(forecaster.forecast(state))
            assert made.lower is not None
            assert made.upper is not None
            np.testing.assert_allclose(made.lower, whole.lower[:, stop - 1], atol=1e-5)
            np.testing.assert_allclose(made.upper, whole.upper[:, stop - 1], atol=1e-5)
        assert state.adaptation is not None
        assert np.abs(state.adaptation.log_factors).min() > 0

    def test_windows_before_their_time_are_not_read(
        self, windowed: Trained, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        forecaster, data = Forecaster.from_bundle(windowed.bundle), louder(1700)
        read: list[int] = []
        run = models.serving.batching.run_session

        def counted(session: Any, inputs: list[Any]) -> list[Any]:
            read.append(len(inputs[0]))
            return run(session, inputs)

        monkeypatch.setattr(models.serving.batching, "run_session", counted)
        state = run_one(
            forecaster.advance(forecaster.initial_state(), data.times[:-1], data.values[:-1])
        )
        since = np.datetime64(windowed.manifest["intervals"]["since"], "us")
        assert sum(read) == np.sum(data.times[:-1] >= since)
        read.clear()
        run_one(forecaster.advance(state, data.times[-1:], data.values[-1:]))
        assert read == [1]
