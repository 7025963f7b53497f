"""Markets with known hours: the next row after the last one is the market's next one."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Times
from models.calendars.cadence import Cadence, infer_cadence
from models.calendars.calendar import Sessions, calendar_from_json, learn_calendar

pytestmark = pytest.mark.unit

Open = Callable[[npt.NDArray[np.int64], npt.NDArray[np.float64]], npt.NDArray[np.bool_]]


def currency(
    weekday: npt.NDArray[np.int64], hour: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """From Sunday 21:00 to Friday 21:00."""
    return (weekday < 4) | ((weekday == 4) & (hour < 21)) | ((weekday == 6) & (hour >= 21))


def crypto(weekday: npt.NDArray[np.int64], hour: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Always."""
    return (weekday >= 0) & (hour >= 0)


def futures(weekday: npt.NDArray[np.int64], hour: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Like currencies, with a pause from 16:00 to 17:00 each day."""
    opened = (weekday < 4) | ((weekday == 4) & (hour < 16)) | ((weekday == 6) & (hour >= 17))
    return opened & ((hour < 16) | (hour >= 17))


def night(weekday: npt.NDArray[np.int64], hour: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """From 18:00 to 02:00, beginning on Monday to Friday."""
    return ((weekday < 5) & (hour >= 18)) | ((weekday >= 1) & (weekday < 6) & (hour < 2))


def half_days(
    weekday: npt.NDArray[np.int64], hour: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """From 09:30 to 16:00, on Fridays to 13:00."""
    return (weekday < 5) & (hour >= 9.5) & (hour < np.where(weekday == 4, 13, 16))


def six_days(
    weekday: npt.NDArray[np.int64], hour: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """From Monday to Saturday, 09:00 to 17:00."""
    return (weekday < 6) & (hour >= 9) & (hour < 17)


MARKETS: dict[str, Open] = {
    each.__name__: each for each in (currency, crypto, futures, night, half_days, six_days)
}
MINUTE = np.timedelta64(1, "m")


def rows(opened: Open, first: str, count: int) -> Times:
    """The first minutes of a market after a moment, in its local time."""
    # The market with the fewest hours is open in a sixth of all minutes.
    span = np.arange(count * 6 + 20_000)
    times = np.datetime64(first, "us") + span * MINUTE
    minutes = (times - np.datetime64("1970-01-05", "us")) // MINUTE
    found: Times = times[opened(minutes // 1440 % 7, minutes % 1440 / 60)][:count]
    assert len(found) == count
    return found


def learnt(times: Times) -> Sessions:
    calendar = learn_calendar(times, Cadence.parse("1min"), "sessions", "UTC")
    assert isinstance(calendar, Sessions)
    return calendar


@pytest.mark.parametrize("count", [1_500, 5_400, 12_000, 50_000])
@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("first", ["2024-01-08T00:00", "2020-08-27T15:13", "2024-01-12T10:40"])
def test_the_next_row_is_the_next_minute_of_the_market(market: str, count: int, first: str) -> None:
    whole = rows(MARKETS[market], first, count + 3)
    times, ahead = whole[:count], whole[count:]
    assert learnt(times).future(times[-1], 3).tolist() == ahead.tolist()


WEEKS = {
    "business days": (0, 1, 2, 3, 4),
    "six days": (0, 1, 2, 3, 4, 5),
    "from Sunday": (0, 1, 2, 3, 6),
    "every day": (0, 1, 2, 3, 4, 5, 6),
}


@pytest.mark.parametrize("count", [60, 1_500, 5_400, 12_000, 50_000])
@pytest.mark.parametrize("week", WEEKS.values(), ids=WEEKS)
@pytest.mark.parametrize("offset", range(7))
def test_the_next_row_is_the_next_open_day(week: tuple[int, ...], count: int, offset: int) -> None:
    days = np.datetime64("1950-01-02", "us") + np.arange(offset, 75_000) * np.timedelta64(1, "D")
    whole = days[np.isin(np.arange(offset, 75_000) % 7, week)][: count + 3]
    times, ahead = whole[:count], whole[count:]
    cadence = infer_cadence(times).cadence
    assert cadence is not None
    found = learn_calendar(times, cadence, "sessions", "UTC").future(times[-1], 3)
    assert found.tolist() == ahead.tolist()


@given(
    market=st.sampled_from(sorted(MARKETS)),
    count=st.integers(10_080, 60_000),
    offset=st.integers(0, 10_079),
)
def test_a_market_that_was_seen_for_a_week_continues(market: str, count: int, offset: int) -> None:
    first = str(np.datetime64("2024-01-01", "us") + offset * MINUTE)
    whole = rows(MARKETS[market], first, count + 5)
    times, ahead = whole[:count], whole[count:]
    assert learnt(times).future(times[-1], 5).tolist() == ahead.tolist()


@given(count=st.integers(1_500, 30_000), offset=st.integers(0, 10_079))
def test_a_working_day_of_a_currency_is_never_cut(count: int, offset: int) -> None:
    first = str(np.datetime64("2024-01-01", "us") + offset * MINUTE)
    calendar = learnt(rows(currency, first, count))
    assert [len(bars) for bars in calendar.bars[:4]] == [1440] * 4
    assert len(calendar.bars[4]) in (1260, 1440)
    assert len(calendar.bars[5]) == 0


class TestUnsure:
    def test_hours_are_unsure_until_three_whole_weeks_show_them(self) -> None:
        assert learnt(rows(currency, "2024-01-01", 5_400)).unsure
        assert not learnt(rows(currency, "2024-01-01", 30_000)).unsure

    def test_it_is_stored_with_the_calendar(self) -> None:
        calendar = learnt(rows(currency, "2024-01-01", 5_400))
        stored = calendar.to_json()
        assert calendar_from_json(stored).to_json() == stored
        del stored["unsure"]
        again = calendar_from_json(stored)
        assert isinstance(again, Sessions)
        assert not again.unsure

    def test_a_week_end_that_was_not_seen_is_closed(self) -> None:
        calendar = learnt(rows(crypto, "2024-01-01", 1_500))
        assert [len(bars) for bars in calendar.bars] == [1440] * 5 + [0, 0]

    def test_rows_missing_by_chance_are_expected_again(self) -> None:
        times = rows(half_days, "2024-01-01", 780)
        thinned = np.delete(times, np.arange(5, 770, 11))
        assert len(learnt(thinned).bars[1]) == 390


@pytest.mark.parametrize("market", MARKETS)
def test_minutes_missing_by_chance_stay_open(market: str) -> None:
    times = rows(MARKETS[market], "2023-05-08", 30_000)
    traded = np.random.default_rng(1).random(len(times)) < 0.75
    traded[-1] = True
    found = [len(bars) for bars in learnt(times[traded]).bars]
    assert found == pytest.approx([len(bars) for bars in learnt(times).bars], abs=3)


def test_half_of_the_fridays_do_not_open_their_afternoons() -> None:
    times = rows(half_days, "2024-01-01", 20_000)
    whole = rows(lambda day, hour: half_days(day * 0, hour) & (day < 5), "2024-01-01", 20_000)
    # Each third Friday is whole.
    weeks = (whole - np.datetime64("2024-01-01", "us")) // np.timedelta64(7, "D")
    some = np.union1d(times, whole[(weeks % 3 == 0) & (whole < times[-1])])
    assert len(learnt(some).bars[4]) == 210
