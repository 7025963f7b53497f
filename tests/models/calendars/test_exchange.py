"""Exchanges' calendars by hand: holidays, half days, pauses, clock changes, unknown days."""

import gzip
import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.calendars.child import read_hours
from models.arrays import Times
from models.calendars.cadence import Cadence
from models.calendars.calendar import calendar_from_json, learn_calendar
from models.calendars.exchange import Exchange
from models.calendars.exchange_hours import CLOSE, OPEN, PAUSE, RESUME, Hours
from models.calendars.timezones import to_local, to_utc
from models.errors import DataError
from models.grid.resampling import GridRule

pytestmark = pytest.mark.unit

MINUTE = np.timedelta64(1, "m")


@cache
def hours_of(code: str) -> Hours:
    """The library's own sessions: what a child process would say."""
    with warnings.catch_warnings():
        # It does not know the newest pandas yet.
        warnings.simplefilter("ignore")
        return read_hours(code)


def bars(code: str, first: str, last: str, minutes: int, *, by_close: bool = False) -> Times:
    """All bars of an exchange's sessions between two days, named by their open or close."""
    hours = hours_of(code)
    chosen = (hours.dates >= np.datetime64(first)) & (hours.dates <= np.datetime64(last))
    rows = []
    for marks in hours.marks[chosen]:
        bar = np.arange(marks[OPEN], marks[CLOSE], minutes * MINUTE)
        bar = bar[(bar < marks[PAUSE]) | (bar >= marks[RESUME])]
        rows.append(bar + minutes * MINUTE * by_close)
    return np.concatenate(rows)


def learnt(times: Times, cadence: str, code: str, timezone: str = "UTC") -> Exchange:
    """The calendar of a series of an exchange."""
    found = learn_calendar(times, Cadence.parse(cadence), code, timezone, hours_of(code))
    assert isinstance(found, Exchange)
    return found


def future(calendar: Exchange, after: str, count: int) -> list[str]:
    """The next rows as text, to the minute."""
    return [str(time)[:16] for time in calendar.future(np.datetime64(after, "us"), count)]


class TestIntraday:
    @pytest.mark.parametrize("by_close", [False, True])
    def test_new_york_keeps_its_holidays_half_days_and_clock(self, *, by_close: bool) -> None:
        rows = bars("XNYS", "2024-01-02", "2024-02-29", 30, by_close=by_close)
        calendar = learnt(rows, "30min", "XNYS")
        shift = 30 * MINUTE * by_close
        # The clock changes on Sunday, 10 March 2024: 9:30 is 14:30 before and 13:30 after it.
        friday, monday = calendar.future(np.datetime64("2024-03-08T20:45"), 2) - shift
        assert (str(friday), str(monday)) == (
            ("2024-03-08T20:30:00.000000", "2024-03-11T13:30:00.000000")
            if by_close
            else ("2024-03-11T13:30:00.000000", "2024-03-11T14:00:00.000000")
        )
        # Thanksgiving is closed; the day after closes at 13:00, which is 18:00 UTC.
        ahead = calendar.future(np.datetime64("2024-11-27T21:30"), 8) - shift
        assert str(ahead[0]) == "2024-11-29T14:30:00.000000"
        assert str(ahead[6]) == "2024-11-29T17:30:00.000000"
        assert str(ahead[7]) == "2024-12-02T14:30:00.000000"

    def test_tokyo_pauses_for_lunch_and_closes_later_since_november_2024(self) -> None:
        calendar = learnt(bars("XTKS", "2024-09-02", "2024-10-31", 30), "30min", "XTKS")
        # 11:00 is the last bar before lunch, 12:30 the first after it.
        assert future(calendar, "2024-10-31T01:45", 2) == ["2024-10-31T02:00", "2024-10-31T03:30"]
        assert future(calendar, "2024-10-31T05:15", 2) == ["2024-10-31T05:30", "2024-11-01T00:00"]
        # Monday the 4th is a holiday; from the 5th on trading ends at 15:30, not at 15:00.
        assert future(calendar, "2024-11-05T05:15", 3) == [
            "2024-11-05T05:30",
            "2024-11-05T06:00",
            "2024-11-06T00:00",
        ]

    def test_hong_kong_has_no_afternoon_on_christmas_eve(self) -> None:
        calendar = learnt(bars("XHKG", "2024-09-02", "2024-11-29", 60), "1h", "XHKG")
        assert future(calendar, "2024-12-24T00:00", 4) == [
            "2024-12-24T01:30",
            "2024-12-24T02:30",
            "2024-12-24T03:30",
            "2024-12-27T01:30",
        ]

    def test_bars_of_whole_hours_and_an_auction_before_the_open_are_learnt(self) -> None:
        hours = hours_of("XNYS")
        opens = hours.marks[(hours.dates >= np.datetime64("2024-06-03"))][:40, OPEN]
        # 9:00 alone, then 9:30, 10:00, 11:00 and so on up to 15:00.
        after_open = np.array([-30, 0, *range(30, 390, 60)]) * MINUTE
        rows = (opens[:, np.newaxis] + after_open).ravel()
        calendar = learnt(rows, "1h", "XNYS")
        assert calendar.season_steps == 8
        assert future(calendar, "2024-11-29T00:00", 6) == [
            "2024-11-29T14:00",
            "2024-11-29T14:30",
            "2024-11-29T15:00",
            "2024-11-29T16:00",
            "2024-11-29T17:00",
            "2024-12-02T14:00",
        ]

    def test_sessions_that_meet_share_no_bar(self) -> None:
        # Chicago's futures trade around the clock from Sunday to Friday, 23:00 to 23:00.
        for by_close in (False, True):
            rows = bars("CMES", "2024-01-02", "2024-05-31", 60, by_close=by_close)
            calendar = learnt(rows, "1h", "CMES")
            places = calendar.index_at_or_before(rows)
            assert (np.diff(places) == 1).all()
            np.testing.assert_array_equal(calendar.labels(places), rows)

    def test_a_few_rows_are_enough_to_know_a_whole_session(self) -> None:
        rows = bars("XNYS", "2024-05-01", "2024-05-01", 60)[:2]
        calendar = learnt(rows, "1h", "XNYS")
        assert future(calendar, str(rows[-1]), 6)[-2:] == ["2024-05-01T19:30", "2024-05-02T13:30"]

    def test_minutes_of_the_nifty_stand_at_its_own_times(self, shared_data: Path) -> None:
        with gzip.open(shared_data / "nifty_1min_2022_ddmmyyyy.csv.gz", "rt") as lines:
            texts = [line.split(",")[0] for line in lines][1:]
        wall = [f"{text[6:10]}-{text[3:5]}-{text[:2]}T{text[11:]}" for text in texts]
        nifty = to_utc(np.array(wall, "datetime64[us]"), "Asia/Kolkata")
        hours = hours_of("XBOM")
        calendar = learn_calendar(nifty, Cadence.parse("1min"), "XBOM", "Asia/Kolkata", hours)
        # Monday, 2 January 2023: 9:08 alone, then 9:16 Indian time.
        assert calendar.season_steps == 378
        found = calendar.future(nifty[-1], 3).astype("datetime64[m]").astype(str).tolist()
        assert found == ["2023-01-02T03:38", "2023-01-02T03:46", "2023-01-02T03:47"]


