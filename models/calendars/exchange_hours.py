"""An exchange's opening hours: its known sessions, and a usual week outside of them."""

import base64
import zlib
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from models.arrays import Times
from models.calendars.cadence import Indices
from models.calendars.timezones import to_local, to_utc
from models.errors import DataError

Days = npt.NDArray[np.datetime64]

# Columns of `Hours.marks`. Without a pause, both `PAUSE` and `RESUME` are the close.
OPEN, PAUSE, RESUME, CLOSE = range(4)

_MINUTE_MICROSECONDS = 60_000_000
_USUAL_SESSIONS = 260
_LEAST_SHARE_OF_WEEKDAY = 0.2
_MARGIN = np.timedelta64(7, "D")


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """The sessions of an exchange.

    Args:
        code: The exchange's code, such as `"XNYS"`.
        timezone: IANA name of the exchange's time zone.
        first_day: The first day for which it is known whether there is a session.
        last_day: The last such day.
        dates: `(sessions,)` of `datetime64[D]`, the day that each session belongs to.
        marks: `(sessions, 4)` of `datetime64[us]`, UTC: when each session opens, pauses,
            resumes and closes.

    Raises:
        DataError: If shapes disagree, or sessions overlap or are not in order.
    """

    code: str
    timezone: str
    first_day: np.datetime64
    last_day: np.datetime64
    dates: Days
    marks: Times

    def __post_init__(self) -> None:
        if self.marks.shape != (len(self.dates), 4) or len(self.dates) == 0:
            raise DataError(
                "`marks` must have the shape (sessions, 4), with at least one session. "
                f"Received: {self.marks.shape} for {len(self.dates)} dates"
            )
        if (np.diff(self.marks, axis=1) < np.timedelta64(0)).any() or (
            self.marks[1:, OPEN] < self.marks[:-1, CLOSE]
        ).any():
            raise DataError(f"The sessions of {self.code} must follow each other in time.")

    def since(self, time: np.datetime64) -> "Hours":
        """These hours without the sessions more than a week before a time."""
        kept = self.marks[:, CLOSE] >= time - _MARGIN
        kept[-_USUAL_SESSIONS:] = True
        first = int(np.argmax(kept))
        if first == 0:
            return self
        return replace(
            self,
            first_day=self.dates[first],
            dates=self.dates[first:],
            marks=self.marks[first:],
        )

    def reaching(self, first: np.datetime64, last: np.datetime64) -> tuple["Hours", int]:
        """These hours with usual weeks wherever sessions are unknown between two times.

        Returns:
            The hours, and the number of sessions that were added before the known ones.
        """
        days = np.array([first, last], "datetime64[us]").astype("datetime64[D]")
        dates, marks, earlier = self.dates, self.marks, 0
        if days[1] >= self.last_day:
            new = np.arange(self.last_day + 1, days[1] + 8)
            more_dates, more = _usual_week(self, slice(-_USUAL_SESSIONS, None), new)
            # An added session must not begin before the last known one ends.
            free = more[:, OPEN] >= marks[-1, CLOSE]
            dates = np.concatenate([dates, more_dates[free]])
            marks = np.concatenate([marks, more[free]])
        if days[0] <= self.first_day:
            new = np.arange(days[0] - 7, self.first_day)
            more_dates, more = _usual_week(self, slice(0, _USUAL_SESSIONS), new)
            free = more[:, CLOSE] <= marks[0, OPEN]
            dates = np.concatenate([more_dates[free], dates])
            marks = np.concatenate([more[free], marks])
            earlier = int(free.sum())
        return replace(self, dates=dates, marks=marks), earlier

    def session_of(self, times: Times, *, middle: Literal["left", "right"] = "right") -> Indices:
        """The session nearest to each time.

        Args:
            times: UTC, from the first session to the last one.
            middle: Whether the time midway between two sessions belongs to the one before
                (`"left"`) or after it: where sessions touch, this is the close of one and the
                open of the other.
        """
        closes, opens = self.marks[:-1, CLOSE], self.marks[1:, OPEN]
        return np.searchsorted(closes + (opens - closes) // 2, times, side=middle)

    def shapes(self) -> tuple[npt.NDArray[np.int64], Indices]:
        """The different courses of sessions, and the course of each session.

        Returns:
            `(shapes, 4)` of microseconds after the open, and `(sessions,)` of indices into it.
        """
        after_open = (self.marks - self.marks[:, :1]).astype(np.int64)
        found, which = np.unique(after_open, axis=0, return_inverse=True)
        return found, which.reshape(-1)

    def to_json(self) -> dict[str, Any]:
        """The hours as JSON values; sessions are compressed, as most repeat the one before."""
        days = self.dates.astype(np.int64)[:, np.newaxis]
        minutes = self.marks.astype(np.int64) // _MINUTE_MICROSECONDS
        table = np.diff(np.hstack([days, minutes]), axis=0, prepend=0).astype("<i8")
        # Stored by column, the table compresses better: values repeat down each column.
        packed = zlib.compress(np.ascontiguousarray(table.T).tobytes(), 9)
        return {
            "code": self.code,
            "timezone": self.timezone,
            "first_day": str(self.first_day),
            "last_day": str(self.last_day),
            "sessions": base64.b64encode(packed).decode(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The hours that `to_json` stored.

        Raises:
            DataError: If the sessions do not follow each other in time.
        """
        raw = zlib.decompress(base64.b64decode(stored["sessions"]))
        table = np.cumsum(np.frombuffer(raw, "<i8").reshape(5, -1).T, axis=0)
        return cls(
            stored["code"],
            stored["timezone"],
            np.datetime64(stored["first_day"], "D"),
            np.datetime64(stored["last_day"], "D"),
            table[:, 0].astype("datetime64[D]"),
            (table[:, 1:] * _MINUTE_MICROSECONDS).astype("datetime64[us]"),
        )


def _usual_week(hours: Hours, among: slice, days: Days) -> tuple[Days, Times]:
    """The usual sessions on days, by weekday and in local time."""
    dates, marks = hours.dates[among], hours.marks[among]
    local = to_local(marks, hours.timezone)
    clock = (local - dates[:, np.newaxis].astype("datetime64[us]")).astype(np.int64)
    weekdays, wanted = _weekdays(dates), _weekdays(days)
    sessions = np.bincount(weekdays, minlength=7)
    chosen_days, chosen = [], []
    for weekday in np.flatnonzero(sessions >= _LEAST_SHARE_OF_WEEKDAY * sessions.max()).tolist():
        courses, counts = np.unique(clock[weekdays == weekday], axis=0, return_counts=True)
        on_weekday = days[wanted == weekday].astype("datetime64[us]")
        usual = courses[np.argmax(counts)].astype("timedelta64[us]")
        chosen_days.append(on_weekday)
        chosen.append(on_weekday[:, np.newaxis] + usual)
    all_days, wall = np.concatenate(chosen_days), np.concatenate(chosen)
    order = np.argsort(all_days)
    return all_days[order].astype("datetime64[D]"), to_utc(wall[order], hours.timezone)


def _weekdays(days: Days) -> Indices:
    """Weekdays of days; Monday is 0."""
    return (days.astype(np.int64) + 3) % 7
