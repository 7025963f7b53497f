"""What a series' recent rows show, cached between appends so that most of them read nothing."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Self

import numpy as np
from sqlalchemy.orm import Session

from app.calendars.service import hours_of
from app.errors import CalendarUnavailable
from app.ingest.plausibility.usual_times import UsualTimes
from app.ingest.plausibility.usual_values import LEVEL_ROWS, UsualValues
from app.series.changes import Batch
from app.series.storage import row_reader
from app.series.tables import Series
from models.arrays import Times, Values
from models.calendars.exchange_hours import Hours

# The rows that what is usual is learnt from; fewer of series with very many channels.
MOST_ROWS = 1000
MOST_VALUES = 100_000
# What is usual is learnt again when this share of the rows is new.
_NEW_SHARE = 8
MOST_SERIES = 1000

# The settings of a series that decide what is usual: cadence, calendar, time zone, and channels
# with whether they are angular.
Settings = tuple[str | None, str, str, tuple[tuple[str, bool], ...]]


@dataclass(frozen=True, slots=True)
class Recent:
    """The recent rows of a series, and what they show.

    Args:
        values: What is usual in each channel.
        times: The rules that the times keep.
        tail: The values of the last rows, at most `LEVEL_ROWS`.
        first: The time of the first recent row.
        last: The time of the last row.
        step: The usual distance between rows.
        settings: The series' settings when this was learnt.
        learnt_rows: The number of rows that this was learnt from.
        new_rows: The number of rows since then.
        is_forecast: Whether versions may have forecast the next rows.
    """

    values: UsualValues
    times: UsualTimes
    tail: Values
    first: np.datetime64
    last: np.datetime64
    step: np.timedelta64
    settings: Settings
    learnt_rows: int
    new_rows: int = 0
    is_forecast: bool = True

    @classmethod
    def learn(cls, session: Session, series: Series) -> Self | None:
        """Read the recent rows; None for a series without rows."""
        channels = len(series.channels)
        limit = min(MOST_ROWS, max(LEVEL_ROWS + 1, MOST_VALUES // max(channels, 1)))
        rows = row_reader.last_rows(session, series.id, channels, limit)
        if not len(rows):
            return None
        times: Times = rows.times.view("datetime64[us]")
        angular = np.array([channel["angular"] for channel in series.channels])
        hours = _hours(session, series)
        steps = np.diff(times)
        return cls(
            values=UsualValues.of(rows.values, angular),
            times=UsualTimes.of(times, series.cadence, series.calendar, series.timezone, hours),
            tail=rows.values[-LEVEL_ROWS:],
            first=times[0],
            last=times[-1],
            step=np.median(steps) if len(steps) else np.timedelta64(0, "us"),
            settings=settings_of(series),
            learnt_rows=len(rows),
        )

    def after(self, series: Series, batch: Batch, *, is_forecast: bool) -> "Recent | None":
        """This after a stored append; None where it has to be learnt again."""
        times: Times = batch.times.view("datetime64[us]")
        new_rows = self.new_rows + len(times)
        if (
            self.settings != settings_of(series)
            or times[0] <= self.last
            or new_rows * _NEW_SHARE > self.learnt_rows
        ):
            return None
        newest = batch.values[-LEVEL_ROWS:]
        rows = np.full((len(newest), len(series.channels)), np.nan)
        rows[:, columns_of(series, batch)] = newest
        return replace(
            self,
            tail=np.concatenate([self.tail, rows])[-LEVEL_ROWS:],
            last=times[-1],
            new_rows=new_rows,
            is_forecast=is_forecast,
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    created_at: datetime
    revision: int
    recent: Recent


class RecentCache:
    """What is known of the series that were last appended to; safe to use from several threads."""

    def __init__(self) -> None:
        self._entries: OrderedDict[int, _Entry] = OrderedDict()
        self._lock = Lock()

    def get(self, series: Series) -> Recent | None:
        """What is known of a series at its present revision; None if it is not cached."""
        with self._lock:
            entry = self._entries.get(series.id)
        # SQLite gives the id of a deleted series to the next new one.
        if entry is None or entry.created_at != series.created_at:
            return None
        is_present = entry.revision == series.revision
        return entry.recent if is_present and entry.recent.settings == settings_of(series) else None

    def put(self, series: Series, recent: Recent | None) -> None:
        """Cache what is known of a series once the transaction of its last write has ended."""
        with self._lock:
            self._entries.pop(series.id, None)
            if recent is not None:
                self._entries[series.id] = _Entry(series.created_at, series.revision, recent)
            if len(self._entries) > MOST_SERIES:
                self._entries.popitem(last=False)


cache = RecentCache()


def recent_of(session: Session, series: Series) -> Recent | None:
    """What the recent rows of a locked series show; None for a series without rows."""
    if not series.rows:
        return None
    return cache.get(series) or Recent.learn(session, series)


def columns_of(series: Series, batch: Batch) -> list[int]:
    """The places of a batch's channels among those of the series."""
    names = [channel["name"] for channel in series.channels]
    return [names.index(name) for name in batch.channels]


def settings_of(series: Series) -> Settings:
    """The settings that decide what is usual."""
    channels = tuple((channel["name"], channel["angular"]) for channel in series.channels)
    return (series.cadence, series.calendar, series.timezone, channels)


def _hours(session: Session, series: Series) -> Hours | None:
    try:
        return hours_of(session, series.calendar)
    except CalendarUnavailable:
        return None