class TestDaily:
    @pytest.mark.parametrize(
        ("zone", "series_zone"),
        [("UTC", "UTC"), ("America/New_York", "UTC"), ("America/New_York", "America/New_York")],
    )
    def test_days_are_those_of_the_sessions(self, zone: str, series_zone: str) -> None:
        hours = hours_of("XNYS")
        days = hours.dates[(hours.dates >= np.datetime64("2023-01-01"))][:300]
        rows = to_utc(days.astype("datetime64[us]"), zone)
        calendar = learnt(rows, "B", "XNYS", series_zone)
        assert calendar.season_steps == 5
        ahead = to_local(calendar.future(np.datetime64("2024-12-23T12:00"), 4), zone)
        assert ahead.astype("datetime64[D]").astype(str).tolist() == [
            "2024-12-24",
            "2024-12-26",
            "2024-12-27",
            "2024-12-30",
        ]

    @pytest.mark.parametrize(
        ("bars_are_named_by_their_open", "ahead"),
        [
            # Labels are the midnights that end a day: of the 26th, the 27th, and of Friday.
            (False, ["2024-11-27", "2024-11-28", "2024-11-30", "2024-12-03"]),
            # Labels are the last bars that a day can have.
            (True, ["2024-11-26", "2024-11-27", "2024-11-29", "2024-12-02"]),
        ],
    )
    def test_days_made_of_minutes_end_with_their_session(
        self, ahead: list[str], *, bars_are_named_by_their_open: bool
    ) -> None:
        rows = bars("XNYS", "2024-10-01", "2024-11-26", 30)
        hours, zone, half = hours_of("XNYS"), "America/New_York", Cadence.parse("30min")
        fine = learn_calendar(rows, half, "XNYS", zone, hours)
        rule = GridRule(half, Cadence.parse("1D"), fine, (), "last", bars_are_named_by_their_open)
        grid = rule.row_times(rows)
        found = to_local(rule.row_calendar(grid).future(grid[-1], 4), zone)
        assert found.astype("datetime64[D]").astype(str).tolist() == ahead

    def test_weeks_are_no_sessions(self) -> None:
        rows = np.arange("2024-01-05", "2024-06-01", 7, "datetime64[D]").astype("datetime64[us]")
        calendar = learn_calendar(rows, Cadence.parse("7D"), "XNYS", "UTC", hours_of("XNYS"))
        assert calendar.to_json()["kind"] == "continuous"


