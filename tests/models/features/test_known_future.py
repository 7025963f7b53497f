"""What the head reads of the steps ahead, by hand; numbers of steps of every calendar."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Times, Values
from models.calendars.cadence import Cadence
from models.calendars.calendar import Calendar, Continuous, Sessions, learn_calendar
from models.calendars.holidays import HolidayFlags
from models.errors import DataError
from models.features.features import FeaturePipeline
from models.features.fitting import FeaturePlan, fit_features
from models.features.known_future import FutureReader
from models.series import Channel

pytestmark = pytest.mark.unit

HOURLY = Continuous(Cadence.parse("1h"))
DAILY = Continuous(Cadence.parse("1D"))


def hours(count: int, first: str = "2024-01-01") -> Times:
    return np.datetime64(first, "us") + np.arange(count) * np.timedelta64(1, "h")


def pipeline(rows: Values, *, known: frozenset[str], codes: tuple[str, ...] = ()) -> Any:
    """Of the channels `y`, `promo` and the direction `wind`."""
    plan = FeaturePlan(
        channels=(Channel("y"), Channel("promo"), Channel("wind", angular=True)),
        inputs=frozenset({"y", "promo", "wind"}),
        targets=frozenset({"y"}),
        log_returns=False,
        spans=(),
        cycles=(),
        timezone="UTC",
        scaled=True,
        known_future=known,
        holidays=HolidayFlags(codes, "UTC", False) if codes else None,
    )
    fitted, _ = fit_features(plan, rows)
    return FeaturePipeline.from_json(json.loads(json.dumps(fitted.to_json())))


# Promo has mean 2 and deviation 1; wind goes around in quarters.
ROWS = np.array([[5.0, 1.0, 0.0], [6.0, 3.0, 90.0], [7.0, 1.0, 180.0], [9.0, 3.0, 270.0]])


class TestInputs:
    def test_levels_are_scaled_as_features_and_directions_are_vectors(self) -> None:
        read = pipeline(ROWS, known=frozenset({"promo", "wind"}))
        assert read.known_columns == [1, 2]
        assert read.future_width == 3
        found = np.round(read.known(ROWS), 6)
        np.testing.assert_array_equal(found, [[-1, 0, 1], [1, 1, 0], [-1, 0, -1], [1, -1, 0]])

    def test_inputs_are_ordered_by_lead(self) -> None:
        read = pipeline(ROWS, known=frozenset({"promo"}))
        reader = FutureReader(read, np.array([1, 2]), HOURLY)
        table = reader.table([(hours(4), read.known(ROWS), HOURLY)])
        assert table.inputs(np.array([[0, 1]])).tolist() == [[[1.0, -1.0], [-1.0, 1.0]]]
        assert (table.width, reader.width) == (2, 2)

    def test_past_the_end_of_a_track_inputs_are_the_mean(self) -> None:
        read = pipeline(ROWS, known=frozenset({"promo"}))
        reader = FutureReader(read, np.array([1, 2]), HOURLY)
        known = read.known(ROWS)
        laid = [(hours(2), known[:2], HOURLY), (hours(2), known[2:], HOURLY)]
        table = reader.table(laid)
        rows = np.arange(4)
        assert table.inputs(rows).tolist() == [[1, 0], [0, 0], [1, 0], [0, 0]]
        assert not table.complete(rows).any()
        assert reader.table([(hours(4), read.known(ROWS), HOURLY)]).complete(rows).tolist() == [
            True,
            True,
            False,
            False,
        ]

    def test_a_request_says_what_the_table_says(self) -> None:
        read = pipeline(ROWS, known=frozenset({"promo", "wind"}), codes=("DE",))
        days = np.array(["2024-12-23", "2024-12-24", "2024-12-25", "2024-12-26"], "datetime64[us]")
        reader = FutureReader(read, np.array([1, 3]), DAILY)
        table = reader.table([(days, read.known(ROWS), DAILY)])
        given = ROWS[[1, 3]][:, read.known_columns]
        np.testing.assert_array_equal(
            reader.inputs(days[0], given)[0], table.inputs(np.array([0]))[0]
        )

    def test_holidays_are_known_beyond_the_last_row(self) -> None:
        read = pipeline(ROWS, known=frozenset(), codes=("DE",))
        days = np.array(["2024-09-30", "2024-10-01"], "datetime64[us]")
        reader = FutureReader(read, np.array([1, 2, 3]), DAILY)
        table = reader.table([(days, read.known(ROWS[:2]), DAILY)])
        assert table.complete(np.arange(2)).all()
        of_october = [[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]
        assert table.inputs(np.array([0])).reshape(3, 3).tolist() == of_october[:3]
        assert table.inputs(np.array([1])).reshape(3, 3).tolist() == of_october[1:]
        assert reader.inputs(days[1], None).reshape(3, 3).tolist() == of_october[1:]

    @pytest.mark.parametrize(
        "known", [None, np.ones((3, 1)), np.ones((2, 2)), np.array([[1.0], [np.nan]])]
    )
    def test_values_that_are_not_all_there_are_refused(self, known: Values | None) -> None:
        reader = FutureReader(pipeline(ROWS, known=frozenset({"promo"})), np.array([1, 2]), HOURLY)
        with pytest.raises(DataError, match=r"finite value of every known-future channel"):
            reader.inputs(hours(1)[0], known)


class TestFlagsAtTheOwnDay:
    def test_they_are_the_last_features(self) -> None:
        read = pipeline(ROWS, known=frozenset(), codes=("DE",))
        days = np.array(["2024-10-01", "2024-10-02", "2024-10-03", "2024-10-04"], "datetime64[us]")
        found, _ = read.transform(read.empty_tail(), days, ROWS)
        assert found.shape == (4, read.width)
        assert found[:, -3:].tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]


def bars_of_weekdays() -> tuple[Times, Sessions]:
    """Three bars on each working day of 2023 in New York, and their calendar."""
    days = np.arange("2023-01-02", "2024-01-01", dtype="datetime64[D]")
    days = days[np.is_busday(days)].astype("datetime64[us]")
    times = (days[:, np.newaxis] + np.array([15, 17, 19], "timedelta64[h]")).ravel()
    calendar = learn_calendar(times, Cadence.parse("2h"), "sessions", "America/New_York")
    assert isinstance(calendar, Sessions)
    return times, calendar


class TestNumbersOfSteps:
    @pytest.mark.parametrize(
        "calendar",
        [
            HOURLY,
            Continuous(Cadence.parse("1D"), timezone="Europe/Berlin"),
            Continuous(Cadence.parse("B"), timezone="Asia/Tokyo"),
            bars_of_weekdays()[1],
        ],
        ids=["hours", "days in Berlin", "working days in Tokyo", "sessions"],
    )
    @given(step=st.integers(-5_000, 20_000))
    def test_a_step_s_time_has_its_number(self, calendar: Calendar, step: int) -> None:
        time = calendar.labels(np.array([step]))
        assert calendar.index_at_or_before(time).tolist() == [step]

    def test_steps_ahead_are_the_calendar_s_next_ones(self) -> None:
        times, calendar = bars_of_weekdays()
        winter = times[:60]
        for time in winter:
            place = calendar.index_at_or_before(np.array([time]))
            ahead = calendar.labels(place + np.arange(1, 8))
            np.testing.assert_array_equal(ahead, calendar.future(time, 7))
