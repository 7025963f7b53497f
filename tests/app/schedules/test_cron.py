"""Cron expressions: what is refused, and when clocks that change let them come."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.schedules.cron import BadCron, check, next_time

pytestmark = pytest.mark.unit

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(cron: str, timezone: str, after: str, count: int) -> list[str]:
    found, moment = [], at(after)
    for _ in range(count):
        moment = next_time(cron, timezone, moment)
        found.append(moment.strftime("%m-%dT%H:%M"))
    return found


class TestCheck:
    @pytest.mark.parametrize("cron", ["0 3 * * *", "*/10 * * * *", "0 9 l * mon-fri", "0 0 29 2 *"])
    def test_what_can_be_used(self, cron: str) -> None:
        check(cron, 10)

    @pytest.mark.parametrize(
        "cron",
        [
            "",
            "3",
            "@daily",
            "0 3 * *",
            "0 3 * * * *",
            "60 * * * *",
            "R * * * *",
            "H 3 * * *",
            "0 3 * * mon;",
            "*/0 * * * *",
            "0 0 * * 9",
            "\x00 * * * *",
        ],
    )
    def test_what_is_no_expression(self, cron: str) -> None:
        with pytest.raises(BadCron, match="five fields"):
            check(cron, 10)

    def test_a_day_that_never_comes(self) -> None:
        with pytest.raises(BadCron, match="never matches"):
            check("0 0 31 2 *", 10)

    @pytest.mark.parametrize(("cron", "leaves"), [("*/5 * * * *", "5"), ("0,7 3 1 * *", "7")])
    def test_one_that_comes_too_often(self, cron: str, leaves: str) -> None:
        with pytest.raises(BadCron, match=f"which leaves {leaves}$"):
            check(cron, 10)


class TestNextTime:
    def test_it_is_on_the_clock_of_the_zone(self) -> None:
        assert times("0 3 * * *", BERLIN, "2026-01-10T12:00", 1) == ["01-11T02:00"]
        assert times("0 3 * * *", BERLIN, "2026-07-10T12:00", 1) == ["07-11T01:00"]

    def test_it_is_later_than_the_moment_itself(self) -> None:
        assert times("0 3 * * *", "UTC", "2026-01-10T03:00", 1) == ["01-11T03:00"]

    def test_a_time_that_is_skipped_comes_once(self) -> None:
        # On 29 March 2026 clocks go from 02:00 to 03:00: 02:30 comes at what is then 03:30.
        found = times("30 2 * * *", BERLIN, "2026-03-27T12:00", 3)
        assert found == ["03-28T01:30", "03-29T01:30", "03-30T00:30"]

    def test_a_time_that_comes_twice_runs_the_first_time(self) -> None:
        # On 25 October 2026 clocks go from 03:00 back to 02:00.
        found = times("30 2 * * *", BERLIN, "2026-10-23T12:00", 3)
        assert found == ["10-24T00:30", "10-25T00:30", "10-26T01:30"]
        assert times("30 2 * * *", BERLIN, "2026-10-25T01:00", 1) == ["10-26T01:30"]

    def test_skipped_and_later_times_that_meet_are_one(self) -> None:
        found = times("*/30 * * * *", BERLIN, "2026-03-29T00:15", 4)
        assert found == ["03-29T00:30", "03-29T01:00", "03-29T01:30", "03-29T02:00"]

    @given(
        st.sampled_from(["0 3 * * *", "30 2 * * sun", "*/15 1-3 * * *", "0 0 1 * *"]),
        st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC"]),
        st.integers(0, 60 * 24 * 365),
    )
    @settings(max_examples=40, deadline=None)
    def test_nothing_lies_between_a_moment_and_the_next_time(
        self, cron: str, timezone: str, minute: int
    ) -> None:
        after = at("2026-01-01T00:00") + timedelta(minutes=minute)
        found = next_time(cron, timezone, after)
        assert found > after
        assert next_time(cron, timezone, found - timedelta(seconds=1)) == found
        assert next_time(cron, timezone, after + (found - after) / 2) == found
