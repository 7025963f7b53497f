"""Marks of the hour that occurs twice: `02X`, `2*`, `02:00A` and `02:00B`; and hours to 25:00."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from app.parsing.errors import OptionInvalid, UnreadableTimes
from models.arrays import Times
from tests.app.parsing.clocks import (
    check_moments,
    counted_periods,
    moments_from,
    on_clock,
    table_of,
)
from tests.app.parsing.files import codes, read_text, rejections

pytestmark = pytest.mark.unit

# The midnight before each change, or two days earlier.
STARTS = {
    "Europe/Berlin": ("2023-10-28T22:00", "2023-10-26T22:00"),
    "America/New_York": ("2023-11-05T04:00", "2023-11-03T04:00"),
    "Australia/Sydney": ("2023-04-01T13:00", "2023-03-30T13:00"),
}
HOURS = 80


def is_twice(there: datetime, zone: str) -> bool:
    """Whether clocks show a time twice."""
    naive = there.replace(tzinfo=ZoneInfo(zone))
    before, after = (naive.replace(fold=fold).utcoffset() for fold in (0, 1))
    assert before is not None
    assert after is not None
    return before > after


def marked(
    moments: Times, zone: str, form: str, marks: tuple[str, str], ends: int = 0
) -> Iterator[tuple[str, str]]:
    """The local day and hour of each moment, with marks in the hour that occurs twice."""
    for there in on_clock(moments, zone):
        mark = marks[there.fold] if is_twice(there, zone) else ""
        yield f"{there:%Y-%m-%d}", form.format(there.hour + ends, there.minute, mark)


FORMS = [
    ("{0:02}{2}", ("", "X")),
    ("{0:02}{2}", ("", "x")),
    ("{0}{2}", ("", "*")),
    ("{0}{2}", ("A", "B")),
    ("{0:02}:{1:02}{2}", ("A", "B")),
    ("{0:02}:{1:02} {2}", ("", "B")),
    ("{0:02}{2}:{1:02}", ("", "X")),
]


@pytest.mark.parametrize("zone", STARTS)
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(("form", "marks"), FORMS)
@pytest.mark.parametrize("times", [None, "end"])
def test_a_mark_names_the_hour(
    zone: str, which: int, form: str, marks: tuple[str, str], times: str | None
) -> None:
    truth = moments_from(STARTS[zone][which], HOURS)
    rows = list(marked(truth, zone, form, marks, ends=1 if times else 0))
    table = read_text(table_of("date,hour,v", iter(rows)), timezone=zone, times=times)
    check_moments(table, truth)
    assert (table.rejected, codes(table)["repeated_hour"]) == ([], 2)
    one = ((f"{day} {hour}",) for day, hour in rows)
    check_moments(read_text(table_of("time,v", one), timezone=zone, times=times), truth)


def test_marks_count_and_not_the_order_of_rows() -> None:
    truth = moments_from(STARTS["Europe/Berlin"][1], 160, 30)
    rows = list(marked(truth, "Europe/Berlin", "{0:02}:{1:02}{2}", ("", "X")))
    lines = [f"{day} {hour},{n}" for n, (day, hour) in enumerate(rows)]
    lines = sorted(lines, key=lambda line: ("X" in line, line))
    check_moments(read_text("\n".join(["time,v", *lines]), timezone="Europe/Berlin"), truth)


@pytest.mark.parametrize("zone", STARTS)
def test_a_mark_without_its_zone_is_asked_for(zone: str) -> None:
    truth = moments_from(STARTS[zone][1], HOURS)
    text = table_of("date,hour,v", marked(truth, zone, "{0:02}:{1:02}{2}", ("", "X")))
    with pytest.raises(OptionInvalid, match="clocks in UTC do not show it twice") as refusal:
        read_text(text)
    assert f"`timezone={zone}`" in str(refusal.value)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_a_mark_of_an_end_proposes_times_end(zone: str) -> None:
    truth = moments_from(STARTS[zone][1], HOURS)
    text = table_of("date,hour,v", marked(truth, zone, "{0:02}{2}", ("", "X"), ends=1))
    with pytest.raises(OptionInvalid, match="add `times=end`"):
        read_text(text, timezone=zone)
    with pytest.raises(OptionInvalid, match=f"add `times=end` and .*`timezone={zone}`"):
        read_text(text)
    check_moments(read_text(text, timezone=zone, times="end"), truth)


@pytest.mark.parametrize("mark", ["Q", "'", "#", "DH"])
def test_an_unknown_mark_is_refused_with_what_works(mark: str) -> None:
    truth = moments_from(STARTS["Europe/Berlin"][1], HOURS)
    rows = list(marked(truth, "Europe/Berlin", "{0:02}:{1:02}{2}", ("", mark)))
    with pytest.raises(UnreadableTimes, match="have a mark that is not known") as refusal:
        read_text(table_of("date,hour,v", iter(rows)), timezone="Europe/Berlin")
    assert "write X, * or B behind that hour" in str(refusal.value)
    known = table_of("date,hour,v", ((day, hour.replace(mark, "B")) for day, hour in rows))
    check_moments(read_text(known, timezone="Europe/Berlin"), truth)


def test_a_mark_on_a_time_that_is_alone_is_a_wrong_time() -> None:
    rows = [[f"2023-06-05 {hour:02}:00", hour] for hour in range(20)]
    rows[7][0] = "2023-06-05 07:00*"
    table = read_text("time,v\n" + "".join(f"{time},{value}\n" for time, value in rows))
    assert rejections(table) == [(9, "unreadable_time")]


@pytest.mark.parametrize("zone", STARTS)
@pytest.mark.parametrize("form", ["{:02}:00", "{}:00", "{:02}:00:00", "{:02}00"])
@pytest.mark.parametrize("columns", [1, 2])
def test_clocks_to_25_count_the_hours_of_the_day(zone: str, form: str, columns: int) -> None:
    truth = moments_from(STARTS[zone][1], 96)
    rows = [(day, form.format(hour)) for day, hour in counted_periods(truth, zone)]
    if columns == 1:
        text = table_of("time,v", ((f"{day} {hour}",) for day, hour in rows))
    else:
        text = table_of("date,hour,v", iter(rows))
    with pytest.raises(OptionInvalid, match="its clock changes on this day"):
        read_text(text)
    table = read_text(text, timezone=zone)
    check_moments(table, truth)
    assert (table.rejected, codes(table)["counted_clocks"]) == ([], 96)


def test_quarters_of_an_hour_count_to_25_too() -> None:
    truth = moments_from("2023-10-26T22:00", 4 * 96, 15)
    rows = (
        (f"{day} {number * 15 // 60:02}:{number * 15 % 60:02}",)
        for day, number in counted_periods(truth, "Europe/Berlin")
    )
    check_moments(read_text(table_of("time,v", rows), timezone="Europe/Berlin"), truth)
