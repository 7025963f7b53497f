"""Bins: the observations that a coarser row contains, when it is complete, and its label."""

from dataclasses import dataclass

import numpy as np

from models.arrays import Times
from models.calendars.cadence import DAY_MICROSECONDS, Cadence, Indices
from models.calendars.calendar import Continuous

MICROSECOND = np.timedelta64(1, "us")
SECOND_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Bins:
    """Rows with a step coarser than that of the observations.

    Steps begin at whole hours in UTC, or at local midnights, Mondays and first days of months.
    Measurements are labelled with the time at which they are known: the ten-minute values from
    13:10 to 14:00 are the hour 14:00. Bars are labelled with their beginning: the minutes 9:15
    to 9:19 are the five minutes 9:15. Days and months are always labelled with their beginning:
    the values from 00:10 to 24:00 are the day that begins at midnight.

    Args:
        step: The step between rows.
        cadence: The step between observations; None if they are irregular.
        timezone: IANA name of the zone in which days are counted.
        bars: Whether observations shorter than a day are labelled with their beginning.
    """

    step: Cadence
    cadence: Cadence | None
    timezone: str
    bars: bool

    def points(self, phase: int = 0) -> Continuous:
        """The bins by number, each at the last time that one of its observations can have.

        Args:
            phase: Number of observation steps by which bins lie later; only for fixed steps.
        """
        moved = 0 if not phase or self.cadence is None else phase * self.cadence.count
        return Continuous(self.step, self._last_microseconds + moved, self.timezone)

    def names(self, indices: Indices) -> Times:
        """The labels of bins as users see them, `datetime64[us]`, UTC."""
        return self._whole_steps.labels(indices - self._named_before)

    def of_names(
        self, first: np.datetime64 | None, last: np.datetime64 | None
    ) -> tuple[np.datetime64 | None, np.datetime64 | None]:
        """The first and last observation time in the bins whose labels lie in a range."""
        steps, points = self._whole_steps, self.points()
        if first is not None:
            index = steps.index_at_or_after(np.array([first])) + self._named_before
            first = points.labels(index - 1)[0] + MICROSECOND
        if last is not None:
            index = steps.index_at_or_before(np.array([last])) + self._named_before
            last = points.labels(index)[0]
        return first, last

    @property
    def _whole_steps(self) -> Continuous:
        return Continuous(self.step, 0, self.timezone)

    @property
    def _named_before(self) -> int:
        """Steps from a bin's label to its end: 1 if it is labelled with its beginning, else 0.

        Bins are numbered by their ends; months labelled with their last day (`ME`, `BME`) by it.
        """
        return int(not self.step.unit.endswith("ME") and (self.bars or self.step.counts_days))

    @property
    def _last_microseconds(self) -> int:
        """Distance from a bin's end to the last observation that it can contain."""
        end = DAY_MICROSECONDS if self.step.unit.endswith("ME") else 0
        if self.cadence is None:
            return end - self.bars
        if self.cadence.counts_days:
            # Daily observations may have any time of day.
            return end - SECOND_MICROSECONDS
        return end - self.cadence.count * self.bars
