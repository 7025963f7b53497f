"""An exchange's calendar: rows at its bars, with holidays, half days and pauses."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from models.arrays import Times
from models.calendars.cadence import Cadence, Indices
from models.calendars.exchange_bars import Bars, DailyBars, bars_from_json, learn_bars
from models.calendars.exchange_hours import Days, Hours

_DAY = np.timedelta64(1, "D")
_SPARE = np.timedelta64(3, "D")
# A table grows by more than was requested, because rows arrive one by one.
_AT_ONCE = np.timedelta64(60, "D")


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """The rows of some sessions.

    Args:
        first: Number of the table's first row; row 0 is the first row of the first known session.
        dates: `(sessions,)`, the day of each session.
        bases: `(sessions,)`, the reference time of each session, UTC.
        ends: `(sessions,)`, the table's rows up to and including each session.
        which: `(sessions,)`, each session's entry in `offsets`.
        offsets: Lists of rows as microseconds after the reference time.
        start: The earliest time covered.
        stop: The latest time covered.
    """

    first: int
    dates: Days
    bases: Times
    ends: Indices
    which: Indices
    offsets: list[Indices]
    start: np.datetime64
    stop: np.datetime64

    @classmethod
    def of(cls, hours: Hours, bars: Bars, start: np.datetime64, stop: np.datetime64) -> Self:
        """The rows of all sessions between two times, and possibly of some outside."""
        wide, earlier = hours.reaching(start, stop)
        bases, which, offsets = bars.place(wide)
        bases, which, offsets, kept = _increasing(bases, which, offsets)
        counts = np.array([len(each) for each in offsets])[which]
        ends = np.cumsum(counts)
        first = -int(counts[kept < earlier].sum())
        return cls(first, wide.dates[kept], bases, ends, which, offsets, start, stop)

    def labels(self, indices: Indices) -> Times:
        places = indices - self.first
        sessions = np.searchsorted(self.ends, places, side="right")
        lengths = np.array([len(each) for each in self.offsets])
        begins = np.concatenate([[0], np.cumsum(lengths)])[self.which[sessions]]
        within = places - self.ends[sessions] + lengths[self.which[sessions]]
        found = np.concatenate(self.offsets)[begins + within]
        times: Times = self.bases[sessions] + found.astype("timedelta64[us]")
        return times

    def sessions_of(self, times: Times) -> Indices:
        begins = self.bases + _edges(self.offsets, 0)[self.which]
        return np.maximum(np.searchsorted(begins, times, side="right") - 1, 0)

    def index_at_or_before(self, times: Times) -> Indices:
        sessions = self.sessions_of(times)
        after = (times - self.bases[sessions]).astype(np.int64)
        places = np.empty(times.shape, np.int64)
        for number, offsets in enumerate(self.offsets):
            here = self.which[sessions] == number
            places[here] = np.searchsorted(offsets, after[here], side="right") - len(offsets)
        return self.first + self.ends[sessions] + places - 1


class Exchange:
    """Rows at the bars of an exchange's sessions.

    After the last known day every session is a usual one of its weekday, so forecasts continue,
    without holidays that have not been announced yet.

    Args:
        cadence: The step within a session, or a day.
        timezone: IANA name of the zone in which the series' days are counted.
        hours: The sessions.
        bars: The times of rows in the sessions.
    """

    def __init__(self, cadence: Cadence, timezone: str, hours: Hours, bars: Bars) -> None:
        self.cadence = cadence
        self.timezone = timezone
        self.hours = hours
        self.bars = bars
        # Grows when times outside it are requested; replaced as a whole, so threads can share it.
        self._table = _Table.of(
            hours, bars, hours.first_day.astype("datetime64[us]") + _SPARE, hours.marks[-1, 0]
        )

    @classmethod
    def learn(cls, times: Times, cadence: Cadence, timezone: str, hours: Hours) -> Self:
        """Learn from a series' rows where its bars lie; the arguments are those of `learn_bars`."""
        hours = hours.since(times[0])
        wide, _ = hours.reaching(times[0], times[-1])
        return cls(cadence, timezone, hours, learn_bars(times, cadence, wide, timezone))

    @property
    def season_steps(self) -> int:
        """Rows of a usual session, or of a week if sessions have one row; 1 if there is none."""
        if isinstance(self.bars, DailyBars):
            weekdays = np.bincount((self.hours.dates[-260:].astype(np.int64) + 3) % 7)
            return max(1, int((weekdays >= 0.2 * weekdays.max()).sum()))
        return len(self.bars.offsets[self.bars.usual])

    def labels(self, indices: Indices) -> Times:
        """UTC times of rows by number, `datetime64[us]`."""
        numbers = np.asarray(indices, dtype=np.int64)
        if numbers.size == 0:
            return np.empty(numbers.shape, "datetime64[us]")
        low, high = int(numbers.min()), int(numbers.max())
        table = self._table
        while low < table.first or high >= table.first + int(table.ends[-1]):
            missing = max(table.first - low, high - table.first - int(table.ends[-1]), 0)
            more = (missing // self.season_steps * 2 + 14) * _DAY
            back, on = more * (low < table.first), more * (low >= table.first)
            table = self._table = _Table.of(
                self.hours, self.bars, table.start - back, table.stop + on
            )
        return table.labels(numbers)

    def index_at_or_before(self, times: Times) -> Indices:
        """The number of the last row at or before each UTC time."""
        moments = np.asarray(times, dtype="datetime64[us]")
        if moments.size == 0:
            return np.empty(moments.shape, np.int64)
        return self._covering(moments).index_at_or_before(moments)

    def days(self, times: Times) -> Days:
        """The session day of the last row at or before each UTC time."""
        table = self._covering(times)
        return table.dates[table.sessions_of(times)]

    def _covering(self, times: Times) -> _Table:
        first, last = times.min() - _SPARE, times.max() + _SPARE
        table = self._table
        if first < table.start or last > table.stop:
            table = self._table = _Table.of(
                self.hours,
                self.bars,
                table.start if first >= table.start else first - _AT_ONCE,
                table.stop if last <= table.stop else last + _AT_ONCE,
            )
        return table

    def future(self, after: np.datetime64, count: int) -> Times:
        """The times of the next `count` rows after a UTC time, `(count,)`."""
        moment = np.asarray(after, dtype="datetime64[us]").reshape(1)
        return self.labels(self.index_at_or_before(moment) + 1 + np.arange(count))

    def to_json(self) -> dict[str, Any]:
        """The calendar as JSON values."""
        return {
            "kind": "exchange",
            "cadence": self.cadence.text,
            "timezone": self.timezone,
            "hours": self.hours.to_json(),
            "bars": self.bars.to_json(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The calendar that `to_json` stored."""
        cadence = Cadence.parse(stored["cadence"])
        hours, bars = Hours.from_json(stored["hours"]), bars_from_json(stored["bars"], cadence)
        return cls(cadence, stored["timezone"], hours, bars)

    def with_hours(self, hours: Hours) -> "Exchange":
        """The same bars in newer sessions."""
        return Exchange(self.cadence, self.timezone, hours.since(self.hours.marks[0, 0]), self.bars)


def _increasing(
    bases: Times, which: Indices, offsets: list[Indices]
) -> tuple[Times, Indices, list[Indices], Indices]:
    """Keep the sessions with rows, and drop rows that lie before the end of the previous one.

    A session that closely follows another, as special sessions do, loses the rows before its
    open or after its close that would fall into the other.

    Returns:
        Reference times, entries in `offsets`, offsets, and the indices of the kept sessions.
    """
    kept = np.flatnonzero(np.array([len(each) for each in offsets])[which])
    bases, which = bases[kept], which[kept]
    firsts, lasts = bases + _edges(offsets, 0)[which], bases + _edges(offsets, -1)[which]
    crowded = np.flatnonzero(firsts[1:] <= lasts[:-1]) + 1
    if len(crowded) == 0:
        return bases, which, offsets, kept
    which, offsets = which.copy(), list(offsets)
    for session in crowded.tolist():
        room = (lasts[session - 1] - bases[session]).astype(np.int64)
        offsets.append(offsets[which[session]][offsets[which[session]] > room])
        which[session] = len(offsets) - 1
    bases, which, offsets, again = _increasing(bases, which, offsets)
    return bases, which, offsets, kept[again]


def _edges(offsets: list[Indices], place: int) -> npt.NDArray[np.timedelta64]:
    """The first or the last number of each list; 0 for an empty list."""
    return np.array([each[place] if len(each) else 0 for each in offsets], "timedelta64[us]")
