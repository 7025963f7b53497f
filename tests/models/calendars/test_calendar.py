"""Calendars by hand: steps over clock changes, and sessions learnt from real markets."""

import csv
import gzip
import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Times
from models.calendars.cadence import Cadence
from models.calendars.calendar import (
    Calendar,
    Continuous,
    Sessions,
    calendar_from_json,
    learn_calendar,
)
from models.calendars.timezones import to_utc
from models.errors import DataError

pytestmark = pytest.mark.unit


def times(*texts: str) -> Times:
    return np.array(texts, dtype="datetime64[us]")


def future(calendar: Calendar, after: str, count: int) -> list[str]:
    found = calendar.future(np.datetime64(after, "us"), count)
    return [str(time)[:16] for time in found]


def sessions(days: Times, *bars: str) -> Times:
    """Every bar of every day, as local times."""
    spans = [np.datetime64(f"1970-01-01T{bar}", "us") - np.datetime64("1970-01-01") for bar in bars]
    return (days[:, None] + np.array(spans)).ravel()


def weekdays(first: str, count: int) -> Times:
    days = np.busday_offset(first, np.arange(count), roll="forward")
    return days.astype("datetime64[us]")


class TestContinuous:
    def test_rows_follow_each_other_by_the_step(self) -> None:
        calendar = learn_calendar(times("2020-01-01"), Cadence.parse("10min"), "continuous", "UTC")
        assert future(calendar, "2020-01-01T23:50", 2) == ["2020-01-02T00:00", "2020-01-02T00:10"]

    def test_a_moment_between_rows_is_followed_by_the_next_row(self) -> None:
        calendar = Continuous(Cadence.parse("1h"))
        assert future(calendar, "2020-01-01T00:01", 1) == ["2020-01-01T01:00"]

    def test_a_weekly_series_keeps_its_saturdays(self) -> None:
        saturdays = np.datetime64("1958-03-29", "us") + np.arange(20) * np.timedelta64(7, "D")
        calendar = learn_calendar(saturdays, Cadence.parse("7D"), "continuous", "UTC")
        assert future(calendar, "1958-08-09", 2) == ["1958-08-16T00:00", "1958-08-23T00:00"]

    def test_months_named_by_their_middle_keep_it(self) -> None:
        stamps = times("2020-01-15", "2020-02-15", "2020-03-15", "2020-04-15")
        calendar = learn_calendar(stamps, Cadence.parse("MS"), "continuous", "UTC")
        assert future(calendar, "2020-04-15", 1) == ["2020-05-15T00:00"]

    def test_days_begin_at_local_midnight_on_both_sides_of_a_clock_change(self) -> None:
        midnights = times("2024-03-27T23:00", "2024-03-28T23:00", "2024-03-29T23:00")
        calendar = learn_calendar(midnights, Cadence.parse("1D"), "continuous", "Europe/Berlin")
        assert future(calendar, "2024-03-29T23:00", 2) == ["2024-03-30T23:00", "2024-03-31T22:00"]

    @given(
        text=st.sampled_from(["1D", "7D", "B", "MS", "1h"]),
        hour=st.integers(0, 23),
        minutes=st.integers(0, 20_000_000),
    )
    def test_points_enclose_every_moment_in_any_zone(
        self, text: str, hour: int, minutes: int
    ) -> None:
        calendar = Continuous(Cadence.parse(text), hour * 3_600_000_000, "Europe/Berlin")
        time = times("1990-01-01") + np.timedelta64(minutes, "m")
        before, after = calendar.index_at_or_before(time), calendar.index_at_or_after(time)
        assert calendar.labels(before) <= time <= calendar.labels(after)
        assert calendar.labels(after - 1) < time < calendar.labels(before + 1)


