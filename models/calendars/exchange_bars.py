"""The times of a series' rows within an exchange's sessions, learnt from the rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.arrays import Times
from models.calendars.cadence import Cadence, Indices
from models.calendars.exchange_hours import CLOSE, OPEN, PAUSE, RESUME, Hours
from models.calendars.timezones import to_local, to_utc

Shape = tuple[int, ...]

_RECENT_SESSIONS = 12
_LEAST_SHARE_OF_SESSIONS = 0.5
# With fewer sessions of one course, past rows are not enough evidence of later rows.
_LEAST_SESSIONS = 3


@dataclass(frozen=True, slots=True, eq=False)
class DailyBars:
    """One row per session.

    Args:
        zone: IANA name of the zone of the labels.
        time_of_day: Microseconds after the local midnight of the session's day; None if rows
            are labelled with the cadence's next step after the close, as resampled rows are.
        cadence: The step.
    """

    zone: str
    time_of_day: int | None
    cadence: Cadence

    def label(self, hours: Hours) -> Times:
        """The time of each session's row, `(sessions,)`, UTC."""
        if self.time_of_day is not None:
            days: Times = hours.dates.astype("datetime64[us]")
            wall: Times = days + np.timedelta64(self.time_of_day, "us")
            return to_utc(wall, self.zone)
        local = to_local(hours.marks[:, CLOSE], self.zone)
        return to_utc(self.cadence.labels(self.cadence.index_at_or_after(local)), self.zone)

    def place(self, hours: Hours) -> tuple[Times, Indices, list[Indices]]:
        """For each session a reference time and row offsets from it, in microseconds."""
        return self.label(hours), np.zeros(len(hours.dates), np.int64), [np.zeros(1, np.int64)]

    def to_json(self) -> dict[str, Any]:
        """The rule as JSON values."""
        return {"zone": self.zone, "time_of_day_microseconds": self.time_of_day}


@dataclass(frozen=True, slots=True, eq=False)
class SessionBars:
    """Rows at fixed distances from the open, for each course that a session can have.

    A course is when a session opens, pauses, resumes and closes, in microseconds after its open.

    Args:
        cadence: The step.
        usual: The course of a usual session.
        offsets: For the usual course, and for others that were seen often enough, the rows as
            microseconds after the open, increasing.
    """

    cadence: Cadence
    usual: Shape
    offsets: Mapping[Shape, Indices]

    def of(self, shape: Shape) -> Indices:
        """The rows of a session with this course: as observed, or derived from the usual course."""
        seen = self.offsets.get(shape)
        return self._derived(shape) if seen is None else seen

    def place(self, hours: Hours) -> tuple[Times, Indices, list[Indices]]:
        """For each session a reference time and row offsets from it, in microseconds."""
        shapes, which = hours.shapes()
        return hours.marks[:, OPEN], which, [self.of(tuple(shape)) for shape in shapes.tolist()]

    def _derived(self, shape: Shape) -> Indices:
        """The usual rows before the open, while the market is open, and after the close."""
        rows, end, usual_end = self.offsets[self.usual], shape[CLOSE], self.usual[CLOSE]
        inside = rows[(rows >= 0) & (rows <= usual_end)]
        by_open, by_close = bool((rows == 0).any()), bool((rows == usual_end).any())
        steps = np.arange(inside[0] if len(inside) else 0, end + 1, self.cadence.count)
        # Usual sessions have no rows to copy while they are closed: take every step.
        further = steps[~_is_open(steps, self.usual, by_open=by_open, by_close=by_close)]
        edge = [end] if by_close else []
        during = np.unique(np.concatenate([inside, further, np.array(edge, np.int64)]))
        during = during[_is_open(during, shape, by_open=by_open, by_close=by_close)]
        before, after = rows[rows < 0], rows[rows > usual_end] - usual_end + end
        return np.concatenate([before, during, after]).astype(np.int64)

    def to_json(self) -> dict[str, Any]:
        """The rule as JSON values."""
        return {
            "usual": list(self.usual),
            "courses": [
                {"course": list(shape), "offsets_microseconds": rows.tolist()}
                for shape, rows in self.offsets.items()
            ],
        }


Bars = DailyBars | SessionBars


def bars_from_json(stored: dict[str, Any], cadence: Cadence) -> Bars:
    """The bars that `to_json` stored."""
    if "zone" in stored:
        return DailyBars(stored["zone"], stored["time_of_day_microseconds"], cadence)
    offsets = {
        tuple(each["course"]): np.array(each["offsets_microseconds"], np.int64)
        for each in stored["courses"]
    }
    return SessionBars(cadence, tuple(stored["usual"]), offsets)


