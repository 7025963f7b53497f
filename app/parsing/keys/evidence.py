"""Evidence that rows are of several series: names, values, how often a label changes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from app.parsing.keys.labels import Label
from app.parsing.lines import Mask
from app.parsing.times.fields import Integers
from models.arrays import Values

MOST_COLUMNS = 3
# More columns and rows are not looked at: evidence would take longer than reading.
MOST_CANDIDATES = 8
MOST_ROWS = 50_000
SMOOTH_RATIO = 0.5
LEAST_CHANGES_SHARE = 0.3

NAME_HINT = re.compile(
    r".*(symbol|ticker|instrument|isin|cusip|pair|asset|coin|stock|currency|id|code|name|key"
    r"|station|site|sensor|device|entity|location|place|city|country|region|state|store|shop"
    r"|item|product|sku|customer|meter|node|channel|metric|variable|parameter|indicator|series"
    r"|tag|plant|pump|machine|line|route|vehicle|house|building|pollutant|species|measure)s?"
)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that evidence is taken from, in the order of the file, without exact repetitions.

    `values` are the numbers of channels in the same rows, by column, as far as they are plain.
    """

    times: Integers
    values: Callable[[], Mapping[int, Values]]

    @property
    def repeated(self) -> int:
        """The rows that have the time of another row."""
        return len(self.times) - len(np.unique(self.times))

    def where(self, rows: Mask | Integers) -> "Rows":
        """Some of the rows."""
        return Rows(self.times[rows], lambda: {n: v[rows] for n, v in self.values().items()})


def is_hint(label: Label) -> bool:
    """Whether a column has a name that keys often have."""
    return NAME_HINT.fullmatch(re.sub(r"[^a-z]", "", label.name.lower())) is not None


def changes_of(codes: Integers) -> Integers:
    """The places at which the label differs from that of the row before."""
    return np.flatnonzero(np.diff(codes) != 0) + 1


def changes_often(label: Label) -> bool:
    """Whether the label of a row is often another one than that of the row before."""
    return len(changes_of(label.codes)) >= LEAST_CHANGES_SHARE * len(label.codes)


def is_smoother(rows: Rows, label: Label) -> bool:
    """Whether values change less from row to row of one label than from row to row of all."""
    order = np.argsort(rows.times, kind="stable")
    apart = np.lexsort((rows.times, label.codes))
    same = np.diff(label.codes[apart]) == 0
    for number, values in rows.values().items():
        if number == label.number:
            continue
        together = _usual(np.abs(np.diff(values[order])))
        alone = _usual(np.abs(np.diff(values[apart]))[same])
        if together > 0 and alone < SMOOTH_RATIO * together:
            return True
    return False


def _usual(numbers: Values) -> float:
    """The median without missing numbers; 0 if hardly any are there."""
    present = numbers[~np.isnan(numbers)]
    return float(np.median(present)) if len(present) > len(numbers) / 2 else 0.0
