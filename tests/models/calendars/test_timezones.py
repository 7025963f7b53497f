"""Wall-clock times by hand, and against the standard library at every moment."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendars.timezones import find_zone, to_local, to_utc
from models.errors import DataError

pytestmark = pytest.mark.unit


class TestToLocal:
    def test_clocks_go_forward_within_a_day(self) -> None:
        utc = np.array(["2024-03-31T00:59", "2024-03-31T01:00"], dtype="datetime64[us]")
        local = np.array(["2024-03-31T01:59", "2024-03-31T03:00"], dtype="datetime64[us]")
        assert to_local(utc, "Europe/Berlin").tolist() == local.tolist()

    @given(
        moment=st.datetimes(
            datetime(1900, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone itself
            datetime(2100, 1, 1),  # noqa: DTZ001 - as above
            timezones=st.just(UTC),
        ),
        zone=st.sampled_from(["Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"]),
    )
    def test_it_equals_the_standard_library(self, moment: datetime, zone: str) -> None:
        naive = moment.replace(tzinfo=None)
        local = to_local(np.array([naive], dtype="datetime64[us]"), zone)
        assert local.tolist() == [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)]
        if moment.astimezone(ZoneInfo(zone)).fold == 0:
            assert to_utc(local, zone).tolist() == [naive]

    @pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
    def test_many_times_equal_each_alone(self, zone: str) -> None:
        quarters = np.datetime64("2024-01-01", "us") + np.arange(35_136) * np.timedelta64(15, "m")
        few = slice(8_600, 8_660)
        assert to_local(quarters, zone)[few].tolist() == to_local(quarters[few], zone).tolist()
        local = to_local(quarters, zone)
        assert (to_utc(local, zone) == quarters).mean() > 0.999
        assert to_utc(local, zone)[few].tolist() == to_utc(local[few], zone).tolist()


class TestFindZone:
    @pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd"])
    def test_an_unknown_zone_is_refused(self, name: str) -> None:
        with pytest.raises(DataError, match="`timezone` must be an IANA name"):
            find_zone(name)
