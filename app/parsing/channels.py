"""The channels of a file before its rows are put in order."""

from dataclasses import dataclass, field

from models.arrays import Values
from models.grid.summaries import Rule
from models.series import SeriesKind


@dataclass(frozen=True, slots=True)
class Channels:
    """The names of the channels by their columns, and their values on all rows.

    `rules` say how each is combined where rows become bars.
    """

    kind: SeriesKind
    names: dict[int, str]
    values: Values
    decimal: str
    units: dict[int, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
