"""Bins: which observations a coarser row holds, when it is complete, and how it is named."""

from dataclasses import dataclass

import numpy as np

from models.arrays import Times
from models.calendars.cadence import DAY_MICROSECONDS, Cadence, Indices
from models.calendars.calendar import Continuous

MICROSECOND = np.timedelta64(1, "us")
SECOND_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Bins:
    """Rows of a step that is coarser than that of the observations.

    Steps begin at whole hours in UTC, or at local midnights, Mondays and first days of months.
    What is measured is named by the moment at which it is known: ten-minute values of 13:10 to
    14:00 are the hour 14:00. Bars are named by the moment at which they begin: the minutes 9:15 to
    9:19 are the five minutes 9:15. So are days and months, whatever is in them: the values of
    00:10 to 24:00 are the day that begins at midnight, and months are made of their own days.

    Args:
        step: The step between rows.
        cadence: The step between observations; None if they have none.
        timezone: IANA name in which days are counted.
        bars: Whether observations shorter than a day are named by their beginning.
    """

    step: Cadence
    cadence: Cadence | None
    timezone: str
    bars: bool

    def points(self, phase: int = 0) -> Continuous:
        """The bins by number: each labelled by the last time that an observation of it can have.

        Args:
            phase: By how many observation steps they lie later; only for fixed steps.
        """
        moved = 0 if not phase or self.cadence is None else phase * self.cadence.count
        return Continuous(self.step, self._last_microseconds + moved, self.timezone)

    def names(self, indices: Indices) -> Times:
        """How bins are named to people, `datetime64[us]`, UTC."""
        return self._whole_steps.labels(indices - self._named_before)

    def of_names(
        self, first: np.datetime64 | None, last: np.datetime64 | None
    ) -> tuple[np.datetime64 | None, np.datetime64 | None]:
        """The first and the last time of observations in the bins that are named in a range."""
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
        """Bins are numbered by their ends; one that is named by its beginning has that of another.

        Months that are named by their last day (`ME`, `BME`) are numbered by it.
        """
        return int(not self.step.unit.endswith("ME") and (self.bars or self.step.counts_days))

    @property
    def _last_microseconds(self) -> int:
        """From a bin's end, as its step says it, to the last observation that it can hold."""
        end = DAY_MICROSECONDS if self.step.unit.endswith("ME") else 0
        if self.cadence is None:
            return end - self.bars
        if self.cadence.counts_days:
            # At whatever time of their day they come.
            return end - SECOND_MICROSECONDS
        return end - self.cadence.count * self.bars
