"""Times in equal steps: a first time and a cadence, as senders and headers say them."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from app.parsing import arrow
from app.parsing.errors import AmbiguousTimes, OptionInvalid
from app.parsing.lines import Numbers
from app.parsing.options import ReadOptions
from app.parsing.times.texts import Column
from app.parsing.times.timestamps import read_moments
from app.parsing.times.zones import localise
from models.arrays import Times
from models.calendars.cadence import Cadence
from models.calendars.timezones import to_local
from models.errors import DataError, Problem

EXAMPLE = "such as start=2024-01-01 and cadence=1h"


@dataclass(frozen=True, slots=True)
class Steps:
    """A first time, in UTC for steps within a day and else in local time, and the step."""

    start: np.datetime64
    cadence: Cadence
    timezone: str

    @classmethod
    def anchored(cls, start: str, cadence: Cadence, timezone: str) -> Self:
        """Steps that begin at any time: months from the 15th are on each 15th."""
        return cls(read_start(start, cadence, timezone), cadence, timezone)

    def texts(self, count: int) -> list[str]:
        """The first times as texts, in local time or with a `Z` behind them."""
        numbers = np.arange(count)
        first = np.array([self.start])
        if self.cadence.add(first, 0)[0] == self.start or self.cadence.unit == "B":
            times = self.cadence.add(np.full(count, self.start), numbers)
        else:
            times = _same_day(self.start, numbers * self.cadence.count)
        return as_texts(times, self.cadence)


def _same_day(start: np.datetime64, months: Numbers) -> Times:
    """The same day and time in later months; the last day where a month is too short."""
    first = start.astype("datetime64[M]")
    since = start - first.astype("datetime64[us]")
    month = first + months.astype("timedelta64[M]")
    times = month.astype("datetime64[us]") + since
    last_day = (month + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    clock = since - since.astype("timedelta64[D]")
    latest: Times = np.minimum(times, last_day.astype("datetime64[us]") + clock)
    return latest


def start_and_cadence(options: ReadOptions) -> tuple[np.datetime64, Cadence]:
    """The first time, in UTC for steps within a day and else in local time, and the step.

    Raises:
        OptionInvalid: If one is not given or cannot be read.
    """
    for name, value in (("start", options.start), ("cadence", options.cadence)):
        if value is None:
            raise option_invalid(name, "`start=` and `cadence=` must be given together", "only one")
    cadence = read_cadence(str(options.cadence))
    start = read_start(str(options.start), cadence, options.zone)
    if cadence.add(np.array([start]), 0)[0] != start:
        before = as_texts(cadence.add(np.array([start]), 0), cadence)[0]
        rule = f"`start` must be a point of the cadence {cadence.text}, such as {before}"
        raise option_invalid("start", rule, str(options.start))
    return start, cadence


def read_cadence(text: str) -> Cadence:
    """The step that a sender says."""
    try:
        return Cadence.parse(text)
    except DataError as error:
        raise OptionInvalid(str(error), [Problem("/query/cadence", str(error))]) from error


def read_start(text: str, cadence: Cadence, timezone: str) -> np.datetime64:
    """The first time: in UTC for steps within a day, else in local time."""
    rule = f"`start` must be a date or a time that can be read in one way, {EXAMPLE}"
    try:
        moments = read_moments(Column(arrow.texts([text.strip()])), None)
    except AmbiguousTimes as error:
        raise option_invalid("start", rule, text) from error
    if not moments.read[0]:
        raise option_invalid("start", rule, text)
    times = moments.times
    if moments.has_offset[0]:
        if cadence.counts_days:
            times = to_local(times.view("datetime64[us]"), timezone).view(np.int64)
    elif not cadence.counts_days:
        localised = localise(times, timezone)
        if localised.skipped[0]:
            raise option_invalid(
                "start", f"`start` must be a time that clocks in {timezone} show", text
            )
        times = localised.times
    return np.datetime64(int(times[0]), "us")


def steps_from(start: np.datetime64, cadence: Cadence, places: Numbers, timezone: str) -> list[str]:
    """The times of places counted from 0, as texts; those within a day are in UTC."""
    return as_texts(cadence.add(np.full(len(places), start), places), cadence)


def as_texts(times: Times, cadence: Cadence) -> list[str]:
    """Times as texts, without the parts that are zero on all."""
    unit = next((u for u in "ms" if (times == times.astype(f"datetime64[{u}]")).all()), "us")
    days = cadence.counts_days and (times == times.astype("datetime64[D]")).all()
    unit = "D" if days else unit
    mark = "" if cadence.counts_days else "Z"
    shown: list[str] = np.datetime_as_string(times.astype(f"datetime64[{unit}]")).tolist()
    return [f"{text}{mark}" for text in shown]


def option_invalid(name: str, rule: str, received: str) -> OptionInvalid:
    """The error for an option that cannot work: the rule, and what was received."""
    message = f"{rule}. Received: {received}"
    return OptionInvalid(message, [Problem(f"/query/{name}", message)])
