"""Holidays by hand: subdivisions, zones in which a day begins, eves and days after."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Times
from models.calendars.holidays import HolidayFlags, check_code, named_codes
from models.errors import DataError

pytestmark = pytest.mark.unit


def times(*texts: str) -> Times:
    return np.array(texts, "datetime64[us]")


def flags(
    *texts: str, codes: tuple[str, ...] = ("DE",), timezone: str = "UTC", right: bool = False
) -> list[list[float]]:
    found: list[list[float]] = HolidayFlags(codes, timezone, right).at(times(*texts)).tolist()
    return found


NEITHER, HOLIDAY, EVE, AFTER = [0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]


class TestDays:
    def test_a_holiday_its_eve_and_the_day_after(self) -> None:
        # The Day of German Unity, 3 October 2024, a Thursday.
        days = ("2024-10-01", "2024-10-02", "2024-10-03", "2024-10-04")
        assert flags(*days) == [NEITHER, EVE, HOLIDAY, AFTER]

    def test_a_day_between_two_holidays_is_all_three(self) -> None:
        assert flags("2024-12-25", "2024-12-26") == [[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]

    def test_epiphany_is_a_holiday_in_bavaria_and_not_in_berlin(self) -> None:
        assert flags("2024-01-06", codes=("DE-BY",)) == [HOLIDAY]
        assert flags("2024-01-06", codes=("DE-Bayern",)) == [HOLIDAY]
        assert flags("2024-01-06", codes=("DE-BE",)) == [NEITHER]
        assert flags("2024-01-06", codes=("DE",)) == [NEITHER]
        assert flags("2024-01-06", codes=("DE-BE", "AT")) == [HOLIDAY]

    def test_the_eve_of_new_year_belongs_to_the_year_before(self) -> None:
        assert flags("2023-12-31", "2024-01-01", "2024-01-02") == [EVE, HOLIDAY, AFTER]

    def test_a_holiday_kept_in_the_year_before_is_found_there(self) -> None:
        # 1 January 2022 was a Saturday: offices of the United States closed on the Friday.
        assert flags("2021-12-31", codes=("US",))[0][0] == 1.0

    def test_a_day_begins_at_local_midnight(self) -> None:
        moment = "2023-12-31T14:59", "2023-12-31T15:00", "2023-12-31T23:30", "2024-01-01T00:00"
        assert [row[0] for row in flags(*moment, timezone="Asia/Tokyo")] == [0, 1, 1, 1]
        assert [row[0] for row in flags(*moment, timezone="Europe/Berlin")] == [0, 0, 1, 1]
        assert [row[0] for row in flags(*moment, timezone="America/New_York")] == [0, 0, 0, 0]

    def test_hours_of_a_day_have_the_flags_of_the_day(self) -> None:
        assert flags("2024-10-03T00:00", "2024-10-03T23:59") == [HOLIDAY, HOLIDAY]

    def test_a_row_that_ends_at_midnight_belongs_to_the_day_before(self) -> None:
        assert flags("2024-10-04T00:00", right=True) == [HOLIDAY]
        assert flags("2024-10-04T00:00", right=False) == [AFTER]

    @given(st.lists(st.integers(0, 40_000), min_size=1, max_size=20))
    def test_days_asked_together_have_the_flags_they_have_alone(self, days: list[int]) -> None:
        reader = HolidayFlags(("DE-BY",), "UTC", False)
        asked = np.array(days, "datetime64[D]").astype("datetime64[us]")
        together = reader.at(asked.reshape(-1, 1))
        assert together.shape == (len(days), 1, 3)
        for day, found in zip(asked, together, strict=True):
            np.testing.assert_array_equal(reader.at(day.reshape(1)), found)

    def test_no_times_have_no_flags(self) -> None:
        assert HolidayFlags(("DE",), "UTC", False).at(times()).shape == (0, 3)

    def test_they_are_read_back(self) -> None:
        reader = HolidayFlags(("DE-BY", "AT"), "Europe/Berlin", True)
        assert HolidayFlags.from_json(reader.to_json()) == reader


class TestCodes:
    @pytest.mark.parametrize("code", ["DE", "DE-BY", "US-CA", "IN", "DE-Bayern"])
    def test_codes_of_the_library_are_taken(self, code: str) -> None:
        check_code(code)

    @pytest.mark.parametrize("code", ["", "XX", "de", "Germany-BY"])
    def test_an_unknown_country_is_refused(self, code: str) -> None:
        with pytest.raises(DataError, match=r"country of ISO 3166-1.*Received: "):
            check_code(code)

    @pytest.mark.parametrize("code", ["DE-ZZ", "DE-", "DE-by"])
    def test_an_unknown_subdivision_is_refused_with_the_known_ones(self, code: str) -> None:
        with pytest.raises(DataError, match=r"subdivision of DE .*BW, BY.*Received: "):
            check_code(code)

    def test_one_code_may_stand_alone(self) -> None:
        assert named_codes("DE") == ["DE"]
        assert named_codes(["DE", "AT"]) == ["DE", "AT"]
        assert named_codes(None) == []
