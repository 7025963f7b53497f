"""Clocks that a file names: in a column, behind its times, in a column's name, or in UTC beside."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.parsing.errors import AmbiguousZone
from app.parsing.times.zone_names import Clock, clock_in_name, clock_of, says_local
from models.arrays import Times
from models.calendars.timezones import to_utc
from tests.app.parsing.clocks import check_moments, moments_from, on_clock, table_of
from tests.app.parsing.files import codes, read_text

pytestmark = pytest.mark.unit

WINTER = moments_from("2023-01-10T05:00", 72)
# Around changes of the clocks of each zone.
CHANGES = {
    "America/New_York": ("2023-03-11", "2023-11-04"),
    "America/Los_Angeles": ("2023-03-11", "2023-11-04"),
    "Europe/London": ("2023-03-25", "2023-10-28"),
    "Europe/Berlin": ("2023-03-25", "2023-10-28"),
    "Australia/Sydney": ("2023-09-30", "2023-03-31"),
}
Text = Callable[[datetime], object]


def hours_of(there: datetime) -> int:
    offset = there.utcoffset()
    return 0 if offset is None else int(offset.total_seconds() // 3600)


WAYS: dict[str, Text] = {
    "abbreviation": lambda there: there.tzname(),
    "offset": lambda there: f"{there:%z}",
    "offset with a colon": lambda there: f"{there:%z}"[:3] + ":" + f"{there:%z}"[3:],
    "offset from UTC": lambda there: f"UTC{hours_of(there):+}",
    "hours": hours_of,
    "minutes": lambda there: hours_of(there) * 60,
    "seconds": lambda there: hours_of(there) * 3600,
    "name": lambda there: str(there.tzinfo),
}
zones = st.sampled_from(sorted(CHANGES))


class TestColumn:
    @given(
        zone=zones,
        change=st.integers(0, 1),
        way=st.sampled_from(sorted(WAYS)),
        name=st.sampled_from(["tz", "utc_offset", "timezone", "TZ_CD", "zone offset utc"]),
        mark=st.sampled_from(",;|"),
        minutes=st.sampled_from([15, 30, 60]),
    )
    @settings(max_examples=80, deadline=None)
    def test_every_row_is_read_at_its_moment(
        self, *, zone: str, change: int, way: str, name: str, mark: str, minutes: int
    ) -> None:
        moments = moments_from(CHANGES[zone][change], 96 * 60 // minutes, minutes)
        rows = ((f"{t:%Y-%m-%d %H:%M}", WAYS[way](t)) for t in on_clock(moments, zone))
        table = read_text(table_of(f"time,{name},v", rows, mark))
        check_moments(table, moments)
        assert table.dialect["timezone"] == zone
        assert table.channels == ("v",)

    def test_it_is_used_when_the_sender_leaves_it_out(self) -> None:
        moments = moments_from("2023-11-04", 96)
        rows = ((f"{t:%d %b %Y %H:%M}", t.tzname()) for t in on_clock(moments, "America/Denver"))
        check_moments(read_text(table_of("when,clock,v", rows), columns=("v",)), moments)

    def test_an_abbreviation_of_several_clocks_is_refused_and_the_remedy_works(self) -> None:
        rows = ((f"{t:%Y-%m-%d %H:%M}", "CST") for t in on_clock(WINTER, "Asia/Shanghai"))
        text = table_of("time,tz,v", rows)
        with pytest.raises(AmbiguousZone, match=r"`timezone=Asia/Shanghai`"):
            read_text(text)
        check_moments(read_text(text, timezone="Asia/Shanghai"), WINTER)

    def test_the_column_resolves_the_repeated_hour_of_a_zone_asked_for(self) -> None:
        moments = moments_from("2023-11-04", 96)
        rows = ((f"{t:%Y-%m-%d %H:%M}", t.tzname()) for t in on_clock(moments, "America/New_York"))
        table = read_text(table_of("time,tz,v", rows), timezone="America/New_York")
        check_moments(table, moments)
        assert "zone_disagrees" not in codes(table)

    def test_times_that_disagree_with_the_zone_asked_for_are_counted(self) -> None:
        rows = ((f"{t:%Y-%m-%d %H:%M}", "EST") for t in on_clock(WINTER, "America/New_York"))
        table = read_text(table_of("time,tz,v", rows), timezone="Europe/Berlin")
        assert codes(table)["zone_disagrees"] == len(WINTER)

    def test_abbreviations_at_the_wrong_moments_are_counted(self) -> None:
        moments = moments_from("2023-01-10", 72)
        walls = [f"{t:%Y-%m-%d %H:%M}" for t in on_clock(moments, "America/New_York")]
        rows = ((wall, "EDT" if 20 <= n < 27 else "EST") for n, wall in enumerate(walls))
        table = read_text(table_of("time,tz,v", rows))
        assert codes(table)["zone_disagrees"] == 7

    def test_times_without_a_clock_are_counted(self) -> None:
        walls = [f"{t:%Y-%m-%d %H:%M}" for t in on_clock(WINTER, "America/New_York")]
        rows = ((wall, "" if n == 9 else "EST") for n, wall in enumerate(walls))
        assert codes(read_text(table_of("time,tz,v", rows)))["zone_unknown"] == 1

    @pytest.mark.parametrize(("name", "cells"), [("zone", "12"), ("dst", "01"), ("utc_days", "33")])
    def test_other_numbers_are_not_offsets(self, name: str, cells: str) -> None:
        rows = ((f"{t:%Y-%m-%d %H:%M}", cells[t.day % 2]) for t in on_clock(WINTER, "UTC"))
        table = read_text(table_of(f"time,{name},v", rows))
        check_moments(table, WINTER)
        assert table.channels == (name, "v")

    @pytest.mark.parametrize(("name", "cell"), [("pet", "CAT"), ("symbol", "PST")])
    def test_words_that_look_like_clocks_are_not(self, name: str, cell: str) -> None:
        rows = ((f"{t:%Y-%m-%d %H:%M}", cell) for t in on_clock(WINTER, "UTC"))
        check_moments(read_text(table_of(f"time,{name},v", rows)), WINTER)

    def test_symbols_and_directions_are_not_clocks(self) -> None:
        winds = ("NE", "SSE", "W", "ENE")
        times = list(on_clock(WINTER, "UTC"))
        # In no order: texts in turn would be the names of several series.
        order = np.random.default_rng(0).integers(0, len(winds), len(times)).tolist()
        rows = ((f"{t:%Y-%m-%d %H:%M}", winds[n]) for t, n in zip(times, order, strict=True))
        table = read_text(table_of("time,wind,v", rows))
        check_moments(table, WINTER)
        assert "zone_names" not in codes(table)


class TestBehindTheTimes:
    @pytest.mark.parametrize("zone", sorted(CHANGES))
    @pytest.mark.parametrize(
        "form", ["%Y-%m-%d %H:%M %Z", "%d %b %Y %H:%M:%S %Z", "%Y/%m/%d %I:%M %p (%Z)"]
    )
    def test_every_row_is_read_at_its_moment(self, zone: str, form: str) -> None:
        for start in CHANGES[zone]:
            moments = moments_from(start, 72)
            rows = ((f"{t:{form}}",) for t in on_clock(moments, zone))
            table = read_text(table_of("time,v", rows))
            check_moments(table, moments)
            assert table.dialect["timezone"] == zone


class TestColumnName:
    @pytest.mark.parametrize(
        ("name", "zone"),
        [
            ("Time (MST)", "Etc/GMT+7"),
            ("Date Time, GMT-05:00", "Etc/GMT+5"),
            ("Datetime (UTC+1)", "Etc/GMT-1"),
            ("Timestamp [America/New_York]", "America/New_York"),
            ("Time [UTC+05:30]", "Asia/Kolkata"),
            ("DateTime_EST", "Etc/GMT+5"),
            ("time_cet", "Etc/GMT-1"),
            ("Zeitstempel (MEZ)", "Etc/GMT-1"),
            ("Time (Eastern Standard Time)", "Etc/GMT+5"),
            ("Time (ET)", "America/New_York"),
            ("time_utc", "UTC"),
        ],
    )
    def test_it_is_the_clock_of_all_times(self, name: str, zone: str) -> None:
        rows = ((f"{t:%Y-%m-%d %H:%M}",) for t in on_clock(WINTER, zone))
        text = table_of("TIME,v", rows).replace("TIME", f'"{name}"', 1)
        table = read_text(text)
        check_moments(table, WINTER)
        assert table.dialect["timezone"] == zone

    @pytest.mark.parametrize("name", ["timestamp_local", "Local Time", "Date/Time (LST)"])
    def test_local_times_without_a_zone_are_reported(self, name: str) -> None:
        rows = ((f"{t:%Y-%m-%d %H:%M}",) for t in on_clock(WINTER, "UTC"))
        text = table_of(f"{name},v", rows)
        (found,) = [one for one in read_text(text).issues if one.code == "zone_unknown"]
        assert "`timezone=`" in found.message
        assert "zone_unknown" not in codes(read_text(text, timezone="UTC"))
        assert "zone_unknown" not in codes(read_text(text, series_timezone="Asia/Tokyo"))

    def test_a_fixed_clock_with_the_changes_of_a_zone_is_reported(self) -> None:
        moments = moments_from("2023-01-01", 360 * 24)
        rows = ((f"{t:%Y-%m-%d %H:%M}",) for t in on_clock(moments, "America/Denver"))
        found = codes(read_text(table_of("Time (MST),v", rows)))
        assert found["zone_disagrees"] == 2

    def test_ordinary_names_name_no_clock(self) -> None:
        names = ("time", "Date", "Timestamp", "DATE TIME", "Zeit", "valid", "Datum/Uhrzeit")
        assert [clock_in_name(name) for name in names] == [None] * len(names)
        assert not any(says_local(name) for name in names)

    def test_texts_of_clocks(self) -> None:
        assert clock_of("UTC-03:30") == Clock(offset=-210 * 60_000_000)
        assert clock_of("Etc/GMT+5") == Clock(zone="Etc/GMT+5")
        assert clock_of("UTC+25") is None
        assert clock_of("Mars/Phobos") is None


class TestTwoColumnsOfTimes:
    @pytest.mark.parametrize(
        "names", [("local_time", "utc_time"), ("Date GMT", "Date Local"), ("time", "time_utc")]
    )
    def test_the_one_in_utc_is_taken(self, names: tuple[str, str]) -> None:
        is_utc = [any(mark in name.lower() for mark in ("utc", "gmt")) for name in names]
        both = zip(on_clock(WINTER, "UTC"), on_clock(WINTER, "America/Denver"), strict=True)
        rows = (
            tuple(f"{utc if one else local:%Y-%m-%d %H:%M}" for one in is_utc)
            for utc, local in both
        )
        check_moments(read_text(table_of(f"{names[0]},{names[1]},v", rows)), WINTER)

    def test_date_and_time_are_both_in_utc(self) -> None:
        both = zip(on_clock(WINTER, "UTC"), on_clock(WINTER, "America/Denver"), strict=True)
        rows = (
            (f"{local:%Y-%m-%d}", f"{local:%H:%M}", f"{utc:%Y-%m-%d}", f"{utc:%H:%M}")
            for utc, local in both
        )
        text = table_of("Date Local,Time Local,Date GMT,Time GMT,v", rows)
        check_moments(read_text(text), WINTER)

    def test_seconds_since_1970_count_where_local_times_differ(self) -> None:
        seconds = WINTER.astype("datetime64[s]").astype(int)
        local = on_clock(WINTER, "Asia/Tokyo")
        rows = ((f"{t:%Y-%m-%d %H:%M}", one) for t, one in zip(local, seconds, strict=True))
        table = read_text(table_of("date,unix,v", rows))
        check_moments(table, WINTER)
        assert codes(table)["clocks_disagree"] == len(WINTER)

    def test_two_texts_that_disagree_on_a_few_rows_are_counted(self) -> None:
        shifted = WINTER.copy()
        shifted[60:63] += np.timedelta64(2, "h")
        both = zip(on_clock(WINTER, "UTC"), on_clock(shifted, "UTC"), strict=True)
        rows = ((f"{one:%Y-%m-%d %H:%M}", f"{two:%Y/%m/%d %H:%M:%S}") for one, two in both)
        table = read_text(table_of("time,time2,v", rows))
        check_moments(table, WINTER)
        assert codes(table)["clocks_disagree"] == 3

    def test_beginnings_and_ends_do_not_disagree(self) -> None:
        later = WINTER + np.timedelta64(1, "h")
        both = zip(on_clock(WINTER, "UTC"), on_clock(later, "UTC"), strict=True)
        rows = (tuple(f"{one:%Y-%m-%d %H:%M}" for one in pair) for pair in both)
        table = read_text(table_of("start_time,end_time,v", rows))
        check_moments(table, WINTER)
        assert "clocks_disagree" not in codes(table)

    def test_a_few_rows_that_disagree_are_counted(self) -> None:
        seconds = WINTER.astype("datetime64[s]").astype(int)
        shifted = WINTER.copy()
        shifted[30:35] -= np.timedelta64(4, "h")
        local = on_clock(shifted, "UTC")
        rows = ((one, f"{t:%Y-%m-%d %H:%M}") for t, one in zip(local, seconds, strict=True))
        table = read_text(table_of("unix,date,v", rows))
        check_moments(table, WINTER)
        assert codes(table)["clocks_disagree"] == 5


def daily(zone: str, moments: Times) -> str:
    rows = ((f"{t:%Y-%m-%d %H:%M:%S%z}",) for t in on_clock(moments, zone))
    return table_of("Date,v", rows)


def midnights(zone: str, first: str, last: str) -> Times:
    return to_utc(np.arange(first, last, dtype="datetime64[D]").astype("datetime64[us]"), zone)


class TestOffsets:
    @pytest.mark.parametrize("zone", [*CHANGES, "Asia/Tokyo", "Asia/Kolkata"])
    def test_days_take_the_zone_that_their_offsets_prove(self, zone: str) -> None:
        moments = midnights(zone, "2022-01-03", "2023-06-01")
        table = read_text(daily(zone, moments))
        check_moments(table, moments)
        assert table.dialect["timezone"] == zone
        (found,) = [one for one in table.issues if one.code == "zone_offsets"]
        assert found.suggestion == {"timezone": zone}

    def test_hours_keep_the_zone_of_the_series(self) -> None:
        moments = moments_from("2023-11-04", 96)
        table = read_text(daily("Europe/Berlin", moments))
        check_moments(table, moments)
        assert table.dialect["timezone"] == "UTC"

    def test_offsets_of_no_zone_prove_nothing(self) -> None:
        moments = moments_from("2023-01-01", 60, 1440)
        texts = (
            f"{t + np.timedelta64(n % 5, 'h')}"[:19] + f"+0{n % 5}:00"
            for n, t in enumerate(moments.astype("datetime64[s]"))
        )
        table = read_text(table_of("Date,v", ((text,) for text in texts)))
        check_moments(table, moments)
        assert table.dialect["timezone"] == "UTC"


def test_bars_within_the_day_name_the_exchanges_whose_hours_fit() -> None:
    days = [f"2023-05-{day:02}" for day in range(1, 20) if day not in (6, 7, 13, 14)]
    rows = (
        (f"{day} {9 + minute // 60:02}:{minute % 60:02}", 10, 12, 9, 11)
        for day in days
        for minute in range(30, 420, 15)
    )
    text = table_of("time,open,high,low,close,volume", rows)
    (found,) = [one for one in read_text(text).issues if one.code == "zone_unknown"]
    assert "XNYS (`timezone=America/New_York`)" in found.message
    assert "zone_unknown" not in codes(read_text(text, timezone="America/New_York"))


BOTH_NAMES = {
    "Time (CET/CEST)": "Europe/Berlin",
    "Zeit [MEZ/MESZ]": "Europe/Berlin",
    "Date (EST / EDT)": "America/New_York",
    "Time GMT/BST": "Europe/London",
    "AEST/AEDT": "Australia/Sydney",
}


@pytest.mark.parametrize("name", BOTH_NAMES)
def test_names_of_winter_and_summer_are_a_zone(name: str) -> None:
    assert clock_of(clock_in_name(name) or "") == Clock(zone=BOTH_NAMES[name])


def test_two_names_that_no_zone_has_are_no_clock() -> None:
    assert clock_of("CET/PDT") is None


ABOVE = {
    "a comment": ("# Station: A\n# Time zone: America/Denver\n", "America/Denver"),
    "a setting": ("Station;Nord\nZeitzone;UTC+1\n\n", "Etc/GMT-1"),
    "a column of the settings": ("id,timezone\n7,Asia/Tokyo\n\n", "Asia/Tokyo"),
    "hours of the settings": ("Source,Time Zone,Height\nN,-7,1650\n", "Etc/GMT+7"),
    "an abbreviation": ("Timezone: PST\n\n", "Etc/GMT+8"),
    "a zone beside times in UTC": ("# Zone: Asia/Tokyo\n# Times are in UTC\n", "UTC"),
    "two zones": ("# From Asia/Tokyo to America/Denver\n", "UTC"),
}


@pytest.mark.parametrize("above", ABOVE)
def test_lines_above_the_table_name_the_clock(above: str) -> None:
    text, zone = ABOVE[above]
    mark = ";" if ";" in text else ","
    shown = ((f"{there:%Y-%m-%d %H:%M}",) for there in on_clock(WINTER, zone))
    check_moments(read_text(text + table_of("time,a", shown, mark)), WINTER)