def learn_bars(times: Times, cadence: Cadence, hours: Hours, timezone: str) -> Bars:
    """Learn the times of rows within or next to their sessions.

    Rows of whole days are labelled with their session's day at one local time, or with the
    next step after its close, whichever fits more rows. Finer rows lie at the distances from
    the open that at least half of the last 12 sessions of the same course share: so bars may be
    labelled with their open or their close, and some may lie before the open.

    Args:
        times: `(rows,)`, UTC, strictly increasing, at least one.
        cadence: The step between them.
        hours: The sessions, from before the first row to after the last one.
        timezone: IANA name of the series' zone.
    """
    if cadence.counts_days:
        return _daily_bars(times, cadence, hours, timezone)
    shapes, which = hours.shapes()
    sessions = hours.session_of(times, middle="left" if _by_close(times, hours) else "right")
    after_open = (times - hours.marks[sessions, OPEN]).astype(np.int64)
    courses = which[sessions]
    latest = np.unique(sessions)[-5 * _RECENT_SESSIONS :]
    usual = int(np.argmax(np.bincount(which[latest])))
    offsets: dict[Shape, Indices] = {}
    for course in np.unique(courses).tolist():
        recent = np.unique(sessions[courses == course])[-_RECENT_SESSIONS:]
        if course == usual or len(recent) >= _LEAST_SESSIONS:
            rows = after_open[(courses == course) & (sessions >= recent[0])]
            shape = tuple(shapes[course].tolist())
            offsets[shape] = _shared_rows(rows, len(recent), shape, cadence)
    return SessionBars(cadence, tuple(shapes[usual].tolist()), offsets)


def _by_close(times: Times, hours: Hours) -> bool:
    """Whether sessions that touch no other have rows at their close rather than at their open."""
    meets = hours.marks[1:, OPEN] == hours.marks[:-1, CLOSE]
    opens, closes = hours.marks[1:, OPEN][~meets], hours.marks[:-1, CLOSE][~meets]
    return bool(np.isin(closes, times).sum() > np.isin(opens, times).sum())


def _daily_bars(times: Times, cadence: Cadence, hours: Hours, timezone: str) -> DailyBars:
    zones = list(dict.fromkeys([timezone, hours.timezone]))
    candidates = [
        *(DailyBars(zone, _usual_time_of_day(times, zone), cadence) for zone in zones),
        *(DailyBars(zone, None, cadence) for zone in zones),
    ]
    return max(candidates, key=lambda bars: int(np.isin(times, bars.label(hours)).sum()))


def _usual_time_of_day(times: Times, zone: str) -> int:
    local = to_local(times, zone)
    found, counts = np.unique(local - local.astype("datetime64[D]"), return_counts=True)
    return int(found[np.argmax(counts)].astype(np.int64))


def _shared_rows(rows: Indices, sessions: int, shape: Shape, cadence: Cadence) -> Indices:
    """The rows that at least half of the sessions have; every step, if sessions are too few."""
    found, counts = np.unique(rows, return_counts=True)
    shared: Indices = found[counts >= _LEAST_SHARE_OF_SESSIONS * sessions]
    if sessions >= _LEAST_SESSIONS and len(shared):
        return shared
    by_close = 0 not in found and bool(np.isin([cadence.count, shape[CLOSE]], found).any())
    first = int(found[np.argmax(counts)]) % cadence.count
    steps = np.arange(first, shape[CLOSE] + 1, cadence.count)
    steps = np.append(steps, [shape[CLOSE]] * by_close)
    steps = np.unique(steps[_is_open(steps, shape, by_open=not by_close, by_close=by_close)])
    # Steps longer than a session may all lie outside it.
    return steps if len(steps) else found


def _is_open(
    offsets: Indices, shape: Shape, *, by_open: bool, by_close: bool
) -> npt.NDArray[np.bool_]:
    """Whether the market is open at distances from the open; its edges only if requested."""
    has_pause = shape[PAUSE] < shape[RESUME]
    inside = (offsets > 0) & (offsets < shape[CLOSE])
    inside &= (offsets < shape[PAUSE]) | (offsets > shape[RESUME])
    if by_open:
        inside |= np.isin(offsets, [0, shape[RESUME]] if has_pause else [0])
    if by_close:
        inside |= np.isin(offsets, [shape[PAUSE], shape[CLOSE]])
    return inside
