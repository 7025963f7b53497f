"""Print an exchange's sessions as JSON: the only process that imports the calendar library.

It runs as a short-lived child of the process that needs the sessions: the library imports pandas,
which would cost the web process 100 MB and half a second.
"""

import json
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from models.calendars.exchange_hours import Hours

# Early enough for most series; the library's default is 20 years.
FIRST_DAY = datetime(1990, 1, 1)  # noqa: DTZ001 - the library's days have no zone
# In a short span some rules of the library have no days, which is an error in pandas 3.
SOME_YEARS = timedelta(days=5 * 365)


def read_hours(name: str) -> Hours:
    """The sessions of an exchange, from 1990 to about a year from now."""
    import exchange_calendars

    recent = (datetime.now(UTC) - SOME_YEARS).date().isoformat()
    # Some calendars begin later or end earlier: the exchange has not published more.
    known = type(exchange_calendars.get_calendar(name, start=recent))
    start = max(known.bound_min() or pd.Timestamp(FIRST_DAY), pd.Timestamp(FIRST_DAY))
    calendar = known(start=start)
    schedule = calendar.schedule[["open", "break_start", "break_end", "close"]]
    marks = np.column_stack([_utc(schedule[column]) for column in schedule])
    return Hours(
        code=name,
        timezone=str(calendar.tz),
        first_day=start.to_numpy().astype("datetime64[D]"),
        last_day=calendar.default_end().to_numpy().astype("datetime64[D]"),
        dates=calendar.sessions.to_numpy().astype("datetime64[D]"),
        marks=np.where(np.isnat(marks), marks[:, 3:], marks),
    )


def _utc(column: "pd.Series[pd.Timestamp]") -> np.ndarray:
    return column.dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def main() -> None:
    """Print the sessions of the code on the command line."""
    json.dump(read_hours(sys.argv[1]).to_json(), sys.stdout)


if __name__ == "__main__":
    main()
