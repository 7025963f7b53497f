"""Cron expressions on a wall clock: when they come next, as moments in UTC."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

from croniter import CroniterBadDateError, croniter

from models.calendars.timezones import find_zone

FIELDS = 5
ALLOWED = re.compile(r"[0-9A-Za-z*/,?#-]+")
# croniter would fill these in by chance.
RANDOM = re.compile(r"\b[RrHh]\b")
# No clock is put forward or back by more.
LONGEST_SHIFT = timedelta(hours=3)
# Enough to meet the two times of a usual expression that are nearest to each other.
TIMES_COMPARED = 100


class BadCron(ValueError):
    """An expression that cannot be used; the message is for who sent it."""


def check(cron: str, least_minutes: int) -> None:
    """Refuse an expression that is none, never comes, or comes too often.

    Raises:
        BadCron: With the rule and what came.
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
        raise BadCron(f"`cron` must come at some time. Received: {cron!r}, no such day") from error
    nearest = min(later - earlier for earlier, later in pairwise(times))
    if nearest < timedelta(minutes=least_minutes):
        raise BadCron(
            f"`cron` must leave {least_minutes} minutes between two runs "
            f"(STATECAST_SCHEDULE_LEAST_MINUTES). Received: {cron!r}, which leaves "
            f"{nearest / timedelta(minutes=1):g}"
        )


def next_time(cron: str, timezone: str, after: datetime) -> datetime:
    """The first moment after another at which the expression comes.

    A wall time that clocks skip comes once, as late after the change as it would have been; one
    that they show twice comes once, the first time.

    Args:
        cron: A checked expression.
        timezone: IANA name of the clock's zone.
        after: An aware moment.
    """
    zone = find_zone(timezone)
    wall = after.astimezone(zone).replace(tzinfo=None)
    found: list[datetime] = []
    # Around a change of the clock the order of wall times is not that of moments.
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
