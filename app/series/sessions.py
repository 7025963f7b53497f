"""What is known of a series' sessions: their hours, weekdays and holidays, and what is missing."""

from datetime import date, datetime

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from app.parsing.findings import Findings
from app.series.tables import Series
from app.times import to_datetimes
from models.arrays import Times
from models.calendars.cadence import Cadence
from models.calendars.calendar import Continuous, Sessions, learn_calendar
from models.calendars.exchange import Exchange
from models.calendars.exchange_bars import DailyBars
from models.calendars.exchange_hours import CLOSE, OPEN, Hours
from models.calendars.timezones import to_local

LISTED = 20
# A bound on memory: twenty years of minutes.
MOST_ROWS = 2_000_000
_LEAST_SHARE_OF_WEEKDAY = 0.2
_RECENT_SESSIONS = 60
_MOST_OUTSIDE = 0.5
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Days = npt.NDArray[np.datetime64]


class SessionsRead(BaseModel):
    """The sessions of a series, learnt from its rows or known of its exchange.

    Of a series that should have more than 2,000,000 rows, what is missing in the last of them.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "source": "learnt",
                    "timezone": "Asia/Kolkata",
                    "open": "09:16:00",
                    "close": "15:32:00",
                    "pre_open_bars": ["09:08:00"],
                    "bars": 378,
                    "weekdays": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"],
                    "days_without_rows": 13,
                    "holidays": ["2022-01-26"],
                    "missing_rows": 212,
                    "missing_after": ["2022-01-05T04:01:00Z"],
                    "rows_outside": 61,
                    "known_until": None,
                }
            ]
        }
    )

    source: str = Field(description="`learnt`, or the code of the exchange.")
    timezone: str = Field(description="The zone of `open`, `close` and the days.")
    open: str = Field(
        description="Local time at which the exchange opens, or of the first usual row if that "
        "is learnt."
    )
    close: str = Field(description="Local time of its close, or of the last usual row.")
    pre_open_bars: list[str] = Field(
        description="Rows that stand alone before the others, such as an opening auction."
    )
    bars: int = Field(description="Rows of a usual session.")
    weekdays: list[str]
    days_without_rows: int = Field(
        description="Usual days, or the exchange's sessions, within the series' span that have "
        "no row at all."
    )
    holidays: list[date] = Field(
        description=f"Of an exchange, its last {LISTED} closed weekdays within the series' span; "
        "otherwise the last usual weekdays that have no row."
    )
    missing_rows: int = Field(description="Rows that are missing on days that have some.")
    missing_after: list[datetime] = Field(
        description=f"The first {LISTED} of the rows before them."
    )
    rows_outside: int = Field(description="Rows at times at which usual sessions have none.")
    known_until: date | None = Field(
        description="The last day for which the exchange's sessions are known; forecasts beyond "
        "it take every week for a usual one. null where they are learnt."
    )


def describe_sessions(
    series: Series, times: Times, hours: Hours | None, findings: Findings
) -> SessionsRead | None:
    """Describe the sessions of a series; None if it has none, or no rows yet.

    Rows that mostly lie outside an exchange's hours are a finding.
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
    absent = ~np.isin(expected, times)
    sessions = np.unique(days)
    empty = np.setdiff1d(sessions, days[~absent])
    before_missing = np.searchsorted(times, expected[absent & ~np.isin(days, empty)]) - 1
    weekdays = _usual_weekdays(sessions)
    closed = empty if exchange is None else _without_session(sessions, weekdays)
    zone = exchange.hours.timezone if exchange else calendar.timezone
    usual = to_local(_usual_session(expected, days), zone)
    early = _lone_at_first(usual, cadence)
    opens, closes = _usual_hours(exchange.hours) if exchange else usual[[early, -1]]
    return SessionsRead(
        source=exchange.hours.code if exchange else "learnt",
        timezone=zone,
        open=_clock(opens),
        close=_clock(closes),
        pre_open_bars=[_clock(bar) for bar in usual[:early]],
        bars=len(usual),
        weekdays=[WEEKDAYS[number] for number in weekdays.tolist()],
        days_without_rows=len(empty),
        holidays=closed[-LISTED:].tolist(),
        missing_rows=len(before_missing),
        missing_after=to_datetimes(times[np.unique(before_missing)[:LISTED]]),
        rows_outside=int((~np.isin(times, expected)).sum()),
        known_until=exchange.hours.last_day.astype(date) if exchange else None,
    )


def _report_hours(series: Series, times: Times, exchange: Exchange, findings: Findings) -> None:
    """Doubt the time zone, or the exchange, of rows that come when it is closed."""
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
    """The rows of all sessions from the first row of a series to its last, or the last of them."""
    first, last = calendar.index_at_or_before(times[[0, -1]]).tolist()
    expected = calendar.labels(np.arange(max(first, last - MOST_ROWS), last + 1))
    within: Times = expected[expected >= times[0]]
    return within if len(within) else times[-1:]


def _days(labels: Times, calendar: Sessions | Exchange) -> Days:
    """The days of the sessions that rows belong to."""
    if isinstance(calendar, Exchange):
        return calendar.days(labels)
    return to_local(labels, calendar.timezone).astype("datetime64[D]")


def _usual_session(expected: Times, days: Days) -> Times:
    """The rows of the last session that has as many as most have."""
    found, counts = np.unique(days, return_counts=True)
    usual = np.flatnonzero(counts == np.bincount(counts).argmax())[-1]
    rows: Times = expected[days == found[usual]]
    return rows


def _lone_at_first(bars: Times, cadence: Cadence) -> int:
    """How many rows come alone before those that follow each other by the series' step."""
    together = np.diff(bars).astype(np.int64) <= cadence.approximate_seconds * 1e6
    return int(np.argmax(together)) if together.any() else 0


def _usual_hours(hours: Hours) -> Times:
    """The last opening and closing times, local, that most of the last sessions have."""
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
    """The days among an exchange's sessions on which it could have been open."""
    span = np.arange(sessions[0], sessions[-1] + 1)
    return np.setdiff1d(span[np.isin(_weekday_numbers(span), weekdays)], sessions)


def _clock(local: np.datetime64) -> str:
    return str(local.astype("datetime64[s]"))[11:]
