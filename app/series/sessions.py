"""Describe the sessions of a series: hours, weekdays, holidays, and missing rows."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from app.parsing.findings import Findings
from app.series.quality_schemas import LISTED_SESSIONS, SessionsRead
from app.series.tables import Series
from app.times import to_datetimes
from models.arrays import Times
from models.calendars.cadence import Cadence
from models.calendars.calendar import Continuous, Sessions, learn_calendar
from models.calendars.exchange import Exchange
from models.calendars.exchange_bars import DailyBars
from models.calendars.exchange_hours import CLOSE, OPEN, Hours
from models.calendars.timezones import to_local

# Bounds the memory: 20 years of minutes.
MOST_ROWS = 2_000_000
_LEAST_SHARE_OF_WEEKDAY = 0.2
_RECENT_SESSIONS = 60
_MOST_OUTSIDE = 0.5
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class _UsualDay:
    """The hours of a usual session as local clock times, and its number of rows."""

    timezone: str
    open: str
    close: str
    pre_open_bars: list[str]
    bars: int


def describe_sessions(
    series: Series, times: Times, hours: Hours | None, findings: Findings
) -> SessionsRead | None:
    """Describe the sessions of a series; None without sessions or with fewer than two rows.

    If most rows lie outside the exchange's hours, that is added to the findings.
    """
    if len(times) < 2 or series.cadence is None:
        return None
    cadence = Cadence.parse(series.cadence)
    calendar = learn_calendar(times, cadence, series.calendar, series.timezone, hours)
    if isinstance(calendar, Continuous):
        return None
    exchange = calendar if isinstance(calendar, Exchange) else None
    if exchange is not None:
        _report_hours(series, times, exchange, findings)
    expected = _expected(calendar, times)
    times = times[times >= expected[0]]
    days = _days(expected, calendar)
    sessions = np.unique(days)
    day = _usual_day(calendar, expected, days, cadence)
    empty, before_missing = _missing(expected, times, days)
    weekdays = _usual_weekdays(sessions)
    closed = empty if exchange is None else _without_session(sessions, weekdays)
    return SessionsRead(
        source=exchange.hours.code if exchange else "learnt",
        timezone=day.timezone,
        open=day.open,
        close=day.close,
        pre_open_bars=day.pre_open_bars,
        bars=day.bars,
        weekdays=[WEEKDAYS[number] for number in weekdays.tolist()],
        days_without_rows=len(empty),
        holidays=closed[-LISTED_SESSIONS:].tolist(),
        missing_rows=len(before_missing),
        missing_after=to_datetimes(np.unique(before_missing)[:LISTED_SESSIONS]),
        rows_outside=int((~np.isin(times, expected)).sum()),
        known_until=exchange.hours.last_day.astype(date) if exchange else None,
    )


def _usual_day(
    calendar: Sessions | Exchange, expected: Times, days: Days, cadence: Cadence
) -> _UsualDay:
    exchange = calendar if isinstance(calendar, Exchange) else None
    zone = exchange.hours.timezone if exchange else calendar.timezone
    usual = to_local(_usual_session(expected, days), zone)
    early = _lone_at_first(usual, cadence)
    opens, closes = _usual_hours(exchange.hours) if exchange else usual[[early, -1]]
    return _UsualDay(
        timezone=zone,
        open=_clock(opens),
        close=_clock(closes),
        pre_open_bars=[_clock(bar) for bar in usual[:early]],
        bars=len(usual),
    )


def _missing(expected: Times, times: Times, days: Days) -> tuple[Days, Times]:
    """Days without rows, and for each row missing on another day the time of the row before it."""
    absent = ~np.isin(expected, times)
    empty = np.setdiff1d(np.unique(days), days[~absent])
    missing = expected[absent & ~np.isin(days, empty)]
    return empty, times[np.searchsorted(times, missing) - 1]


def _report_hours(series: Series, times: Times, exchange: Exchange, findings: Findings) -> None:
    """Report rows outside the exchange's hours: the time zone or the exchange may be wrong."""
    hours, _ = exchange.hours.reaching(times[0], times[-1])
    if isinstance(exchange.bars, DailyBars):
        inside = np.isin(times, exchange.bars.label(hours))
    else:
        marks = hours.marks[hours.session_of(times)]
        inside = (times >= marks[:, OPEN]) & (times <= marks[:, CLOSE])
    outside = int((~inside).sum())
    if outside <= _MOST_OUTSIDE * len(times):
        return
    opens, closes = (_clock(time) for time in _usual_hours(exchange.hours))
    message = (
        f"{outside} of {len(times)} rows lie outside the sessions of {exchange.hours.code} (mostly "
        f"{opens} to {closes} in {exchange.hours.timezone}). Times without an offset were read as "
        f"{series.timezone}: is that their zone, and this their exchange?"
    )
    findings.report("outside_sessions", message, outside)


def _expected(calendar: Sessions | Exchange, times: Times) -> Times:
    """The expected times from the first row of a series to its last, at most `MOST_ROWS`."""
    first, last = calendar.index_at_or_before(times[[0, -1]]).tolist()
    expected = calendar.labels(np.arange(max(first, last - MOST_ROWS), last + 1))
    within: Times = expected[expected >= times[0]]
    return within if len(within) else times[-1:]


def _days(labels: Times, calendar: Sessions | Exchange) -> Days:
    """The day of each row's session."""
    if isinstance(calendar, Exchange):
        return calendar.days(labels)
    return to_local(labels, calendar.timezone).astype("datetime64[D]")


def _usual_session(expected: Times, days: Days) -> Times:
    """The times of the last session with the most frequent number of rows."""
    found, counts = np.unique(days, return_counts=True)
    usual = np.flatnonzero(counts == np.bincount(counts).argmax())[-1]
    rows: Times = expected[days == found[usual]]
    return rows


def _lone_at_first(bars: Times, cadence: Cadence) -> int:
    """The number of single rows before those that follow each other by the series' step."""
    together = np.diff(bars).astype(np.int64) <= cadence.approximate_seconds * 1e6
    return int(np.argmax(together)) if together.any() else 0


def _usual_hours(hours: Hours) -> Times:
    """Local opening and closing times of the latest session with the most frequent hours."""
    _, which = hours.shapes()
    recent = which[-_RECENT_SESSIONS:]
    last = len(which) - 1 - int(np.argmax(recent[::-1] == np.bincount(recent).argmax()))
    return to_local(hours.marks[last, [OPEN, CLOSE]], hours.timezone)


def _weekday_numbers(days: Days) -> npt.NDArray[np.int64]:
    return (days.astype(np.int64) + 3) % 7


def _usual_weekdays(sessions: Days) -> npt.NDArray[np.int64]:
    counts = np.bincount(_weekday_numbers(sessions), minlength=7)
    return np.flatnonzero(counts >= _LEAST_SHARE_OF_WEEKDAY * counts.max())


def _without_session(sessions: Days, weekdays: npt.NDArray[np.int64]) -> Days:
    """Usual weekdays between an exchange's sessions on which it was closed."""
    span = np.arange(sessions[0], sessions[-1] + 1)
    return np.setdiff1d(span[np.isin(_weekday_numbers(span), weekdays)], sessions)


def _clock(local: np.datetime64) -> str:
    return str(local.astype("datetime64[s]"))[11:]
