"""Sensors whose steps differ by a jitter, with known steps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Times
from models.calendars.cadence import Cadence, infer_cadence
from models.calendars.calendar import Continuous, calendar_from_json, learn_calendar

pytestmark = pytest.mark.unit

START = np.datetime64("2023-03-01", "us")


def sensor(cadence: str, share: float, rows: int = 2_000, seed: int = 0, phase: int = 0) -> Times:
    """Rows at most `share` of a step away from whole steps, in milliseconds."""
    step = Cadence.parse(cadence).count
    away = np.random.default_rng(seed).uniform(-share, share, rows) * step // 1000 * 1000
    moments = np.arange(rows) * step + step + phase + away.astype(np.int64)
    return START + moments.astype("timedelta64[us]")


def drifting(step_microseconds: int, rows: int = 1_000) -> Times:
    """Rows of a timer that is a little late or early each time."""
    return START + (np.arange(rows) * step_microseconds).astype("timedelta64[us]")


def learnt(times: Times, cadence: str) -> Continuous:
    calendar = learn_calendar(times, Cadence.parse(cadence), "continuous", "UTC")
    assert isinstance(calendar, Continuous)
    return calendar


class TestCadence:
    @given(
        cadence=st.sampled_from(["1s", "10s", "30s", "1min", "5min", "15min", "1h", "6h", "1D"]),
        share=st.floats(0.001, 0.1),
        seed=st.integers(0, 1000),
    )
    def test_the_step_that_is_meant_is_found(self, cadence: str, share: float, seed: int) -> None:
        evidence = infer_cadence(sensor(cadence, share, 500, seed))
        assert evidence.cadence == Cadence.parse(cadence)
        seconds = Cadence.parse(cadence).count / 1e6
        assert 0 < evidence.jitter_seconds <= 2 * share * seconds + 0.001
        assert (evidence.gaps, evidence.share) == (0, 1.0)

    @pytest.mark.parametrize(
        ("microseconds", "cadence"),
        [(301_001_000, "5min"), (60_500_000, "1min"), (10_003_000, "10s"), (899_990_000, "15min")],
    )
    def test_a_timer_that_drifts_has_the_step_that_is_meant(
        self, microseconds: int, cadence: str
    ) -> None:
        assert infer_cadence(drifting(microseconds)).cadence == Cadence.parse(cadence)

    @pytest.mark.parametrize(
        ("microseconds", "cadence"),
        [(420_000_000, "7min"), (301_000_000, "301s"), (1_500_000, "1500ms"), (33_000, "33ms")],
    )
    def test_exact_steps_stay_as_they_are(self, microseconds: int, cadence: str) -> None:
        evidence = infer_cadence(drifting(microseconds))
        assert (evidence.cadence, evidence.jitter_seconds) == (Cadence.parse(cadence), 0)

    def test_missing_rows_are_gaps(self) -> None:
        times = np.delete(sensor("1min", 0.04), [100, 500, 501])
        evidence = infer_cadence(times)
        assert (evidence.cadence, evidence.gaps) == (Cadence.parse("1min"), 2)
        assert evidence.longest_gap_seconds == pytest.approx(180, abs=5)

    def test_random_times_have_no_cadence(self) -> None:
        steps = np.random.default_rng(1).exponential(60_000, 3_000).astype(np.int64) + 1
        assert infer_cadence(START + np.cumsum(steps) * np.timedelta64(1, "ms")).cadence is None


class TestCalendar:
    @given(share=st.floats(0.01, 0.2), phase=st.integers(0, 59), seed=st.integers(0, 100))
    def test_each_row_has_a_step_of_its_own(self, share: float, phase: int, seed: int) -> None:
        times = sensor("1min", share, 600, seed, phase * 1_000_000)
        calendar = learnt(times, "1min")
        rows = calendar.nearest(times)
        assert calendar.rounds
        assert (np.diff(rows) == np.timedelta64(1, "m")).all()
        assert np.abs(rows - times).max() <= np.timedelta64(int(share * 60) + 2, "s")

    def test_minutes_around_the_full_minute_are_full_minutes(self) -> None:
        times = sensor("1min", 0.04)
        calendar = learnt(times, "1min")
        assert calendar.offset_microseconds == 0
        ahead = calendar.future(calendar.nearest(times)[-1], 2)
        assert ahead.tolist() == (START + np.array([2001, 2002]) * np.timedelta64(1, "m")).tolist()

    def test_a_drift_leaves_a_step_empty_now_and_then(self) -> None:
        times = drifting(301_001_000)
        rows = learnt(times, "5min").nearest(times)
        steps = np.diff(rows) // np.timedelta64(5, "m")
        assert sorted(set(steps.tolist())) == [1, 2]
        assert (steps == 2).sum() == 3

    def test_rows_between_the_steps_are_not_a_jitter(self) -> None:
        hours = START + np.arange(1_000) * np.timedelta64(1, "h")
        halves = hours[::25] + np.timedelta64(30, "m")
        assert not learnt(np.sort(np.concatenate([hours, halves])), "1h").rounds

    def test_rounding_is_stored_with_the_calendar(self) -> None:
        calendar = learnt(sensor("1min", 0.04), "1min")
        assert calendar_from_json(calendar.to_json()) == calendar
        stored = {name: each for name, each in calendar.to_json().items() if name != "rounds"}
        again = calendar_from_json(stored)
        assert isinstance(again, Continuous)
        assert not again.rounds