class TestUnknownDays:
    def test_a_usual_week_follows_what_is_known(self) -> None:
        known = hours_of("XBOM").last_day
        days = hours_of("XBOM").dates[-300:].astype("datetime64[us]")
        calendar = learnt(days, "B", "XBOM")
        ahead = calendar.future(known.astype("datetime64[us]") + 400 * 1440 * MINUTE, 10)
        weekdays = (ahead.astype("datetime64[D]").astype(np.int64) + 3) % 7
        assert sorted(set(weekdays.tolist())) == [0, 1, 2, 3, 4]
        assert (ahead[5:] - ahead[:-5] == 7 * 1440 * MINUTE).all()

    def test_rows_from_before_what_is_known_have_numbers_too(self) -> None:
        old = np.arange("1980-01-07", "1980-02-02", dtype="datetime64[D]")
        old = old[np.is_busday(old)].astype("datetime64[us]")
        calendar = learnt(np.append(old, np.datetime64("1990-01-02T00:00")), "B", "XNYS")
        places = calendar.index_at_or_before(old)
        assert (np.diff(places) == 1).all()
        assert (places < 0).all()
        np.testing.assert_array_equal(calendar.labels(places), old)

    def test_sessions_that_are_known_later_take_the_place_of_usual_ones(self) -> None:
        hours = hours_of("XNYS")
        early = hours.dates < np.datetime64("2024-12-01")
        then = Hours(
            hours.code,
            hours.timezone,
            hours.first_day,
            np.datetime64("2024-11-30"),
            hours.dates[early],
            hours.marks[early],
        )
        rows = hours.dates[early][-300:].astype("datetime64[us]")
        calendar = learn_calendar(rows, Cadence.parse("B"), "XNYS", "UTC", then)
        assert isinstance(calendar, Exchange)
        assert future(calendar, "2024-12-24", 1) == ["2024-12-25T00:00"]
        assert future(calendar.with_hours(hours), "2024-12-24", 1) == ["2024-12-26T00:00"]


@st.composite
def series(draw: st.DrawFn) -> tuple[str, str, Times]:
    """Bars of some exchange, over some months."""
    code = draw(st.sampled_from(["XNYS", "XTKS", "XHKG", "CMES"]))
    first = np.datetime64("2003-01-01") + draw(st.integers(0, 8_000))
    minutes = draw(st.sampled_from([15, 30, 60]))
    rows = bars(code, str(first), str(first + 90), minutes, by_close=draw(st.booleans()))
    return code, f"{minutes}min", rows


class TestEveryCalendar:
    @settings(max_examples=25, deadline=None)
    @given(given_series=series(), days=st.integers(0, 9_000), count=st.integers(1, 400))
    def test_forecast_times_appended_as_rows_leave_no_gap(
        self, given_series: tuple[str, str, Times], days: int, count: int
    ) -> None:
        code, cadence, rows = given_series
        calendar = learnt(rows, cadence, code)
        after = rows[-1] + days * 1440 * MINUTE
        ahead = calendar.future(after, count)
        assert ahead.shape == (count,)
        assert ahead[0] > after
        assert (np.diff(ahead) > np.timedelta64(0)).all()
        places = calendar.index_at_or_before(ahead)
        assert (np.diff(places) == 1).all()
        np.testing.assert_array_equal(calendar.labels(places), ahead)
        assert (calendar.index_at_or_before(ahead - np.timedelta64(1, "us")) == places - 1).all()

    @settings(max_examples=15, deadline=None)
    @given(
        code=st.sampled_from(["XNYS", "XTKS", "CMES"]),
        cadence=st.sampled_from(["1s", "1min", "7min", "1h", "5h", "12h", "1D", "B"]),
        zone=st.sampled_from(["UTC", "Europe/Berlin"]),
        first=st.integers(5_000, 20_000),
        minutes=st.lists(st.integers(1, 100_000), max_size=30),
    )
    def test_rows_of_any_kind_have_a_next_row(
        self, code: str, cadence: str, zone: str, first: int, minutes: list[int]
    ) -> None:
        steps = np.cumsum([first * 1440, *minutes])
        rows = np.datetime64("1970-01-01", "us") + steps * MINUTE
        calendar = learnt(rows, cadence, code, zone)
        ahead = calendar.future(rows[-1], 50)
        assert ahead[0] > rows[-1]
        assert (np.diff(ahead) > np.timedelta64(0)).all()
        places = calendar.index_at_or_before(rows)
        assert (np.diff(places) >= 0).all()
        assert (calendar.labels(places) <= rows).all()
        assert (calendar.labels(places + 1) > rows).all()

    def test_it_comes_back_from_json_as_it_was(self) -> None:
        calendar = learnt(bars("XHKG", "2024-09-02", "2024-11-29", 60), "1h", "XHKG")
        again = calendar_from_json(json.loads(json.dumps(calendar.to_json())))
        assert again.to_json() == calendar.to_json()
        after = np.datetime64("2024-12-20T00:00", "us")
        np.testing.assert_array_equal(again.future(after, 100), calendar.future(after, 100))

    def test_sessions_out_of_order_are_refused(self) -> None:
        hours = hours_of("XNYS")
        with pytest.raises(DataError, match="must follow each other"):
            Hours("X", "UTC", hours.first_day, hours.last_day, hours.dates[:2], hours.marks[1::-1])
