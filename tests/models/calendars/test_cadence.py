"""Cadences by hand: spelling, arithmetic over calendars, and what is read off real series."""

import csv
import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Times
from models.calendars.cadence import Cadence, infer_cadence
from models.errors import DataError

pytestmark = pytest.mark.unit


def times(*texts: str) -> Times:
    return np.array(texts, dtype="datetime64[us]")


def every(start: str, step: np.timedelta64, rows: int) -> Times:
    return np.datetime64(start, "us") + np.arange(rows) * step


class TestParse:
    @pytest.mark.parametrize(
        ("text", "canonical"),
        [
            ("30s", "30s"),
            ("60s", "1min"),
            ("10min", "10min"),
            ("h", "1h"),
            ("24h", "1D"),
            ("1W", "7D"),
            ("W", "7D"),
            ("250ms", "250ms"),
            ("B", "B"),
            ("MS", "MS"),
            ("3MS", "QS"),
            ("4QE", "YE"),
            ("2YS", "2YS"),
        ],
    )
    def test_a_cadence_has_one_spelling(self, text: str, canonical: str) -> None:
        assert Cadence.parse(text).text == canonical
        assert Cadence.parse(canonical) == Cadence.parse(text)

    @pytest.mark.parametrize("text", ["", "0h", "1M", "M", "ten min", "-1h", "1.5h", "101YS"])
    def test_another_text_is_refused_and_repeated_in_the_message(self, text: str) -> None:
        with pytest.raises(DataError, match=f'Received: "{text}"'):
            Cadence.parse(text)


class TestSeason:
    @pytest.mark.parametrize(
        ("text", "steps"),
        [
            ("1min", 1440),
            ("10min", 144),
            ("30min", 48),
            ("1h", 24),
            ("1D", 7),
            ("7D", 52),
            ("B", 5),
            ("MS", 12),
            ("ME", 12),
            ("QS", 4),
            ("YS", 1),
            ("7min", 1),
            ("2D", 1),
        ],
    )
    def test_the_season_is_the_next_natural_cycle(self, text: str, steps: int) -> None:
        assert Cadence.parse(text).season_steps == steps


class TestMultiples:
    @pytest.mark.parametrize(
        ("coarse", "fine", "fits"),
        [
            ("1h", "10min", True),
            ("10min", "1h", False),
            ("25min", "10min", False),
            ("MS", "1D", True),
            ("MS", "7D", False),
            ("QS", "MS", True),
            ("QE", "MS", False),
            ("7D", "B", True),
            ("1D", "B", False),
            ("MS", "B", True),
        ],
    )
    def test_a_coarse_step_holds_whole_fine_steps(self, coarse: str, fine: str, fits: bool) -> None:
        assert Cadence.parse(coarse).is_multiple_of(Cadence.parse(fine)) is fits


class TestAdd:
    @pytest.mark.parametrize(
        ("text", "start", "steps", "end"),
        [
            ("10min", "2020-02-28T23:50", 1, "2020-02-29T00:00"),
            ("7D", "2020-12-26", 1, "2021-01-02"),
            ("B", "2020-12-31", 1, "2021-01-01"),
            ("B", "2021-01-01", 1, "2021-01-04"),
            ("B", "2021-01-04", -1, "2021-01-01"),
            ("B", "2021-01-02T12:00", 1, "2021-01-04T12:00"),
            ("MS", "1960-12-01", 2, "1961-02-01"),
            ("ME", "2020-01-31", 1, "2020-02-29"),
            ("QS", "2020-10-01", 1, "2021-01-01"),
            ("QE", "2020-09-30", 1, "2020-12-31"),
            ("YE", "2020-12-31", -1, "2019-12-31"),
        ],
    )
    def test_steps_follow_the_calendar(self, text: str, start: str, steps: int, end: str) -> None:
        assert Cadence.parse(text).add(times(start), steps).tolist() == times(end).tolist()

    def test_many_times_take_many_steps_at_once(self) -> None:
        ahead = Cadence.parse("MS").add(times("1749-01-01", "1983-12-01")[:, None], [1, 2])
        assert ahead[0].tolist() == times("1749-02-01", "1749-03-01").tolist()
        assert ahead[1].tolist() == times("1984-01-01", "1984-02-01").tolist()

    @given(
        text=st.sampled_from(["7min", "1h", "7D", "B", "2B", "MS", "ME", "QE", "YS"]),
        minutes=st.integers(-115_000_000, 115_000_000),
    )
    def test_points_enclose_every_moment(self, text: str, minutes: int) -> None:
        cadence = Cadence.parse(text)
        time = times("1970-01-01") + np.timedelta64(minutes, "m")
        before, after = cadence.index_at_or_before(time), cadence.index_at_or_after(time)
        assert cadence.labels(before) <= time <= cadence.labels(after)
        assert (after - before == (cadence.labels(before) != time)).all()
        assert cadence.labels(after - 1) < time < cadence.labels(before + 1)


