"""Described sessions of markets with known hours."""

from typing import Any

import numpy as np
import pytest

from app.parsing.findings import Findings
from app.series.quality_schemas import SessionsRead
from app.series.sessions import describe_sessions
from app.series.tables import Series
from models.arrays import Times
from tests.models.calendars.test_markets import MARKETS, MINUTE, rows

pytestmark = pytest.mark.unit

WORKING_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]


def described(times: Times, **fields: Any) -> SessionsRead:
    series = Series(cadence="1min", calendar="sessions", timezone="UTC", **fields)
    found = describe_sessions(series, times, None, Findings())
    assert found is not None
    return found


@pytest.mark.parametrize("count", [4_000, 12_000, 50_000])
@pytest.mark.parametrize(
    ("market", "opens", "closes", "bars"),
    [
        ("currency", "00:00:00", "23:59:00", 1440),
        ("crypto", "00:00:00", "23:59:00", 1440),
        ("futures", "17:00:00", "15:59:00", 1380),
        ("night", "18:00:00", "01:59:00", 480),
        ("half_days", "09:30:00", "15:59:00", 390),
        ("six_days", "09:00:00", "16:59:00", 480),
    ],
)
def test_hours_are_those_of_the_market(
    market: str, opens: str, closes: str, bars: int, count: int
) -> None:
    found = described(rows(MARKETS[market], "2020-08-27T15:13", count))
    assert (found.open, found.close, found.bars) == (opens, closes, bars)
    assert (found.rows_outside, found.missing_rows, found.pre_open_bars) == (0, 0, [])


def test_sessions_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    times = rows(MARKETS["night"], "2024-01-01", 30 * 480)
    missing = (times >= np.datetime64("2024-02-01T12:00")) & (
        times < np.datetime64("2024-02-02T12:00")
    )
    found = described(times[~missing])
    assert found.weekdays == WORKING_DAYS
    assert [str(day) for day in found.holidays] == ["2024-02-01"]
    assert (found.days_without_rows, found.missing_rows, found.unsure) == (1, 0, False)


def test_rows_outside_the_hours_are_counted() -> None:
    times = rows(MARKETS["half_days"], "2024-01-01", 12_000)
    evening = np.datetime64("2024-01-10T20:00", "us") + np.arange(30) * MINUTE
    early = times[0] - np.arange(5, 0, -1) * MINUTE
    found = described(np.sort(np.concatenate([early, times, evening])))
    assert found.rows_outside == 35


@pytest.mark.parametrize(("count", "unsure"), [(5_000, True), (8_000, False)])
def test_hours_of_few_weeks_are_unsure(count: int, *, unsure: bool) -> None:
    assert described(rows(MARKETS["half_days"], "2024-01-01", count)).unsure is unsure
