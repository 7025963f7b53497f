"""Usual times: rows off the grid, finer than the cadence or while the calendar is closed."""

import numpy as np
import pytest

from app.ingest.plausibility.usual_times import UsualTimes
from models.arrays import Times
from models.calendars.cadence import infer_cadence
from models.calendars.calendar import learn_calendar
from models.calendars.exchange_hours import Hours
from models.calendars.timezones import to_utc

pytestmark = pytest.mark.unit

NEW_YORK = "America/New_York"


def at(text: str) -> Times:
    return np.array([text], "datetime64[us]")


def steps(first: str, step: str, rows: int) -> Times:
    count, unit = step.split()
    return at(first) + np.arange(rows) * np.timedelta64(int(count), unit)


def months(first: str, rows: int) -> Times:
    return (np.datetime64(first, "M") + np.arange(rows)).astype("datetime64[us]")


def weekdays(first: str, days: int, which: int) -> Times:
    found = np.datetime64(first, "D") + np.arange(days)
    numbers = (found.astype(np.int64) + 3) % 7
    return found[numbers < which].astype("datetime64[us]")


def learn(
    times: Times, calendar: str = "continuous", timezone: str = "UTC", hours: Hours | None = None
) -> UsualTimes:
    cadence = infer_cadence(times, timezone).cadence
    assert cadence is not None
    return UsualTimes.of(times, cadence.text, calendar, timezone, hours)


def off_grid(usual: UsualTimes, text: str) -> bool:
    return bool(usual.broken_by(at(text)).off_grid[0])


def closed(usual: UsualTimes, times: Times) -> bool:
    return bool(usual.broken_by(times).closed[0])


@pytest.mark.parametrize(
    ("times", "on", "off"),
    [
        (steps("2023-03-01T00:00", "1 h", 100), "2023-03-05T06:00", "2023-03-05T05:30"),
        (steps("2023-03-01T00:07", "1 h", 100), "2023-03-05T06:07", "2023-03-05T06:00"),
        (steps("2023-03-01T00:05", "10 m", 100), "2023-03-02T00:15", "2023-03-02T00:20"),
        (steps("2023-03-01T00:00", "15 s", 50), "2023-03-02T00:00:45", "2023-03-02T00:00:50"),
        (steps("2023-03-01T00:00", "1 D", 100), "2023-07-01T00:00", "2023-07-01T12:00"),
        (steps("2023-03-04T00:00", "7 D", 50), "2024-03-02T00:00", "2024-03-03T00:00"),
        (months("2015-01", 80), "2022-09-01T00:00", "2022-09-15T00:00"),
        (months("2015-01", 80) - np.timedelta64(1, "D"), "2022-09-30T00:00", "2022-09-29T00:00"),
    ],
)
def test_rows_between_steps_are_off_the_grid(times: Times, on: str, off: str) -> None:
    usual = learn(times)
    assert not off_grid(usual, on)
    assert off_grid(usual, off)


def test_days_of_a_zone_are_on_its_midnights() -> None:
    times = to_utc(steps("2023-01-01T00:00", "1 D", 200), NEW_YORK)
    usual = learn(times, timezone=NEW_YORK)
    assert not off_grid(usual, "2023-07-22T04:00")
    assert not off_grid(usual, "2023-12-22T05:00")
    assert off_grid(usual, "2023-07-22T05:00")


def test_rows_with_jitter_have_no_grid_but_a_least_step() -> None:
    jitter = np.random.default_rng(0).integers(-4_000_000, 4_000_000, 500)
    times = steps("2023-03-01T00:00", "1 m", 500) + jitter.astype("timedelta64[us]")
    usual = UsualTimes.of(times, "1min", "continuous", "UTC", None)
    assert not usual.has_grid
    assert usual.least_step == 30_000_000


def test_few_rows_prove_nothing() -> None:
    usual = learn(steps("2023-03-01T00:00", "1 h", 9))
    assert (usual.has_grid, usual.has_hours, usual.least_step) == (False, False, None)


@pytest.mark.parametrize(
    ("which", "open_day", "closed_day"),
    [(5, "2023-04-03", "2023-04-01"), (6, "2023-04-01", "2023-04-02")],
)
def test_weekdays_without_rows_are_closed(which: int, open_day: str, closed_day: str) -> None:
    usual = learn(weekdays("2023-02-06", 50, which), "sessions")
    assert not closed(usual, at(open_day))
    assert closed(usual, at(closed_day))


def test_hours_without_rows_are_closed_after_three_weeks_only() -> None:
    days = weekdays("2023-02-06", 60, 5)
    minutes = np.arange(555, 930).astype("timedelta64[m]")
    times = (days[:, np.newaxis] + minutes).reshape(-1)
    long, short = learn(times, "sessions"), learn(times[: 10 * 375], "sessions")
    assert not closed(long, at("2023-04-05T12:00"))
    assert closed(long, at("2023-04-05T20:00"))
    assert closed(long, at("2023-04-08T12:00"))
    assert not closed(short, at("2023-04-08T12:00"))


def exchange() -> Hours:
    """Monday to Friday from 09:30 to 16:00 in New York, but not on 2023-05-29."""
    days = np.setdiff1d(
        weekdays("2022-12-05", 400, 5).astype("datetime64[D]"), [np.datetime64("2023-05-29")]
    )
    clock = np.array([570, 960, 960, 960]).astype("timedelta64[m]")
    marks = to_utc(days.astype("datetime64[us]")[:, np.newaxis] + clock, NEW_YORK)
    return Hours("XNYS", NEW_YORK, days[0], days[-1], days, marks)


