"""The times at which rows are expected: every step, learnt sessions, or an exchange's sessions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.arrays import Times
from models.calendars.cadence import DAY_MICROSECONDS, ORIGIN, Cadence, Indices
from models.calendars.exchange import Exchange
from models.calendars.exchange_hours import Hours
from models.calendars.jitter import is_jittered, usual_phase
from models.calendars.month_points import POINTS, after_points, month_numbers
from models.calendars.timezones import find_zone, to_local, to_utc
from models.calendars.usual_bars import learn_usual_bars
from models.errors import DataError

CALENDARS = ("continuous", "sessions")

# Labels are offset from whole steps only if this share of the rows has the same offset.
_LEAST_SHARE_OF_OFFSET = 0.75

WEEK_MICROSECONDS = 7 * DAY_MICROSECONDS


@dataclass(frozen=True, slots=True)
class Continuous:
    """A row at every step; a missing row is a gap.

    Args:
        cadence: The step.
        offset_microseconds: Distance of rows after the cadence's points: 5 days for a weekly
            series on Saturdays. For monthly cadences, after the point of the row's month.
        timezone: IANA name of the zone whose days, months and years are counted. Steps below a
            day are counted in UTC.
        offset_months: Months by which a longer cadence is shifted against the calendar year: 1
            for quarters that begin in February.
        rounds: Whether times differ from rows by a jitter, so that an observation belongs to the
            nearest row instead of the next one.
    """

    cadence: Cadence
    offset_microseconds: int = 0
    timezone: str = "UTC"
    offset_months: int = 0
    rounds: bool = False

    @property
    def season_steps(self) -> int:
        """Rows in the next natural cycle, such as 24 for hours; 1 if there is none."""
        return self.cadence.season_steps

    def labels(self, indices: Indices) -> Times:
        """UTC times of rows by number, `datetime64[us]`."""
        return to_utc(self._local_labels(indices), self._zone)

    def index_at_or_before(self, times: Times) -> Indices:
        """The number of the last row at or before each UTC time."""
        indices = self._near(times)
        if self._zone == "UTC" and not self._monthly:
            return indices
        # Local time jumps and months differ in length, so the number may be off by one: compare
        # in UTC.
        indices = indices + (self.labels(indices + 1) <= times)
        return indices - (self.labels(indices) > times)

    def index_at_or_after(self, times: Times) -> Indices:
        """The number of the first row at or after each UTC time."""
        before = self.index_at_or_before(times)
        return before + (self.labels(before) < times)

    def nearest(self, times: Times) -> Times:
        """The time of the row nearest to each UTC time; the earlier one of two."""
        before = self.index_at_or_before(times)
        earlier, later = self.labels(before), self.labels(before + 1)
        return np.where(later - times < times - earlier, later, earlier)

    def future(self, after: np.datetime64, count: int) -> Times:
        """The times of the next `count` rows after a UTC time, `(count,)`."""
        moment = np.asarray(after, dtype="datetime64[us]").reshape(1)
        near = self._near(moment)
        # One row more on either side: a clock change can shift the number by one.
        times = self.labels(near - 1 + np.arange(count + 3))
        first = int(np.searchsorted(times, moment[0], side="right"))
        return times[first : first + count]

    def to_json(self) -> dict[str, Any]:
        """The calendar as JSON values."""
        return {
            "kind": "continuous",
            "cadence": self.cadence.text,
            "offset_microseconds": self.offset_microseconds,
            "timezone": self.timezone,
            **({"offset_months": self.offset_months} if self.offset_months else {}),
            **({"rounds": True} if self.rounds else {}),
        }

    def _local_labels(self, indices: Indices) -> Times:
        if not self._monthly:
            return self.cadence.labels(indices) + self._offset
        first = self.cadence.first_month + self.offset_months
        months = np.asarray(indices, np.int64) * self.cadence.count + first
        return after_points(self.cadence.unit, months, self._offset)

    def _near(self, times: Times) -> Indices:
        """The number of the row at or before each UTC time, at most one off."""
        local = to_local(times, self._zone)
        if not self._monthly:
            return self.cadence.index_at_or_before(local - self._offset)
        first = self.cadence.first_month + self.offset_months
        return (month_numbers(local) - first) // self.cadence.count

    @property
    def _monthly(self) -> bool:
        return self.cadence.unit in POINTS

    @property
    def _offset(self) -> np.timedelta64:
        return np.timedelta64(self.offset_microseconds, "us")

    @property
    def _zone(self) -> str:
        return self.timezone if self.cadence.counts_days else "UTC"


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Rows at the usual times of the usual weekdays.

    Args:
        cadence: The step within a session.
        timezone: IANA name of the zone in which sessions keep their hours.
        bars: For each weekday from Monday, the usual times as microseconds after local midnight,
            increasing; empty on days without a session.
        unsure: Whether less than three whole weeks show the hours.
    """

    cadence: Cadence
    timezone: str
    bars: tuple[npt.NDArray[np.int64], ...]
    unsure: bool = False

    @property
    def season_steps(self) -> int:
        """Rows of a usual session, or of a week if sessions have one row; 1 if there is none."""
        longest = max(len(bars) for bars in self.bars)
        return longest if longest > 1 else max(1, sum(len(bars) for bars in self.bars))

    @property
    def day_begins(self) -> np.timedelta64:
        """The local time at which a day of sessions begins: midnight, unless sessions pass it.

        It is the middle of the longest time of day at which no weekday has a row.
        """
        found = np.unique(np.concatenate(self.bars))
        pauses = np.diff(found, append=found[0] + DAY_MICROSECONDS)
        longest = int(np.argmax(pauses))
        passes_midnight = pauses[-1] <= 2 * self.cadence.approximate_seconds * 1e6
        if not passes_midnight or pauses[longest] <= 2 * self.cadence.approximate_seconds * 1e6:
            return np.timedelta64(0, "us")
        return np.timedelta64(int(found[longest] + pauses[longest] // 2), "us")

    def labels(self, indices: Indices) -> Times:
        """UTC times of usual rows by number, `datetime64[us]`."""
        bars = self._bars_of_week
        weeks, places = np.divmod(indices, len(bars))
        local = ORIGIN + (bars[places] + weeks * WEEK_MICROSECONDS).astype("timedelta64[us]")
        return to_utc(local, self.timezone)

    def index_at_or_before(self, times: Times) -> Indices:
        """The number of the last usual row at or before each UTC time, by the local clock."""
        bars = self._bars_of_week
        local = (to_local(times, self.timezone) - ORIGIN).astype(np.int64)
        weeks, within = np.divmod(local, WEEK_MICROSECONDS)
        return weeks * len(bars) + np.searchsorted(bars, within, side="right") - 1

    def future(self, after: np.datetime64, count: int) -> Times:
        """The times of the next `count` usual rows after a UTC time, `(count,)`."""
        moment = np.asarray(after, dtype="datetime64[us]").reshape(1)
        day = int(
            (to_local(moment, self.timezone) - ORIGIN).astype(np.int64)[0] // DAY_MICROSECONDS
        )
        times = self._from_day(day, count)
        if len(times) - np.searchsorted(times, moment[0], side="right") < count:
            # A clock change can merge two bars into one: one more week is always enough.
            times = self._from_day(day, count + sum(len(bars) for bars in self.bars))
        first = int(np.searchsorted(times, moment[0], side="right"))
        return times[first : first + count]

    def to_json(self) -> dict[str, Any]:
        """The calendar as JSON values: weekdays with the same bars are stored once."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for weekday, bars in enumerate(self.bars):
            if len(bars):
                groups.setdefault(tuple(bars.tolist()), []).append(weekday)
        return {
            "kind": "sessions",
            "cadence": self.cadence.text,
            "timezone": self.timezone,
            "sessions": [
                {"weekdays": weekdays, "bars_microseconds": list(bars)}
                for bars, weekdays in groups.items()
            ],
            **({"unsure": True} if self.unsure else {}),
        }

    @property
    def _bars_of_week(self) -> Indices:
        """All usual times of a week as microseconds after Monday's midnight, increasing."""
        return np.concatenate(
            [bars + weekday * DAY_MICROSECONDS for weekday, bars in enumerate(self.bars)]
        )

    def _from_day(self, day: int, count: int) -> Times:
        """The bars of `day` and at least `count` later ones, UTC, increasing."""
        chosen = [self.bars[day % 7] + day * DAY_MICROSECONDS]
        wanted = count
        while wanted > 0:
            day += 1
            bars = self.bars[day % 7]
            if len(bars):
                chosen.append(bars + day * DAY_MICROSECONDS)
                wanted -= len(bars)
        local = ORIGIN + np.concatenate(chosen).astype("timedelta64[us]")
        if self.timezone == "UTC":
            return local
        times = to_utc(local, self.timezone)
        # Bars in an hour that a clock change skips coincide with later bars: keep each time once.
        return times if (times[1:] > times[:-1]).all() else np.unique(times)


Calendar = Continuous | Sessions | Exchange


def learn_calendar(
    times: Times, cadence: Cadence, calendar: str, timezone: str, hours: Hours | None = None
) -> Calendar:
    """Learn from a series' rows when its next rows are expected.

    Sessions are learnt by `learn_usual_bars`.

    Args:
        times: `(rows,)` of `datetime64[us]`, UTC, strictly increasing.
        cadence: The step between these rows.
        calendar: `"continuous"`, `"sessions"` or an exchange's code. Sessions need steps of a
            day or less; rows further apart are continuous.
        timezone: IANA name of the zone in which days and sessions are counted.
        hours: The exchange's sessions, if `calendar` is a code.

    Raises:
        DataError: If the calendar or the zone is unknown, or if `times` is empty.
    """
    find_zone(timezone)
    if calendar not in CALENDARS and hours is None:
        raise DataError(
            '`calendar` must be "continuous", "sessions", or the code of an exchange with its '
            f'`hours`. Received: "{calendar}"'
        )
    if len(times) == 0:
        raise DataError("A calendar must be learnt from at least 1 row. Received: 0")
    daily_or_finer = cadence.approximate_seconds <= Cadence("B", 1).approximate_seconds
    if calendar not in CALENDARS and hours is not None and daily_or_finer:
        return Exchange.learn(times, cadence, timezone, hours)
    if calendar == "sessions" and daily_or_finer:
        return Sessions(cadence, timezone, *learn_usual_bars(to_local(times, timezone), cadence))
    months = _usual_offset_months(to_local(times, timezone), cadence)
    whole_steps = Continuous(cadence, 0, timezone, months)
    since = _since_steps(times, whole_steps)
    offset, rounds = _usual_offset(since), _is_jittered(times, whole_steps)
    if rounds and offset is None:
        offset = usual_phase(since, cadence.count)
    return Continuous(cadence, offset or 0, timezone, months, rounds)


def calendar_from_json(data: dict[str, Any]) -> Calendar:
    """The calendar that `to_json` stored.

    Raises:
        DataError: If the kind is unknown.
    """
    kind, cadence, timezone = data.get("kind"), Cadence.parse(data["cadence"]), data["timezone"]
    if kind == "exchange":
        return Exchange.from_json(data)
    if kind == "continuous":
        months = data.get("offset_months", 0)
        # Calendars made before times could be rounded lack this key.
        rounds = data.get("rounds", False)
        return Continuous(cadence, data["offset_microseconds"], timezone, months, rounds)
    if kind != "sessions":
        kinds = (*CALENDARS, "exchange")
        raise DataError(f'A calendar\'s kind must be one of {kinds}. Received: "{kind}"')
    bars = [np.empty(0, dtype=np.int64)] * 7
    for session in data["sessions"]:
        for weekday in session["weekdays"]:
            bars[weekday] = np.array(session["bars_microseconds"], dtype=np.int64)
    # Calendars made before hours could be unsure lack this key.
    return Sessions(cadence, timezone, tuple(bars), data.get("unsure", False))


def _usual_offset_months(local: Times, cadence: Cadence) -> int:
    if cadence.unit not in POINTS:
        return 0
    after_first = (month_numbers(local) - cadence.first_month) % cadence.count
    found, counts = np.unique(after_first, return_counts=True)
    most = int(np.argmax(counts))
    return int(found[most]) if counts[most] >= _LEAST_SHARE_OF_OFFSET * len(local) else 0


def _since_steps(times: Times, whole_steps: Continuous) -> Indices:
    """How long after the last whole step each row comes, in microseconds."""
    local = to_local(times, whole_steps.timezone) if whole_steps.cadence.counts_days else times
    places = whole_steps.index_at_or_before(times)
    points = whole_steps.labels(places)
    since = local - (to_local(points, whole_steps.timezone) if local is not times else points)
    return since.astype(np.int64)


def _usual_offset(since: Indices) -> int | None:
    found, counts = np.unique(since, return_counts=True)
    most = int(np.argmax(counts))
    return int(found[most]) if counts[most] >= _LEAST_SHARE_OF_OFFSET * len(since) else None


def _is_jittered(times: Times, whole_steps: Continuous) -> bool:
    cadence = whole_steps.cadence
    local = to_local(times, whole_steps.timezone) if cadence.counts_days else times
    return cadence.fixed and is_jittered(np.diff(local).astype(np.int64), cadence.count)
