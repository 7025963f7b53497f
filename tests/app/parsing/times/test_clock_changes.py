"""Local times across both changes of the clock: each row's moment is known to the generator."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.parsing.reader import Table
from models.arrays import Times
from models.calendars.timezones import to_local
from tests.app.parsing.files import read_text

pytestmark = pytest.mark.unit

MINUTE = np.timedelta64(1, "m")

# Moments of the changes, UTC, forward and back in 2023, and how many minutes come twice.
CHANGES = {
    "Europe/Berlin": ("2023-03-26T01:00", "2023-10-29T01:00", 60),
    "America/New_York": ("2023-03-12T07:00", "2023-11-05T06:00", 60),
    "Australia/Lord_Howe": ("2023-09-30T15:30", "2023-04-01T15:00", 30),
}


@dataclass
class Truth:
    """A file of local times, and the moments that its rows mean: row n has the value n."""

    zone: str
    times: Times
    twice: int

    @classmethod
    def around_changes(cls, zone: str, minutes: int) -> "Truth":
        """Rows from three hours before each change to three hours after it."""
        forward, back, repeated = CHANGES[zone]
        changes = sorted(np.array([forward, back], "datetime64[us]"))
        times = np.concatenate(
            [
                np.arange(change - 180 * MINUTE, change + 180 * MINUTE, minutes * MINUTE)
                for change in changes
            ]
        )
        return cls(zone, times, 2 * repeated // minutes)

    def lines(self, rows: list[int]) -> list[str]:
        wall = to_local(self.times, self.zone).astype("datetime64[m]")
        return [f"{str(wall[row]).replace('T', ' ')},{row}" for row in rows]

    def check(self, table: Table) -> None:
        """Every row that was stored stands at its own moment."""
        values = table.values[:, 0].astype(int)
        np.testing.assert_array_equal(table.times.view("datetime64[us]"), self.times[values])


def read(lines: list[str], zone: str) -> Table:
    return read_text("time,a\n" + "\n".join(lines) + "\n", timezone=zone)


def codes(table: Table) -> dict[str, int]:
    return {issue.code: issue.count for issue in table.issues}


@pytest.mark.parametrize("zone", CHANGES)
class TestWholeFiles:
    @pytest.mark.parametrize("minutes", [1, 10])
    @pytest.mark.parametrize("newest_first", [False, True])
    def test_every_row_is_read_at_its_moment(
        self, zone: str, minutes: int, *, newest_first: bool
    ) -> None:
        truth = Truth.around_changes(zone, minutes)
        rows = list(range(len(truth.times)))
        table = read(truth.lines(rows[::-1] if newest_first else rows), zone)
        assert len(table.times) == len(rows)
        truth.check(table)
        assert codes(table)["repeated_hour"] == truth.twice
        assert table.rejected == []

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_rows_that_are_written_twice_change_nothing(
        self, zone: str, *, newest_first: bool
    ) -> None:
        truth = Truth.around_changes(zone, 10)
        rows = [row for row in range(len(truth.times)) for _ in range(1 + (row % 3 == 0))]
        table = read(truth.lines(rows[::-1] if newest_first else rows), zone)
        assert len(table.times) == len(truth.times)
        assert table.rows_duplicate == len(rows) - len(truth.times)
        truth.check(table)

    def test_a_clock_that_is_never_set_is_noticed(self, zone: str) -> None:
        truth = Truth.around_changes(zone, 10)
        # Standard time lasts until the clock goes forward, and returns when it goes back.
        before = np.array([CHANGES[zone][0]], "datetime64[us]") - MINUTE
        standard = to_local(before, zone) - before
        wall = (truth.times + standard).astype("datetime64[m]").astype(str)
        table = read([f"{text.replace('T', ' ')},1" for text in wall], zone)
        minutes = CHANGES[zone][2]
        assert codes(table)["skipped_hour"] == codes(table)["unclear_hour"] == minutes // 10
        assert len(table.rejected) == 2 * minutes // 10
        assert any("never set" in issue.message for issue in table.issues)


class TestOffsets:
    @pytest.mark.parametrize("zone", CHANGES)
    def test_offsets_in_the_file_win_over_the_parameter(self, zone: str) -> None:
        truth = Truth.around_changes(zone, 30)
        moments = [datetime.fromisoformat(f"{time}+00:00") for time in truth.times.astype(str)]
        local = [moment.astimezone(ZoneInfo(zone)).isoformat() for moment in moments]
        # Rows with an offset of their own stand among others that have none, or another one.
        lines = [
            f"{moments[row].isoformat() if row % 3 else text},{row}"
            for row, text in enumerate(local)
        ]
        table = read(lines, "Asia/Tokyo")
        assert len(table.times) == len(lines)
        truth.check(table)

    def test_rows_without_an_offset_are_read_in_the_zone_beside_those_with_one(self) -> None:
        lines = ["2023-07-01 12:00,0", "2023-07-01 12:30+05:30,1", "2023-07-01T13:00Z,2"]
        table = read(lines, "Europe/Berlin")
        found = dict(
            zip(
                table.values[:, 0].tolist(),
                table.times.view("datetime64[us]").astype(str),
                strict=True,
            )
        )
        assert {row: time[11:16] for row, time in found.items()} == {
            0: "10:00",
            1: "07:00",
            2: "13:00",
        }


class TestFilesWithHoles:
    @settings(max_examples=40, deadline=None)
    @given(
        zone=st.sampled_from(sorted(CHANGES)),
        minutes=st.sampled_from([5, 10, 15, 30, 60]),
        newest_first=st.booleans(),
        data=st.data(),
    )
    def test_no_row_is_stored_at_a_wrong_moment(
        self, zone: str, minutes: int, data: st.DataObject, *, newest_first: bool
    ) -> None:
        truth = Truth.around_changes(zone, minutes)
        count = len(truth.times)
        gone = data.draw(st.sets(st.integers(0, count - 1), max_size=count // 3))
        rows = [row for row in range(count) if row not in gone]
        table = read(truth.lines(rows[::-1] if newest_first else rows), zone)
        truth.check(table)
        aside = {one.code for one in table.rejected}
        assert aside <= {"unclear_hour"}
        assert len(table.times) + len(table.rejected) == len(rows)
