"""Grids by hand, and streaming against one go in any interleaving."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Times, Values
from models.calendars.cadence import Cadence
from models.calendars.calendar import Continuous, Sessions, learn_calendar
from models.errors import DataError
from models.grid.grid import Grid, to_grid
from models.grid.summaries import Aggregate
from models.series import Channel

pytestmark = pytest.mark.unit

TEN_MINUTES, HOUR, DAY = (Cadence.parse(text) for text in ("10min", "1h", "1D"))
NAN = np.nan


def times(*texts: str) -> Times:
    return np.array(texts, dtype="datetime64[us]")


def labels(grid: Grid) -> list[str]:
    return [str(time)[:16] for time in grid.times]


def column(grid: Grid) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in grid.values[:, 0]]


def grid_of(
    stamps: Times,
    values: list[float],
    step: Cadence = TEN_MINUTES,
    *,
    aggregate: Aggregate = "last",
    phase: int = 0,
    after: str | None = None,
) -> Grid:
    return to_grid(
        stamps,
        np.array(values, dtype=np.float64)[:, None],
        cadence=TEN_MINUTES,
        step=step,
        calendar=Continuous(TEN_MINUTES),
        channels=[Channel("a")],
        aggregate=aggregate,
        phase=phase,
        after=None if after is None else np.datetime64(after, "us"),
    )


class TestContinuousGrid:
    def test_a_gap_is_filled_with_nan(self) -> None:
        grid = grid_of(times("2020-01-01T00:10", "2020-01-01T00:40"), [1, 2])
        assert labels(grid) == [f"2020-01-01T00:{minute}" for minute in (10, 20, 30, 40)]
        assert column(grid) == [1, None, None, 2]

    def test_observations_off_the_grid_go_to_the_next_row(self) -> None:
        stamps = times("2020-01-01T00:03", "2020-01-01T00:07", "2020-01-01T00:20")
        grid = grid_of(stamps, [1, 2, 3])
        assert labels(grid) == ["2020-01-01T00:10", "2020-01-01T00:20"]
        assert column(grid) == [2, 3]

    def test_a_row_that_may_still_change_is_not_given_out(self) -> None:
        assert column(grid_of(times("2020-01-01T00:03"), [1])) == []
        assert column(grid_of(times("2020-01-01T00:03", "2020-01-01T00:11"), [1, 2])) == [1]

    def test_rows_keep_the_times_of_a_series_off_whole_steps(self) -> None:
        saturdays = np.datetime64("1958-03-29", "us") + np.array([0, 1, 3]) * np.timedelta64(7, "D")
        week = Cadence.parse("7D")
        calendar = learn_calendar(saturdays, week, "continuous", "UTC")
        grid = to_grid(
            saturdays,
            np.array([[1.0], [2.0], [4.0]]),
            cadence=week,
            step=week,
            calendar=calendar,
            channels=[Channel("co2")],
        )
        assert labels(grid)[2] == "1958-04-12T00:00"
        assert column(grid) == [1, 2, None, 4]

    def test_months_are_rows_of_their_own_length(self) -> None:
        month = Cadence.parse("MS")
        grid = to_grid(
            times("2020-01-01", "2020-02-01", "2020-04-01"),
            np.array([[1.0], [2.0], [4.0]]),
            cadence=month,
            step=month,
            calendar=Continuous(month),
            channels=[Channel("a")],
        )
        assert labels(grid)[2] == "2020-03-01T00:00"
        assert column(grid) == [1, 2, None, 4]

    def test_no_observations_give_no_rows(self) -> None:
        assert grid_of(times(), []).values.shape == (0, 1)

    def test_a_span_far_too_long_for_the_step_is_refused(self) -> None:
        with pytest.raises(DataError, match="at most 20,000,000 rows"):
            grid_of(times("1000-01-01", "2020-01-01"), [1, 2])


class TestResampling:
    stamps = np.datetime64("2020-01-01T00:10", "us") + np.arange(13) * np.timedelta64(10, "m")

    def test_bins_are_closed_and_labelled_right(self) -> None:
        grid = grid_of(self.stamps, list(range(1, 14)), HOUR)
        assert labels(grid) == ["2020-01-01T01:00", "2020-01-01T02:00"]
        assert column(grid) == [6, 12]
        assert column(grid_of(self.stamps, list(range(1, 14)), HOUR, aggregate="mean")) == [
            3.5,
            9.5,
        ]
        assert column(grid_of(self.stamps, list(range(1, 14)), HOUR, aggregate="sum")) == [21, 57]

    def test_a_phase_moves_the_rows_by_observations(self) -> None:
        grid = grid_of(self.stamps, list(range(1, 14)), HOUR, phase=1)
        assert labels(grid) == ["2020-01-01T00:10", "2020-01-01T01:10", "2020-01-01T02:10"]
        assert column(grid) == [1, 7, 13]

    def test_missing_observations_do_not_count(self) -> None:
        stamps, values = self.stamps[:12], [1.0, NAN, 3.0, NAN, NAN, NAN] + [NAN] * 6
        assert column(grid_of(stamps, values, HOUR)) == [3, None]
        assert column(grid_of(stamps, values, HOUR, aggregate="mean")) == [2, None]
        assert column(grid_of(stamps, values, HOUR, aggregate="sum")) == [4, None]

    def test_directions_are_averaged_around_north(self) -> None:
        grid = to_grid(
            times("2020-01-01T00:30", "2020-01-01T01:00"),
            np.array([[350.0], [20.0]]),
            cadence=Cadence.parse("30min"),
            step=HOUR,
            calendar=Continuous(Cadence.parse("30min")),
            channels=[Channel("wd", "deg", angular=True)],
            aggregate="mean",
        )
        assert grid.values[0, 0] == pytest.approx(5)

    def test_bars_keep_their_meaning(self) -> None:
        names = ("Open", "High", "Low", "Close", "Volume", "Adj Close")
        bars = np.array([[1, 4, 1, 2, 10, 7], [2, 3, 0, NAN, 20, 8], [NAN] * 6])
        grid = to_grid(
            times("2020-01-01T00:20", "2020-01-01T00:40", "2020-01-01T01:00"),
            bars,
            cadence=Cadence.parse("20min"),
            step=HOUR,
            calendar=Continuous(Cadence.parse("20min")),
            channels=[Channel(name) for name in names],
            aggregate="ohlc",
        )
        assert grid.values.tolist() == [[1, 4, 0, 2, 30, 8]]

    def test_bars_are_named_by_their_beginning(self) -> None:
        stamps = np.datetime64("2020-01-01T09:15", "us") + np.arange(9) * np.timedelta64(1, "m")
        grid = to_grid(
            stamps,
            np.arange(9.0)[:, np.newaxis],
            cadence=Cadence.parse("1min"),
            step=Cadence.parse("5min"),
            calendar=Continuous(Cadence.parse("1min")),
            channels=[Channel("close")],
            bars=True,
        )
        # 9:15 to 9:19 are all there; what began at 9:20 still misses the minute 9:24.
        assert (labels(grid), column(grid)) == (["2020-01-01T09:19"], [4])

    def test_days_end_at_local_midnight(self) -> None:
        hours = np.datetime64("2024-03-30T00:00", "us") + np.arange(60) * np.timedelta64(1, "h")
        grid = to_grid(
            hours,
            np.ones((60, 1)),
            cadence=HOUR,
            step=DAY,
            calendar=Continuous(HOUR, 0, "Europe/Berlin"),
            channels=[Channel("a")],
            aggregate="sum",
        )
        assert labels(grid) == ["2024-03-30T23:00", "2024-03-31T22:00"]
        assert column(grid) == [24, 23]

    def test_a_phase_of_months_is_refused(self) -> None:
        month = Cadence.parse("MS")
        with pytest.raises(DataError, match="`phase` must be 0"):
            to_grid(
                times("2020-01-01"),
                np.ones((1, 1)),
                cadence=month,
                step=Cadence.parse("QS"),
                calendar=Continuous(month),
                channels=[Channel("a")],
                phase=1,
            )


class TestSessionsGrid:
    minute = Cadence.parse("1min")
    stamps = times("2024-01-01T15:31", "2024-01-01T15:32", "2024-01-02T09:08", "2024-01-02T09:16")

    def sessions(self) -> Sessions:
        calendar = learn_calendar(self.stamps, self.minute, "sessions", "UTC")
        assert isinstance(calendar, Sessions)
        return calendar

    def grid(self, step: Cadence, after: np.datetime64 | None = None) -> Grid:
        return to_grid(
            self.stamps,
            np.array([[1.0], [2.0], [3.0], [4.0]]),
            cadence=self.minute,
            step=step,
            calendar=self.sessions(),
            channels=[Channel("close")],
            after=after,
        )

    def test_observed_bars_come_as_they_are(self) -> None:
        assert self.grid(self.minute).times.tolist() == self.stamps.tolist()
        after = self.grid(self.minute, after=self.stamps[1])
        assert after.times.tolist() == self.stamps[2:].tolist()
        assert column(after) == [3, 4]

    def test_resampling_leaves_empty_bins_out(self) -> None:
        grid = self.grid(Cadence.parse("5min"))
        assert labels(grid) == ["2024-01-01T15:35", "2024-01-02T09:10"]
        assert column(grid) == [2, 3]


STEPS = {"10min": "10min", "1h": "10min", "1D": "1h", "7D": "1D", "MS": "1D", "QS": "MS"}


@st.composite
def observations(draw: st.DrawFn) -> tuple[Times, Values]:
    gaps = draw(st.lists(st.sampled_from([60, 180, 600, 660, 3600, 90_000, 3e6]), min_size=1))
    seconds = np.cumsum(np.array(gaps, dtype=np.int64))
    start = np.datetime64("2024-03-28T00:00:00", "us")
    values = draw(
        st.lists(st.floats(-1e3, 1e3) | st.just(NAN), min_size=len(gaps), max_size=len(gaps))
    )
    column = np.array(values)[:, np.newaxis]
    return start + seconds * np.timedelta64(1, "s"), np.hstack([column, -column])


class TestStreaming:
    @given(
        data=observations(),
        step=st.sampled_from(sorted(STEPS)),
        calendar_and_zone=st.tuples(
            st.sampled_from(["continuous", "sessions"]), st.sampled_from(["UTC", "Europe/Berlin"])
        ),
        aggregate_and_bars=st.tuples(
            st.sampled_from(["last", "mean", "sum", "ohlc"]), st.booleans()
        ),
        cuts=st.lists(st.integers(1, 100)),
    )
    def test_any_interleaving_equals_one_go(
        self,
        data: tuple[Times, Values],
        step: str,
        calendar_and_zone: tuple[str, str],
        aggregate_and_bars: tuple[Aggregate, bool],
        cuts: list[int],
    ) -> None:
        stamps, values = data
        cadence = Cadence.parse(STEPS[step])
        learnt = learn_calendar(stamps, cadence, *calendar_and_zone)

        def grid(rows: int, after: np.datetime64 | None) -> Grid:
            return to_grid(
                stamps[:rows],
                values[:rows],
                cadence=cadence,
                step=Cadence.parse(step),
                calendar=learnt,
                channels=[Channel("open"), Channel("b", angular=True)],
                aggregate=aggregate_and_bars[0],
                bars=aggregate_and_bars[1],
                after=after,
            )

        whole, parts, last = grid(len(stamps), None), [], None
        for rows in [*sorted(cut for cut in cuts if cut < len(stamps)), len(stamps)]:
            parts.append(grid(rows, last))
            last = parts[-1].times[-1] if len(parts[-1].times) else last
        assert np.concatenate([part.times for part in parts]).tolist() == whole.times.tolist()
        streamed = np.concatenate([part.values for part in parts])
        np.testing.assert_allclose(streamed, whole.values, rtol=0, atol=1e-9)
