"""What a series' recent rows show: learnt from many rows, kept up to date with each append."""

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.calendars.service import hours_of
from app.errors import CalendarUnavailable
from app.ingest.plausibility.usual_times import UsualTimes
from app.ingest.plausibility.usual_values import LEVEL_ROWS, UsualValues
from app.series.changes import Batch
from app.series.storage import row_reader
from app.series.storage.binary_copy import Microseconds
from app.series.tables import Observation, Series, SeriesRevision
from models.arrays import Values
from models.calendars.cadence import DAY_MICROSECONDS, Cadence
from models.calendars.exchange_hours import Hours

# The rows that what is usual is learnt from; fewer of series with very many channels.
MOST_ROWS = 1000
MOST_VALUES = 100_000
# What is usual is learnt again when more than this share of the rows is new.
_NEW_SHARE = 8
# Hours of a market are learnt from its last 12 sessions of each weekday, as forecasts do.
_SPAN_OF_HOURS = 13 * 7 * DAY_MICROSECONDS
MOST_TIMES = 50_000

# The settings of a series that decide what is usual: cadence, calendar, time zone, channels.
Settings = tuple[str | None, str, str, list[dict[str, Any]]]
# The time and the values of a row.
Row = tuple[int, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Recent:
    """The recent rows of a series, and what they show.

    Args:
        created_at: When the series was created: SQLite gives its id to a later one.
        revision: The series' revision.
        settings: The series' settings when this was learnt.
        values: What is usual in each channel.
        times: The rules that the times keep.
        expected: Times that are usual for certain, in microseconds.
        bounds: For each channel, values between the first two are usual for certain if they are
            at most the third away from the level of the rows before.
        tail: The last rows, at most `LEVEL_ROWS`.
        first: The time of the first recent row, in microseconds.
        last: The time of the last row.
        step: The usual distance between rows.
        learnt_rows: The number of rows that the values were learnt from.
        new_rows: The number of rows that have changed since then.
        new_times: The number of rows that have changed since the times were learnt.
        is_forecast: Whether versions may have forecast the next rows.
    """

    created_at: datetime
    revision: int
    settings: Settings
    values: UsualValues
    times: UsualTimes
    expected: frozenset[int]
    bounds: tuple[tuple[float, float, float], ...]
    tail: tuple[Row, ...]
    first: int
    last: int
    step: int
    learnt_rows: int
    new_rows: int = 0
    new_times: int = 0
    is_forecast: bool = True

    @classmethod
    def learn(cls, session: Session, series: Series, before: "Recent | None" = None) -> Self:
        """Read the recent rows of a series that has rows.

        Args:
            session: The caller's transaction.
            series: The series, locked.
            before: What was learnt with these settings earlier: the rules of the times change more
                rarely than the values, and more rows are read for them.
        """
        channels = len(series.channels)
        limit = min(MOST_ROWS, max(LEVEL_ROWS + 1, MOST_VALUES // max(channels, 1)))
        rows = row_reader.last_rows(session, series.id, channels, limit)
        angular = np.array([channel["angular"] for channel in series.channels])
        values = UsualValues.of(rows.values, angular)
        usual_times, new_times = _usual_times(session, series, rows.times, before)
        last = int(rows.times[-1])
        return cls(
            created_at=series.created_at,
            revision=series.revision,
            settings=settings_of(series),
            values=values,
            times=usual_times,
            expected=usual_times.next_times(last, len(rows) // _NEW_SHARE + 1),
            bounds=_bounds(values, series.channels),
            tail=_rows(rows.times[-LEVEL_ROWS:], rows.values[-LEVEL_ROWS:]),
            first=int(rows.times[0]),
            last=last,
            step=int(np.median(np.diff(rows.times))) if len(rows) > 1 else 0,
            learnt_rows=len(rows),
            new_times=new_times,
        )

    @property
    def is_outdated(self) -> bool:
        """Whether too many rows have changed since: it has to be learnt again."""
        return self.new_rows * _NEW_SHARE > self.learnt_rows

    @property
    def size_bytes(self) -> int:
        """About how much memory this takes."""
        return 100 * len(self.expected) + 500 * len(self.bounds) + self.times.size_bytes

    def after(self, series: Series, batch: Batch, *, is_forecast: bool) -> "Recent":
        """This after a batch of rows was stored."""
        columns = columns_of(series, batch)
        tail = dict(self.tail)
        for time, values in _rows(batch.times[-LEVEL_ROWS:], batch.values[-LEVEL_ROWS:]):
            row = list(tail.get(time, (math.nan,) * len(self.bounds)))
            for column, value in zip(columns, values, strict=True):
                row[column] = value
            tail[time] = tuple(row)
        newest = tuple(sorted(tail.items())[-LEVEL_ROWS:])
        return self._changed(series, newest, len(batch.times), is_forecast=is_forecast)

    def updated(self, session: Session, series: Series) -> "Recent":
        """This after writes of others: uploads, deletions, and appends to other web processes."""
        parameters = {"series_id": series.id, "revision": self.revision}
        found = session.connection().execute(_NEWEST, parameters).all()
        tail = tuple((row.time, tuple(row.vector.tolist())) for row in reversed(found))
        return self._changed(series, tail, found[0].changed, is_forecast=True)

    def _changed(
        self, series: Series, tail: tuple[Row, ...], rows: int, *, is_forecast: bool
    ) -> "Recent":
        return replace(
            self,
            revision=series.revision,
            tail=tail,
            last=tail[-1][0],
            new_rows=self.new_rows + rows,
            new_times=self.new_times + rows,
            is_forecast=is_forecast,
        )


def columns_of(series: Series, batch: Batch) -> list[int]:
    """The places of a batch's channels among those of the series."""
    places = {channel["name"]: place for place, channel in enumerate(series.channels)}
    return [places[name] for name in batch.channels]


def settings_of(series: Series) -> Settings:
    """The settings that decide what is usual."""
    return (series.cadence, series.calendar, series.timezone, series.channels)


def _usual_times(
    session: Session, series: Series, times: Microseconds, before: Recent | None
) -> tuple[UsualTimes, int]:
    """The rules of the times, and how many rows have changed since they were learnt."""
    if before is not None and before.new_times * _NEW_SHARE <= before.times.rows:
        return before.times, before.new_times
    if _need_more_rows(series, times):
        earliest = int(times[-1]) - _SPAN_OF_HOURS
        times = row_reader.last_times(session, series.id, MOST_TIMES, start=earliest)
    moments, hours = times.view("datetime64[us]"), _hours(session, series)
    return UsualTimes.of(moments, series.cadence, series.calendar, series.timezone, hours), 0


def _need_more_rows(series: Series, times: Microseconds) -> bool:
    """Whether the hours of a market may need more rows than were read."""
    if series.calendar == "continuous" or series.cadence is None or series.rows <= len(times):
        return False
    is_short = int(times[-1] - times[0]) < _SPAN_OF_HOURS
    return is_short and not Cadence.parse(series.cadence).counts_days


def _bounds(
    values: UsualValues, channels: list[dict[str, Any]]
) -> tuple[tuple[float, float, float], ...]:
    """The usual values and steps, within the limits of the channels."""
    usual = zip(values.low.tolist(), values.high.tolist(), values.step.tolist(), strict=True)
    return tuple(
        (
            low if channel.get("minimum") is None else max(low, channel["minimum"]),
            high if channel.get("maximum") is None else min(high, channel["maximum"]),
            step,
        )
        for (low, high, step), channel in zip(usual, channels, strict=True)
    )


def _rows(times: Microseconds, values: Values) -> tuple[Row, ...]:
    return tuple(zip(times.tolist(), map(tuple, values.tolist()), strict=True))


def _hours(session: Session, series: Series) -> Hours | None:
    try:
        return hours_of(session, series.calendar)
    except CalendarUnavailable:
        return None


def _newest() -> sa.Select[*tuple[Any, ...]]:
    """The last rows, and the number of rows that were changed after a revision."""
    revision, of_series = SeriesRevision, sa.bindparam("series_id", type_=sa.Integer)
    changed = sa.func.sum(revision.rows_stored + revision.rows_updated + revision.rows_deleted)
    since = sa.select(changed).where(
        revision.series_id == of_series,
        revision.revision > sa.bindparam("revision", type_=sa.Integer),
    )
    return (
        sa.select(
            Observation.time,
            Observation.values.label("vector"),
            since.scalar_subquery().label("changed"),
        )
        .where(Observation.series_id == of_series)
        .order_by(Observation.time.desc())
        .limit(LEVEL_ROWS)
    )


# Built once, because every append after a write of another web process runs it.
_NEWEST = _newest()
