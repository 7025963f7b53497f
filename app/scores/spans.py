"""Spans of scored points: the points of a version on a series that a figure covers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.scores.tables import AwaitedPoint
from app.series.tables import Series


@dataclass(frozen=True, slots=True)
class Span:
    """The scored points of one version on one series.

    Args:
        version_id: The version.
        series: The series.
        start: Only points after this moment; all if it is None.
        excluded: Conditions that leave out points of values, such as outliers.
        with_outliers: Whether the sums of deleted scores include those of outliers.
    """

    version_id: int
    series: Series
    start: datetime | None
    excluded: tuple[sa.ColumnElement[bool], ...] = ()
    with_outliers: bool = True

    def conditions(self, table: type[AwaitedPoint]) -> Iterable[sa.ColumnElement[bool]]:
        """Conditions on the rows of a table: those that count and have an actual value."""
        yield table.version_id == self.version_id
        yield table.series_id == self.series.id
        yield sa.and_(table.counted, table.actual.is_not(None))
        if self.start is not None:
            yield table.time > self.start
        yield from self.excluded

    def unit(self, target: str) -> str | None:
        """The unit of a target."""
        units = {channel["name"]: channel["unit"] for channel in self.series.channels}
        return units.get(target)


def added(pairs: Iterable[tuple[int, float]]) -> tuple[int, float]:
    """The sum of the counts and the sum of the totals."""
    both = list(pairs)
    return sum(count for count, _ in both), sum(total for _, total in both)


def ratio(count: int, total: float) -> float | None:
    """The mean, `total / count`; None if `count` is 0."""
    return total / count if count else None
