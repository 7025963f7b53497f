"""Times that end their intervals: `times=end`, and what shows it in a file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.parsing.errors import OptionInvalid
from tests.app.parsing.clocks import check_moments, ends, moments_from, on_clock, table_of
from tests.app.parsing.files import codes, moments, read_text

pytestmark = pytest.mark.unit

STARTS = ["2023-03-10", "2023-03-24", "2023-03-31", "2023-06-05", "2023-10-27", "2023-11-03"]
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Sydney"]


@given(
    zone=st.sampled_from(ZONES),
    start=st.sampled_from(STARTS),
    minutes=st.sampled_from([5, 10, 15, 30, 60]),
    newest_first=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_each_time_goes_back_by_one_step_in_local_time(
    zone: str, start: str, minutes: int, *, newest_first: bool
) -> None:
    truth = moments_from(start, 4 * 24 * 60 // minutes, minutes)
    labels = list(ends(truth, zone, minutes))
    lines = [f"{label},{number}" for number, label in enumerate(labels)]
    lines = lines[::-1] if newest_first else lines
    table = read_text("\n".join(["time,v", *lines]), timezone=zone, times="end")
    check_moments(table, truth)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("start", STARTS)
def test_ends_may_be_written_as_the_clock_shows_them(zone: str, start: str) -> None:
    truth = moments_from(start, 96)
    shown = on_clock(moments_from(f"{start}T01:00", 96), zone)
    text = table_of("time,v", ((f"{t:%Y-%m-%d %H:%M}",) for t in shown))
    check_moments(read_text(text, timezone=zone, times="end"), truth)


@pytest.mark.parametrize("hour", ["{:02}:00", "{}", "{:02}00"])
def test_the_last_hour_of_a_day_ends_at_24(hour: str) -> None:
    truth = moments_from("2023-06-05T22:00", 96)
    starts = on_clock(truth, "Europe/Berlin")
    rows = ((f"{t:%Y-%m-%d}", hour.format(t.hour + 1)) for t in starts)
    text = table_of("Date,Hour Ending,v", rows)
    check_moments(read_text(text, timezone="Europe/Berlin", times="end"), truth)
    assert codes(read_text(text))["interval_ends"] == len(truth)
    assert "interval_ends" not in codes(read_text(text, times="start"))


def test_times_with_offsets_go_back_too() -> None:
    truth = moments_from("2023-06-05", 20, 30)
    shown = on_clock(moments_from("2023-06-05T00:30", 20, 30), "Asia/Kolkata")
    text = table_of("time,v", ((t.isoformat(),) for t in shown))
    check_moments(read_text(text, times="end"), truth)


def test_months_go_back_by_a_month() -> None:
    text = "month,v\n" + "".join(f"2023-{month:02}-01,{month}\n" for month in range(2, 12))
    assert moments(read_text(text, times="end"))[:2] == [
        "2023-01-01T00:00:00",
        "2023-02-01T00:00:00",
    ]


def test_a_file_that_is_too_short_goes_back_by_the_cadence_of_the_series() -> None:
    text = "time,v\n2023-06-05 02:00,1\n"
    assert moments(read_text(text, times="end", series_cadence="1h")) == ["2023-06-05T01:00:00"]
    with pytest.raises(OptionInvalid, match="`times=end` needs times with a regular step"):
        read_text(text, times="end")


class TestFound:
    @pytest.mark.parametrize("minutes", [10, 60])
    def test_ends_of_a_zone_are_found_by_its_clock_changes(self, minutes: int) -> None:
        truth = moments_from("2022-01-01T05:00", 365 * 24 * 60 // minutes, minutes)
        rows = ((label,) for label in ends(truth, "America/New_York", minutes))
        text = table_of("Datetime,v", rows)
        (found,) = [one for one in read_text(text).issues if one.code == "zone_disagrees"]
        assert "`times=end` and `timezone=America/New_York`" in found.message
        check_moments(read_text(text, times="end", timezone="America/New_York"), truth)
        (found,) = [
            one
            for one in read_text(text, timezone="America/New_York").issues
            if one.code == "zone_disagrees"
        ]
        assert "`times=end`" in found.message

    def test_beginnings_of_a_zone_are_found_by_its_clock_changes(self) -> None:
        truth = moments_from("2022-01-01", 365 * 24)
        rows = ((f"{t:%Y-%m-%d %H:%M}",) for t in on_clock(truth, "Europe/Berlin"))
        text = table_of("Datetime,v", rows)
        (found,) = [one for one in read_text(text).issues if one.code == "zone_disagrees"]
        assert "`timezone=Europe/Berlin`" in found.message
        assert "zone_disagrees" not in codes(read_text(text, timezone="Europe/Paris"))
        assert "zone_disagrees" in codes(read_text(text, timezone="America/New_York"))

    def test_ordinary_gaps_are_not_clock_changes(self) -> None:
        truth = [t for n, t in enumerate(moments_from("2022-01-01", 365 * 24)) if n % 997]
        text = table_of("Datetime,v", ((str(t)[:16],) for t in truth))
        assert "zone_disagrees" not in codes(read_text(text))
