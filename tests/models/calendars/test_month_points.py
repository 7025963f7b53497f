"""Months, quarters and years by hand: any day of them, business days, what is learnt of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.series.gaps import describe_gaps
from models.arrays import Times
from models.calendars.cadence import Cadence, infer_cadence
from models.calendars.calendar import Continuous, calendar_from_json, learn_calendar
from models.calendars.timezones import find_zone, to_local, to_utc

pytestmark = pytest.mark.unit


def days(*texts: str) -> Times:
    return np.array(texts, "datetime64[us]")


def every(step: int, first: str, last: str, day: int) -> Times:
    """A day of every `step` months, or the last day of a month that is too short for it."""
    months = np.arange(first, last, step, "datetime64[M]")
    wanted = months.astype("datetime64[D]") + day - 1
    return np.minimum(wanted, (months + 1).astype("datetime64[D]") - 1).astype("datetime64[us]")


def business(months: Times, roll: str) -> Times:
    edge = months.astype("datetime64[M]") + (roll == "backward")
    found = edge.astype("datetime64[D]") - (roll == "backward")
    return np.busday_offset(found, 0, roll=roll).astype("datetime64[us]")  # type: ignore[call-overload]


MONTHS = every(1, "2020-01", "2024-01", 1)


class TestSpelling:
    @pytest.mark.parametrize(
        ("text", "first", "second"),
        [
            # 1 and 2 August 2026 are a Saturday and a Sunday; 31 May 2026 is a Sunday.
            ("BMS", "2026-08-03", "2026-09-01"),
            ("BME", "2026-05-29", "2026-06-30"),
            ("BQE", "2024-03-29", "2024-06-28"),
            ("BYS", "2028-01-03", "2029-01-01"),
        ],
    )
    def test_business_days_of_months(self, text: str, first: str, second: str) -> None:
        cadence = Cadence.parse(text)
        assert cadence.text == text
        near = cadence.index_at_or_after(days(first) - np.timedelta64(1, "D"))
        labels = cadence.labels(near + np.arange(2))
        np.testing.assert_array_equal(labels, days(first, second))
        assert cadence.index_at_or_before(labels).tolist() == [near[0], near[0] + 1]


class TestLearnt:
    @pytest.mark.parametrize(
        ("times", "text", "ahead"),
        [
            (every(1, "2020-01", "2024-01", 31), "ME", ["2024-01-31", "2024-02-29", "2024-03-31"]),
            (every(1, "2020-01", "2024-01", 15), "MS", ["2024-01-15", "2024-02-15", "2024-03-15"]),
            (every(1, "2020-01", "2024-01", 30), "MS", ["2024-01-30", "2024-02-29", "2024-03-30"]),
            (business(MONTHS, "backward"), "BME", ["2024-01-31", "2024-02-29", "2024-03-29"]),
            (business(MONTHS, "forward"), "BMS", ["2024-01-01", "2024-02-01", "2024-03-01"]),
            (every(3, "2020-02", "2024-01", 1), "QS", ["2024-02-01", "2024-05-01", "2024-08-01"]),
            (every(3, "2020-01", "2024-01", 31), "QE", ["2024-01-31", "2024-04-30", "2024-07-31"]),
            (every(12, "1990-07", "2024-01", 1), "YS", ["2024-07-01", "2025-07-01", "2026-07-01"]),
            (every(12, "1990-02", "2024-01", 29), "YE", ["2024-02-29", "2025-02-28", "2026-02-28"]),
        ],
        ids=lambda value: value if isinstance(value, str) else None,
    )
    def test_forecasts_go_on_as_the_rows_do(
        self, times: Times, text: str, ahead: list[str]
    ) -> None:
        evidence = infer_cadence(times)
        assert evidence.cadence == Cadence.parse(text)
        calendar = learn_calendar(times, Cadence.parse(text), "continuous", "UTC")
        np.testing.assert_array_equal(calendar.future(times[-1], 3), days(*ahead))
        np.testing.assert_array_equal(calendar.labels(calendar.index_at_or_before(times)), times)
        again = calendar_from_json(calendar.to_json())
        np.testing.assert_array_equal(again.future(times[-1], 3), days(*ahead))
        assert len(describe_gaps(times, "UTC").seconds) == 0
        assert len(describe_gaps(np.delete(times, 5), "UTC").seconds) == 1


class TestEveryContinuousCalendar:
    ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
    STEPS = ("10min", "1h", "6h", "1D", "7D", "B", "MS", "ME", "QS", "BME", "YS")

    @settings(max_examples=60, deadline=None)
    @given(
        step=st.sampled_from(STEPS),
        zone=st.sampled_from(ZONES),
        start=st.integers(0, 20_000),
        hours=st.integers(0, 23),
        later_days=st.integers(0, 30),
        count=st.integers(1, 60),
    )
    def test_forecast_times_appended_as_rows_leave_no_gap(
        self, *, step: str, zone: str, start: int, hours: int, later_days: int, count: int
    ) -> None:
        cadence = Cadence.parse(step)
        find_zone(zone)
        first = np.datetime64("1975-01-01T00:00", "us") + np.timedelta64(start, "D")
        points = cadence.labels(cadence.index_at_or_after(first[np.newaxis]) + np.arange(40))
        # Rows stand at one local time, on one day of the week, month or quarter. Clocks change
        # in the night: a time that is skipped would be no series of that time.
        moved = later_days if step in ("7D", "MS", "QS", "YS") else 0
        moved = min(moved, 6 if step == "7D" else 27)
        wall = points + np.timedelta64(moved, "D") + np.timedelta64(60 * (4 + hours % 20), "m")
        history = to_utc(wall, zone) if cadence.counts_days else points
        calendar = learn_calendar(history, cadence, "continuous", zone)
        assert isinstance(calendar, Continuous)
        ahead = calendar.future(history[-1], count)
        assert ahead.shape == (count,)
        both = np.concatenate([history, ahead])
        assert (np.diff(both) > np.timedelta64(0)).all()
        assert (np.diff(calendar.index_at_or_before(both)) == 1).all()
        # Reports of files count the week-ends between business days.
        assert step == "B" or len(describe_gaps(both, zone).seconds) == 0
        if cadence.counts_days:
            clock = to_local(both, zone) - to_local(both, zone).astype("datetime64[D]")
            assert len(np.unique(clock)) == 1