class TestSessions:
    def test_the_bar_after_the_last_of_a_day_is_the_first_of_the_next_session(self) -> None:
        rows = sessions(weekdays("2024-01-01", 40), "09:30", "09:31", "09:32")
        calendar = learn_calendar(rows, Cadence.parse("1min"), "sessions", "UTC")
        assert future(calendar, "2024-02-23T09:32", 2) == ["2024-02-26T09:30", "2024-02-26T09:31"]
        assert future(calendar, "2024-02-23T09:31", 2) == ["2024-02-23T09:32", "2024-02-26T09:30"]
        assert future(calendar, "2024-02-24T12:00", 1) == ["2024-02-26T09:30"]

    def test_bars_and_weekdays_seen_rarely_are_not_expected(self) -> None:
        usual = sessions(weekdays("2024-01-01", 40), "09:30", "09:31")
        odd = times("2024-02-17T09:30", "2024-02-19T18:00")
        calendar = learn_calendar(
            np.sort(np.append(usual, odd)), Cadence.parse("1min"), "sessions", "UTC"
        )
        assert future(calendar, "2024-02-16T09:31", 3) == [
            "2024-02-19T09:30",
            "2024-02-19T09:31",
            "2024-02-20T09:30",
        ]

    def test_weekdays_keep_their_own_hours(self) -> None:
        sundays = np.datetime64("2024-01-07", "us") + np.arange(8) * np.timedelta64(7, "D")
        rows = np.sort(
            np.append(
                sessions(weekdays("2024-01-01", 40), "00:00", "12:00"), sessions(sundays, "22:00")
            )
        )
        calendar = learn_calendar(rows, Cadence.parse("12h"), "sessions", "UTC")
        assert future(calendar, "2024-02-23T12:00", 2) == ["2024-02-25T22:00", "2024-02-26T00:00"]

    def test_two_days_of_rows_expect_monday_after_friday(self) -> None:
        rows = sessions(times("2024-02-22", "2024-02-23"), "09:30", "09:31")
        calendar = learn_calendar(rows, Cadence.parse("1min"), "sessions", "UTC")
        assert future(calendar, "2024-02-23T09:31", 1) == ["2024-02-26T09:30"]

    def test_sessions_keep_local_hours_over_a_clock_change(self) -> None:
        rows = to_utc(sessions(weekdays("2024-01-01", 49), "09:30", "15:59"), "America/New_York")
        calendar = learn_calendar(rows, Cadence.parse("1min"), "sessions", "America/New_York")
        assert str(rows[-1])[:16] == "2024-03-07T20:59"
        assert future(calendar, "2024-03-08T20:59", 1) == ["2024-03-11T13:30"]

    def test_daily_rows_come_on_usual_weekdays(self) -> None:
        calendar = learn_calendar(weekdays("2024-01-01", 40), Cadence.parse("B"), "sessions", "UTC")
        assert future(calendar, "2024-02-23", 3) == [
            "2024-02-26T00:00",
            "2024-02-27T00:00",
            "2024-02-28T00:00",
        ]
        assert calendar.season_steps == 5

    def test_weekly_rows_of_a_market_are_continuous(self) -> None:
        fridays = np.datetime64("2024-01-05", "us") + np.arange(8) * np.timedelta64(7, "D")
        calendar = learn_calendar(fridays, Cadence.parse("7D"), "sessions", "UTC")
        assert future(calendar, "2024-02-23", 1) == ["2024-03-01T00:00"]

    @given(hour=st.integers(0, 24 * 500), count=st.integers(0, 40))
    def test_the_future_increases_and_has_the_asked_length(self, hour: int, count: int) -> None:
        hours = np.arange(24 * 28) * np.timedelta64(1, "h") + np.datetime64("2024-01-01", "us")
        calendar = learn_calendar(hours, Cadence.parse("1h"), "sessions", "Europe/Berlin")
        after = np.datetime64("2024-01-01", "us") + np.timedelta64(hour, "h")
        found = calendar.future(after, count)
        assert len(found) == count
        assert (np.diff(np.append(after, found)) > np.timedelta64(0)).all()


class TestJson:
    @pytest.mark.parametrize("kind", ["continuous", "sessions"])
    def test_a_calendar_comes_back_as_it_was(self, kind: str) -> None:
        rows = sessions(weekdays("2024-01-01", 40), "09:30", "09:31")
        calendar = learn_calendar(rows, Cadence.parse("1min"), kind, "Asia/Kolkata")
        data = json.loads(json.dumps(calendar.to_json()))
        again = calendar_from_json(data)
        assert again.to_json() == calendar.to_json()
        assert future(again, "2024-02-23T09:31", 5) == future(calendar, "2024-02-23T09:31", 5)

    def test_weekdays_with_the_same_hours_are_written_once(self) -> None:
        rows = sessions(weekdays("2024-01-01", 40), "00:01")
        data = learn_calendar(rows, Cadence.parse("B"), "sessions", "UTC").to_json()
        assert data["sessions"] == [
            {"weekdays": [0, 1, 2, 3, 4], "bars_microseconds": [60_000_000]}
        ]

    def test_an_unknown_kind_is_refused(self) -> None:
        with pytest.raises(DataError, match='Received: "lunar"'):
            calendar_from_json({"kind": "lunar", "cadence": "1h", "timezone": "UTC"})


class TestLearning:
    def test_an_unknown_calendar_is_refused(self) -> None:
        with pytest.raises(DataError, match='Received: "XNSE"'):
            learn_calendar(times("2024-01-01"), Cadence.parse("1min"), "XNSE", "UTC")

    def test_no_rows_teach_nothing(self) -> None:
        with pytest.raises(DataError, match="at least 1 row"):
            learn_calendar(times(), Cadence.parse("1min"), "sessions", "UTC")


class TestRealMarkets:
    def test_nifty_opens_before_its_minutes_begin(self, shared_data: Path) -> None:
        with gzip.open(shared_data / "nifty_1min_2022_ddmmyyyy.csv.gz", "rt") as lines:
            stamps = [row[0] for row in csv.reader(lines)][1:]
        local = parse(stamps, "%d-%m-%Y %H:%M")
        calendar = learn_calendar(
            to_utc(local, "Asia/Kolkata"), Cadence.parse("1min"), "sessions", "Asia/Kolkata"
        )
        assert isinstance(calendar, Sessions)
        # Friday 2022-12-30 15:32 in India is 10:02 UTC; the pre-open bar is at 09:08, 03:38 UTC.
        assert future(calendar, "2022-12-30T10:02", 3) == [
            "2023-01-02T03:38",
            "2023-01-02T03:46",
            "2023-01-02T03:47",
        ]
        # After the festival's evening session of Monday 2022-10-24 comes Tuesday's pre-open bar.
        assert future(calendar, "2022-10-24T13:48", 1) == ["2022-10-25T03:38"]
        assert calendar.season_steps == 378

    def test_apple_trades_from_monday_to_friday(self, shared_data: Path) -> None:
        with (shared_data / "aapl_daily_2000_2020.csv").open() as lines:
            stamps = [row[0] for row in csv.reader(lines)][1:]
        rows = parse(stamps, "%d-%m-%Y")
        calendar = learn_calendar(rows, Cadence.parse("B"), "sessions", "UTC")
        assert future(calendar, "2020-12-31", 2) == ["2021-01-01T00:00", "2021-01-04T00:00"]


def parse(stamps: list[str], form: str) -> Times:
    moments = {datetime.strptime(stamp, form) for stamp in stamps}  # noqa: DTZ007 - files have no zone
    return np.array(sorted(moments), dtype="datetime64[us]")