class TestExchange:
    def test_days_without_a_session_are_closed(self) -> None:
        days = to_utc(weekdays("2023-01-02", 100, 5), NEW_YORK)
        usual = learn(days, "XNYS", NEW_YORK, exchange())
        assert closed(usual, to_utc(at("2023-05-28"), NEW_YORK))
        assert closed(usual, to_utc(at("2023-05-29"), NEW_YORK))
        assert not closed(usual, to_utc(at("2023-05-30"), NEW_YORK))

    def test_bars_outside_of_its_hours_are_closed(self) -> None:
        days = weekdays("2023-03-06", 30, 5)
        minutes = np.arange(570, 960).astype("timedelta64[m]")
        times = to_utc((days[:, np.newaxis] + minutes).reshape(-1), NEW_YORK)
        usual = learn(times, "XNYS", NEW_YORK, exchange())
        for text, is_closed in (("T09:30", False), ("T15:59", False), ("T18:00", True)):
            assert closed(usual, to_utc(at(f"2023-05-26{text}"), NEW_YORK)) == is_closed
        assert closed(usual, to_utc(at("2023-05-29T12:00"), NEW_YORK))

    def test_rows_at_other_times_prove_no_hours(self) -> None:
        times = steps("2023-03-06T00:00", "1 h", 1000)
        assert not learn(times, "XNYS", NEW_YORK, exchange()).has_hours


def minutes_of(first: str, days: int, opens: int, closes: int, open_days: int) -> Times:
    """Minutes from `opens` to `closes`, counted from midnight, on the first days of each week."""
    midnights = weekdays(first, days, open_days)
    clock = np.arange(opens, closes).astype("timedelta64[m]")
    return (midnights[:, np.newaxis] + clock).reshape(-1)


MARKETS: dict[str, tuple[Times, str]] = {
    "currency": (minutes_of("2023-02-06", 33, 0, 1440, 5), "sessions"),
    "crypto": (steps("2023-02-06T00:00", "1 m", 33 * 1440), "sessions"),
    "crypto of few days": (steps("2023-02-07T00:03", "1 m", 3000), "sessions"),
    "over midnight": (minutes_of("2023-02-06", 40, 18 * 60, 26 * 60, 5), "sessions"),
    "Monday to Saturday": (weekdays("2023-02-06", 100, 6), "sessions"),
    "business days": (weekdays("2023-02-06", 100, 5), "sessions"),
    "shifted hours": (steps("2023-02-06T00:07", "1 h", 900), "continuous"),
    "ends of months": (months("2015-01", 80) - np.timedelta64(1, "D"), "continuous"),
}


@pytest.mark.parametrize("name", MARKETS)
@pytest.mark.parametrize("share", [0.3, 0.71, 1.0])
def test_what_forecasts_call_the_next_times_is_always_usual(name: str, share: float) -> None:
    times, calendar = MARKETS[name]
    known = times[: int(share * len(times))]
    cadence = infer_cadence(known, "UTC").cadence
    assert cadence is not None
    future = learn_calendar(known, cadence, calendar, "UTC").future(known[-1], 3000)
    broken = learn(known, calendar).broken_by(future)
    assert not (broken.closed | broken.off_grid).any()


def test_a_session_over_midnight_is_closed_in_the_morning() -> None:
    usual = learn(*MARKETS["over midnight"])
    assert not closed(usual, at("2023-03-21T01:30"))
    assert not closed(usual, at("2023-03-20T22:30"))
    assert closed(usual, at("2023-03-21T09:30"))


def test_few_days_around_the_clock_are_not_closed_anywhere() -> None:
    usual = learn(*MARKETS["crypto of few days"])
    assert not usual.broken_by(steps("2023-02-09T00:00", "17 m", 600)).closed.any()


def test_rare_bars_within_an_exchange_s_hours_are_not_closed() -> None:
    midnights = weekdays("2023-03-06", 60, 5)
    clock = np.concatenate([np.arange(570, 700), np.arange(800, 960)]).astype("timedelta64[m]")
    times = to_utc((midnights[:, np.newaxis] + clock).reshape(-1), NEW_YORK)
    usual = UsualTimes.of(times, "1min", "XNYS", NEW_YORK, exchange())
    assert not closed(usual, to_utc(at("2023-05-26T12:30"), NEW_YORK))
    assert closed(usual, to_utc(at("2023-05-26T18:00"), NEW_YORK))


def test_two_rows_of_a_jittered_series_that_meet_in_one_step_are_finer() -> None:
    jitter = np.random.default_rng(0).integers(-4_000_000, 4_000_000, 500)
    times = steps("2023-03-01T00:00", "1 m", 500) + jitter.astype("timedelta64[us]")
    usual = UsualTimes.of(times, "1min", "continuous", "UTC", None)
    last = int(at("2023-03-01T09:00:02").astype(np.int64)[0])
    nothing = np.zeros(1, bool)
    assert usual.finer(at("2023-03-01T09:00:12"), last, nothing).tolist() == [True]
    assert usual.finer(at("2023-03-01T09:00:57"), last, nothing).tolist() == [False]
