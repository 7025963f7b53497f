"""Cron expressions on the wall clock of a time zone: check them and find their next UTC time."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

from croniter import CroniterBadDateError, croniter

from models.calendars.timezones import find_zone

FIELDS = 5
ALLOWED = re.compile(r"[0-9A-Za-z*/,?#-]+")
# croniter replaces these by random numbers.
RANDOM = re.compile(r"\b[RrHh]\b")
# Clock changes are never larger than this.
LONGEST_SHIFT = timedelta(hours=3)
# Enough to include the two closest times of any usual expression.
TIMES_COMPARED = 100


class BadCron(ValueError):
    """A cron expression that cannot be used; the message is shown to the client."""


def check(cron: str, least_minutes: int) -> None:
    """Refuse an expression that is malformed, never matches, or matches too often.

    Raises:
        BadCron: With the rule and what was received.
    """
    fields = cron.split()
    well_formed = len(fields) == FIELDS and all(ALLOWED.fullmatch(field) for field in fields)
    if not well_formed or RANDOM.search(cron) or not croniter.is_valid(cron):
        raise BadCron(
            "`cron` must have the five fields minute, hour, day of month, month and day of week, "
            f'as in "0 3 * * *". Received: {cron!r}'
        )
    try:
        times = list(islice(_wall_times(cron, datetime(2026, 1, 1)), TIMES_COMPARED))  # noqa: DTZ001
    except CroniterBadDateError as error:
        raise BadCron(
            f"`cron` must match some time. Received: {cron!r}, which never matches"
        ) from error
    nearest = min(later - earlier for earlier, later in pairwise(times))
    if nearest < timedelta(minutes=least_minutes):
        raise BadCron(
            f"`cron` must leave at least {least_minutes} minutes between two runs "
            f"(STATECAST_SCHEDULE_LEAST_MINUTES). Received: {cron!r}, which leaves "
            f"{nearest / timedelta(minutes=1):g}"
        )


def next_time(cron: str, timezone: str, after: datetime) -> datetime:
    """The first moment after `after` that the expression matches.

    A wall time that clocks skip matches once, later by the length of the skip. A wall time that
    they show twice matches once, at its first occurrence.

    Args:
        cron: A checked expression.
        timezone: IANA name of the clock's zone.
        after: An aware moment.
    """
    zone = find_zone(timezone)
    wall = after.astimezone(zone).replace(tzinfo=None)
    found: list[datetime] = []
    # Around a clock change the order of wall times differs from the order of moments.
    for time in _wall_times(cron, wall - LONGEST_SHIFT):
        moment = time.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if moment > after:
            found.append(moment)
        if found and time > wall + LONGEST_SHIFT:
            break
    return min(found)


def _wall_times(cron: str, start: datetime) -> Iterator[datetime]:
    times = croniter(cron, start)
    while True:
        time: datetime = times.get_next(datetime)
        yield time
