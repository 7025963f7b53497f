"""What numbers alone can tell of a series, and what they must not be suspected of."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from app.quality.checks import check_values
from app.quality.sample import Finding, Sample
from app.quality.units import unit_in

pytestmark = pytest.mark.unit

DAYS = 40
HOURS = np.arange(24 * DAYS)


def judged(
    column: npt.NDArray[np.float64],
    name: str = "t",
    *,
    times: npt.NDArray[np.datetime64] | None = None,
    **reported: Any,
) -> dict[str, Finding]:
    """The doubts about one hourly channel by their codes."""
    if times is None:
        times = np.datetime64("2024-01-01", "us") + np.arange(len(column)) * np.timedelta64(1, "h")
    values = np.asarray(column, dtype=float)[:, np.newaxis]
    return {doubt.code: doubt for doubt in check_values(Sample([name], times, values, **reported))}


def temperatures(seed: int = 0) -> npt.NDArray[np.float64]:
    """Days and noise, rounded as instruments do."""
    noise = np.random.default_rng(seed).normal(0, 0.4, len(HOURS)).cumsum() * 0.2
    return np.round(10 + 5 * np.sin(HOURS * 2 * np.pi / 24) + noise, 2)


def with_number(column: npt.NDArray[np.float64], number: float, times: int) -> Any:
    """The column with a number at some rows."""
    changed = column.copy()
    changed[np.linspace(5, len(column) - 5, times).astype(int)] = number
    return changed


class TestSentinels:
    @pytest.mark.parametrize("number", [-9999.0, -200.0, 999.9, -99.0, -7777.0])
    def test_a_number_that_comes_again_far_from_all_others_is_one(self, number: float) -> None:
        found = judged(with_number(temperatures(), number, 12))
        assert (found["sentinel"].count, found["sentinel"].places[0]) == (12, (5, 0))
        assert found["sentinel"].suggestion == {"channels": [{"name": "t", "missing": [number]}]}
        assert "spike" not in found

    def test_other_wild_values_do_not_hide_it(self) -> None:
        column = with_number(temperatures(), -200.0, 9)
        column[100], column[300] = 500.0, -0.5
        found = judged(column)
        assert found["sentinel"].count == 9
        assert found["spike"].count == 2

    def test_a_suggestion_keeps_what_is_missing_already_and_names_all(self) -> None:
        column = with_number(with_number(temperatures(), -200.0, 9), -9999.0, 4)
        found = judged(column, known={"t": {"missing": [-1.0]}})
        assert found["sentinel"].channels == {"t": {"missing": [-9999.0, -200.0, -1.0]}}

    def test_zero_is_one_where_nothing_can_be_zero(self) -> None:
        kelvin = with_number(temperatures() + 273.15, 0.0, 4)
        assert judged(kelvin, "Tpot (K)")["sentinel"].count == 4
        pressure = with_number(temperatures() + 990, 0.0, 1)
        assert judged(pressure, "p", known={"p": {"unit": "hPa"}})["sentinel"].count == 1
        price = with_number(temperatures() + 20, 0.0, 1)
        assert judged(price, "adj_close", is_market=True)["sentinel"].count == 1

    def test_zeros_of_rain_nights_and_deficits_are_none(self) -> None:
        rain = np.where(
            HOURS % 50 < 4, np.round(np.random.default_rng(1).exponential(2, 960), 1), 0
        )
        night = np.maximum(np.sin(HOURS * 2 * np.pi / 24) * 800, 0).round(1)
        deficit = np.maximum(temperatures(), 5.0) - 5.0
        for column, name in ((rain, "rain (mm)"), (night, "SWDR (W/m2)"), (deficit, "d (mbar)")):
            assert {"sentinel", "flat_line", "unlikely_for_unit"}.isdisjoint(judged(column, name))

    def test_large_values_of_long_tails_are_none(self) -> None:
        volume = np.round(np.random.default_rng(2).lognormal(9, 1.5, 960))
        volume[volume.argmax()] = 999_999.0
        assert "sentinel" not in judged(volume, "volume")

    def test_states_are_none(self) -> None:
        assert "sentinel" not in judged(with_number(np.zeros(960), 50.0, 20), "state")


class TestFlatLines:
    def test_a_value_that_hangs_is_one(self) -> None:
        column = temperatures()
        column[200:230] = column[200]
        found = judged(column)["flat_line"]
        assert (found.count, found.places) == (30, ((200, 0),))

    def test_nights_and_dry_weeks_are_none(self) -> None:
        light = np.maximum(np.sin(HOURS * 2 * np.pi / 24) * 800, 0).round(1)
        rain = np.where(HOURS % 300 < 4, 0.2 + HOURS % 7, 0.0)
        assert "flat_line" not in judged(light)
        assert "flat_line" not in judged(rain)

    def test_whole_numbers_repeat_by_chance(self) -> None:
        steps = np.random.default_rng(3).integers(0, 3, 960).astype(float)
        assert "flat_line" not in judged(steps)


class TestSpikes:
    def test_a_value_that_jumps_and_returns_is_one(self) -> None:
        column = temperatures()
        column[500] += 20
        found = judged(column)["spike"]
        assert (found.count, found.places) == (1, ((500, 0),))

    def test_a_single_one_in_a_channel_that_stands_still_is_one(self) -> None:
        column = np.full(960, 10.0)
        column[77] = 500.0
        assert judged(column)["spike"].places == ((77, 0),)

    def test_a_new_level_and_the_end_of_a_gap_are_none(self) -> None:
        level = temperatures() + np.where(HOURS > 400, 30, 0)
        assert "spike" not in judged(level)
        times = np.datetime64("2024-01-01", "us") + HOURS * np.timedelta64(1, "h")
        times[401:] += np.timedelta64(70, "h")
        times[402:] += np.timedelta64(70, "h")
        column = temperatures()
        column[401] += 20
        assert "spike" not in judged(column, times=times)

    def test_a_missing_neighbour_accuses_nobody(self) -> None:
        column = temperatures()
        column[500] += 20
        column[501] = np.nan
        assert "spike" not in judged(column)

    def test_what_jumps_by_nature_has_none(self) -> None:
        gusts = np.random.default_rng(4).pareto(1.5, 20_000)
        assert judged(gusts).get("spike", Finding("", "", 0)).count <= 20


class TestUnits:
    @pytest.mark.parametrize(
        ("name", "unit"),
        [
            *[("T (degC)", "degC"), ("p (mbar)", "mbar"), ("wv (m/s)", "m/s"), ("rh (%)", "%")],
            *[("temperature_2m (°C)", "°C"), ("pressure [hPa]", "hPa"), ("temp_degC", "degC")],
            *[("CO(GT)", None), ("PT08.S1(CO)", None), ("close", None), ("top-ten", None)],
        ],
    )
    def test_names_say_them(self, name: str, unit: str | None) -> None:
        assert unit_in(name) == (unit if unit != "°C" else "degC")

    def test_what_is_set_is_not_offered(self) -> None:
        assert "unit_hint" in judged(temperatures(), "T (degC)")
        known = {"T (degC)": {"unit": "°C"}}
        assert "unit_hint" not in judged(temperatures(), "T (degC)", known=known)

    def test_celsius_called_kelvin_is_unlikely(self) -> None:
        found = judged(temperatures(), "T (K)")["unlikely_for_unit"]
        assert found.count == len(HOURS)
        assert "unlikely_for_unit" not in judged(temperatures() + 273.15, "T (K)")

    def test_directions_are_offered_as_angles(self) -> None:
        angles = np.random.default_rng(5).uniform(0, 360, 960).round(1)
        suggestion = {"channels": [{"name": "wd (deg)", "angular": True}]}
        assert judged(angles, "wd (deg)")["angular_hint"].suggestion == suggestion
        for name in ("lon (deg)", "direct radiation", "index"):
            assert "angular_hint" not in judged(angles, name)


class TestClockChanges:
    HOUR = np.timedelta64(1, "h")

    def without(self, *gone: str) -> npt.NDArray[np.datetime64]:
        """The hours of two years without some."""
        hours = np.datetime64("2022-06-01", "us") + np.arange(2 * 365 * 24) * self.HOUR
        return hours[~np.isin(hours, np.array(gone, dtype="datetime64[us]"))]

    def doubt(self, times: npt.NDArray[np.datetime64], timezone: str = "UTC") -> Finding | None:
        """The findings about clock changes."""
        values = np.random.default_rng(6).normal(size=len(times))
        return judged(values, times=times, timezone=timezone).get("clock_changes")

    def test_local_time_read_as_utc_misses_an_hour_each_spring(self) -> None:
        found = self.doubt(self.without("2023-03-26T02", "2024-03-31T02", "2023-01-05T07"))
        assert found is not None
        assert (found.count, "timezone=Europe/Berlin" in found.message) == (2, True)

    def test_an_hour_may_be_missing_when_the_series_own_clock_changes(self) -> None:
        found = self.doubt(self.without("2023-10-29T01", "2023-01-05T07"), "Europe/Berlin")
        assert found is not None
        assert found.count == 1

    def test_other_hours_are_ordinary_gaps(self) -> None:
        assert self.doubt(self.without("2023-01-05T07", "2023-03-26T05")) is None
        assert self.doubt(self.without("2023-01-05T07"), "Europe/Berlin") is None


class TestExtremes:
    def test_the_largest_numbers_there_are_overflow_nothing(self) -> None:
        largest = np.finfo(float).max
        column = temperatures()
        column[[50, 51, 200]] = largest, -largest, largest / 3
        assert judged(column)["spike"].count >= 1
        assert "spike" not in judged(np.array([0.0, largest, -largest, largest / 3, 1.5]))


class TestJitter:
    def test_a_minute_give_or_take_is_reported_with_the_rows_that_meet(self) -> None:
        away = np.random.default_rng(3).uniform(-2500, 2500, len(HOURS)).round()
        moments = np.arange(len(HOURS)) * 60_000 + away.astype(int)
        moments[500] = moments[499] + 9_000
        times = np.datetime64("2024-01-01T00:01", "us") + moments * np.timedelta64(1, "ms")
        found = judged(temperatures(), times=times)["jitter"]
        assert "every 1min, give or take 4.01 s" in found.message
        assert "meet an earlier one: 1." in found.message
        assert found.places == ((500, None),)
        assert found.count > 900

    def test_exact_times_and_markets_have_none(self) -> None:
        assert "jitter" not in judged(temperatures())
        moments = np.random.default_rng(3).integers(0, 5_000, len(HOURS)).cumsum() * 1000 + 1
        times = np.datetime64("2024-01-01", "us") + moments.cumsum() * np.timedelta64(1, "us")
        assert "jitter" not in judged(temperatures(), times=times, is_market=True)
