"""Which scored points figures are made of: of a version on a series, since a moment."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.scores.tables import AwaitedPoint
from app.series.tables import Series


@dataclass(frozen=True, slots=True)
class Span:
    """The points of one version on one series that are due after a moment; None for all."""

    version_id: int
    series: Series
    start: datetime | None

    def conditions(self, table: type[AwaitedPoint]) -> Iterable[sa.ColumnElement[bool]]:
        """What the rows of a table must be like: those that count, and whose truth has come."""
        yield table.version_id == self.version_id
        yield table.series_id == self.series.id
        yield sa.and_(table.counted, table.actual.is_not(None))
        if self.start is not None:
            yield table.time > self.start

    def unit(self, target: str) -> str | None:
        """The unit of a target."""
        units = {channel["name"]: channel["unit"] for channel in self.series.channels}
        return units.get(target)


def added(pairs: Iterable[tuple[int, float]]) -> tuple[int, float]:
    """Counts and totals of several, together."""
    both = list(pairs)
    return sum(count for count, _ in both), sum(total for _, total in both)


def ratio(count: int, total: float) -> float | None:
    """A mean; None of nothing."""
    return total / count if count else None
