"""Dates with the number of a period of the local day: 46, 48 or 50 half hours."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.parsing.errors import CountedPeriods, OptionInvalid
from app.parsing.reader import Table
from tests.app.parsing.clocks import check_moments, counted_periods, moments_from, table_of
from tests.app.parsing.files import codes, options_of, read_text, rejections

pytestmark = pytest.mark.unit

# Midnights of each zone in UTC, two days before a change, and in summer.
DAYS = {
    "Europe/London": ("2023-03-24T00:00", "2023-10-26T23:00", "2023-06-05T23:00"),
    "Europe/Berlin": ("2023-03-23T23:00", "2023-10-26T22:00", "2023-06-05T22:00"),
    "America/New_York": ("2023-03-10T05:00", "2023-11-03T04:00", "2023-06-05T04:00"),
}
NAMES = ("settlementDate,settlementPeriod", "Datum,Viertelstunde", "date,hour", "day,sp")


def file_of(zone: str, start: str, minutes: int, names: str, mark: str = ",") -> str:
    truth = moments_from(start, 5 * 24 * 60 // minutes, minutes)
    return table_of(f"{names},v", counted_periods(truth, zone), mark)


def read_with(text: str, names: str, **query: str) -> Table:
    given_options = options_of({"timestamp": names, **query})
    return read_text(text, **{name: getattr(given_options, name) for name in ("timestamp", *query)})


class TestRead:
    @given(
        zone=st.sampled_from(sorted(DAYS)),
        which=st.integers(0, 2),
        minutes=st.sampled_from([5, 15, 30, 60]),
        names=st.sampled_from(NAMES),
        mark=st.sampled_from(",;"),
    )
    @settings(max_examples=60, deadline=None)
    def test_every_period_begins_at_its_moment(
        self, zone: str, which: int, minutes: int, names: str, mark: str
    ) -> None:
        text = file_of(zone, DAYS[zone][which], minutes, names, mark)
        table = read_with(text, names, period=f"{minutes}min", timezone=zone)
        check_moments(table, moments_from(DAYS[zone][which], 5 * 24 * 60 // minutes, minutes))
        assert not table.rejected

    def test_numbers_may_begin_at_0(self) -> None:
        text = table_of("date,n,v", ((f"2023-06-0{1 + n // 48}", n % 48) for n in range(96)))
        check_moments(read_with(text, "date,n", period="30min"), moments_from("2023-06-01", 96, 30))

    @pytest.mark.parametrize("zone", DAYS)
    @pytest.mark.parametrize("which", [0, 1, 2])
    def test_hours_that_end_at_24_are_counted_to_25(self, zone: str, which: int) -> None:
        text = file_of(zone, DAYS[zone][which], 60, "Date,Hour Ending")
        table = read_text(text, timezone=zone, times="end")
        check_moments(table, moments_from(DAYS[zone][which], 120))
        named = read_with(text, "Date,Hour Ending", timezone=zone, times="end", period="1h")
        check_moments(named, moments_from(DAYS[zone][which], 120))

    def test_a_number_that_the_day_lacks_is_quarantined(self) -> None:
        text = table_of("date,n,v", ((f"2023-06-0{1 + n // 48}", n % 48 + 1) for n in range(96)))
        text += "2023-06-02,60,5\n"
        table = read_with(text, "date,n", period="30min", timezone="UTC")
        assert rejections(table) == [(98, "unreadable_period")]


class TestRefused:
    @pytest.mark.parametrize("zone", DAYS)
    @pytest.mark.parametrize("minutes", [15, 30, 60])
    @pytest.mark.parametrize("which", [0, 1, 2])
    def test_a_counter_is_found_and_the_remedy_works(
        self, zone: str, minutes: int, which: int
    ) -> None:
        text = file_of(zone, DAYS[zone][which], minutes, "day,slot")
        with pytest.raises(CountedPeriods) as caught:
            read_text(text)
        length = "1h" if minutes == 60 else f"{minutes}min"
        for part in ("`timestamp=day,slot`", f"`period={length}`", "`timezone=`"):
            assert part in caught.value.detail
        truth = moments_from(DAYS[zone][which], 5 * 24 * 60 // minutes, minutes)
        check_moments(read_with(text, "day,slot", period=length, timezone=zone), truth)

    @pytest.mark.parametrize("which", [0, 1])
    def test_days_of_another_length_ask_for_their_zone(self, which: int) -> None:
        text = file_of("Europe/London", DAYS["Europe/London"][which], 30, "day,slot")
        with pytest.raises(OptionInvalid, match="`timezone=Europe/London`"):
            read_with(text, "day,slot", period="30min")

    @pytest.mark.parametrize("which", [0, 1])
    def test_hours_that_are_counted_are_not_read_as_labels(self, which: int) -> None:
        text = file_of("Europe/Berlin", DAYS["Europe/Berlin"][which], 60, "date,hour")
        with pytest.raises(CountedPeriods, match="`period=1h`"):
            read_text(text)

    @pytest.mark.parametrize("period", ["7min", "MS", "often", "2D"])
    def test_a_period_must_divide_a_day(self, period: str) -> None:
        text = file_of("Europe/London", DAYS["Europe/London"][2], 30, "day,slot")
        with pytest.raises(OptionInvalid, match="`period` must be a length that divides a day"):
            read_with(text, "day,slot", period=period)

    def test_a_period_needs_the_columns(self) -> None:
        text = file_of("Europe/London", DAYS["Europe/London"][2], 30, "day,slot")
        with pytest.raises(OptionInvalid, match="`timestamp=`"):
            read_text(text, period="30min")


def test_daily_numbers_are_not_periods() -> None:
    text = table_of("date,stock", ((f"2023-06-{1 + n:02}",) for n in range(28)))
    assert "stock" in read_text(text).channels
    assert not codes(read_text(text)).keys() & {"interval_ends"}