class TestInference:
    def test_one_row_shows_nothing(self) -> None:
        assert infer_cadence(times("2020-01-01")).cadence is None

    def test_gaps_are_counted_and_the_longest_is_reported(self) -> None:
        ten_minutes = every("2009-10-08", np.timedelta64(10, "m"), 100)
        evidence = infer_cadence(np.delete(ten_minutes, [58, 59]))
        assert evidence.cadence == Cadence.parse("10min")
        assert (evidence.steps, evidence.gaps, evidence.longest_gap_seconds) == (97, 1, 1800)
        assert evidence.share == pytest.approx(96 / 97)

    def test_months_are_of_one_length(self) -> None:
        months = np.arange("1949-01", "1961-01", dtype="datetime64[M]").astype("datetime64[us]")
        assert infer_cadence(months).cadence == Cadence.parse("MS")
        assert infer_cadence(months).share == 1
        assert infer_cadence(months - np.timedelta64(1, "D")).cadence == Cadence.parse("ME")
        assert infer_cadence(months[::3]).cadence == Cadence.parse("QS")
        assert infer_cadence(months[:2]).cadence == Cadence.parse("MS")

    def test_four_weeks_are_not_a_month(self) -> None:
        assert infer_cadence(every("2020-01-01", np.timedelta64(28, "D"), 40)).cadence == (
            Cadence.parse("28D")
        )

    def test_days_without_weekends_are_business_days(self) -> None:
        days = every("2024-01-01", np.timedelta64(1, "D"), 21)
        weekdays = days[np.is_busday(days.astype("datetime64[D]"))]
        evidence = infer_cadence(np.delete(weekdays, 7))
        assert evidence.cadence == Cadence.parse("B")
        assert evidence.gaps == 1
        assert infer_cadence(days).cadence == Cadence.parse("1D")

    def test_a_clock_change_is_no_gap_between_local_days(self) -> None:
        midnights = times("2024-03-29T23:00", "2024-03-30T23:00", "2024-03-31T22:00")
        midnights = np.append(midnights, times("2024-04-01T22:00"))
        evidence = infer_cadence(midnights, "Europe/Berlin")
        assert (evidence.cadence, evidence.share) == (Cadence.parse("1D"), 1.0)

    def test_nothing_dominates_a_series_of_unlike_steps(self) -> None:
        growing = np.datetime64("2020-01-01", "us") + np.cumsum(np.arange(1, 50)) * np.timedelta64(
            1, "s"
        )
        assert infer_cadence(growing).cadence is None


class TestInferenceOnRealSeries:
    def test_jena_is_ten_minutes_with_one_gap(self, shared_data: Path) -> None:
        with gzip.open(shared_data / "jena_climate_2009-01_2011-01.csv.gz", "rt") as lines:
            stamps = [row[0] for row in csv.reader(lines)][1:]
        evidence = infer_cadence(parse_unique(stamps, "%d.%m.%Y %H:%M:%S"))
        assert (evidence.cadence, evidence.gaps) == (Cadence.parse("10min"), 1)
        assert evidence.longest_gap_seconds == 1800

    def test_nifty_is_one_minute_with_515_gaps(self, shared_data: Path) -> None:
        with gzip.open(shared_data / "nifty_1min_2022_ddmmyyyy.csv.gz", "rt") as lines:
            stamps = [row[0] for row in csv.reader(lines)][1:]
        evidence = infer_cadence(parse_unique(stamps, "%d-%m-%Y %H:%M"))
        assert (evidence.cadence, evidence.gaps) == (Cadence.parse("1min"), 515)

    def test_apple_trades_on_business_days(self, shared_data: Path) -> None:
        with (shared_data / "aapl_daily_2000_2020.csv").open() as lines:
            stamps = [row[0] for row in csv.reader(lines)][1:]
        assert infer_cadence(parse_unique(stamps, "%d-%m-%Y")).cadence == Cadence.parse("B")

    def test_sunspots_before_1970_are_monthly(self, shared_data: Path) -> None:
        with (shared_data / "monthly-sunspots.csv").open() as lines:
            stamps = [row[0] for row in csv.reader(lines)][1:]
        evidence = infer_cadence(parse_unique(stamps, "%Y-%m"))
        assert (evidence.cadence, evidence.share) == (Cadence.parse("MS"), 1.0)


def parse_unique(stamps: list[str], form: str) -> Times:
    moments = {datetime.strptime(stamp, form) for stamp in stamps}  # noqa: DTZ007 - files have no zone
    return np.array(sorted(moments), dtype="datetime64[us]")
