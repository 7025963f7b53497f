"""Real series: the next row after any row is the one that came, apart from holidays."""

from pathlib import Path

import numpy as np
import pytest

from app.parsing.options import ReadOptions
from app.parsing.reader import read_table
from models.arrays import Times
from models.calendars.cadence import infer_cadence
from models.calendars.calendar import learn_calendar

pytestmark = pytest.mark.unit

INDIA = "Asia/Kolkata"


def times_of(folder: Path, name: str, timezone: str) -> Times:
    with (folder / name).open("rb") as file:
        table = read_table(file, ReadOptions(timezone=timezone), limit_bytes=100_000_000)
    return table.times.view("datetime64[us]")


def next_row(times: Times, rows: int, calendar: str, timezone: str) -> np.datetime64:
    """The next row that is expected after the first rows."""
    cadence = infer_cadence(times[:rows], timezone).cadence
    assert cadence is not None
    learnt = learn_calendar(times[:rows], cadence, calendar, timezone)
    found: np.datetime64 = learnt.future(times[rows - 1], 1)[0]
    return found


@pytest.mark.parametrize("rows", [1_500, 5_400, 12_000, 50_000])
@pytest.mark.parametrize("name", ["nifty_1min_2022.csv.gz", "nifty_1min_2022_ddmmyyyy.csv.gz"])
def test_a_minute_of_the_nifty_follows(shared_data: Path, name: str, rows: int) -> None:
    times = times_of(shared_data, name, INDIA)
    assert next_row(times, rows, "sessions", INDIA) == times[rows]


@pytest.mark.parametrize("rows", [1_500, 5_400, 12_000, 50_000])
def test_ten_minutes_of_the_weather_follow(shared_data: Path, rows: int) -> None:
    times = times_of(shared_data, "jena_climate_2009-01_2011-01.csv.gz", "UTC")
    assert next_row(times, rows, "continuous", "UTC") == times[rows]


@pytest.mark.parametrize("rows", [1_500, 5_400, 12_000])
def test_an_hour_of_a_transformer_follows(shared_data: Path, rows: int) -> None:
    times = times_of(shared_data, "ETTh1.csv.gz", "UTC")
    assert next_row(times, rows, "continuous", "UTC") == times[rows]


def test_a_session_of_the_nifty_follows_the_last_row_of_a_day(shared_data: Path) -> None:
    times = times_of(shared_data, "nifty_1min_2022.csv.gz", INDIA)
    ends = np.flatnonzero(np.diff(times) > np.timedelta64(1, "h")) + 1
    chosen = ends[1::6].tolist()
    wrong = [rows for rows in chosen if next_row(times, rows, "sessions", INDIA) != times[rows]]
    # Three holidays, and a day whose first minute is missing.
    assert len(wrong) <= 4
    assert len(chosen) > 40


@pytest.mark.parametrize(
    ("name", "calendar"),
    [
        ("aapl_daily_2000_2020.csv", "sessions"),
        ("jena_daily_averages_2009_2016.csv", "continuous"),
        ("daily-min-temperatures.csv", "continuous"),
    ],
)
def test_a_day_follows(shared_data: Path, name: str, calendar: str) -> None:
    times = times_of(shared_data, name, "UTC")
    chosen = range(400, len(times) - 1, 37)
    wrong = [rows for rows in chosen if next_row(times, rows, calendar, "UTC") != times[rows]]
    # Apple's holidays: 3.6 % of its steps.
    assert len(wrong) <= (0.06 * len(chosen) if calendar == "sessions" else 0)
