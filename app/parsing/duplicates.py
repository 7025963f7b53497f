"""Combine rows of the same time: what is stored, what is reported, and what is refused."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from app.parsing.errors import ConflictingRows
from app.parsing.findings import Findings
from app.parsing.lines import Lines, Mask
from app.parsing.options import DuplicateRule, ReadOptions
from app.parsing.times.fields import Integers
from models.arrays import Values
from models.errors import Problem
from models.grid.summaries import Rule, summarise

# If a larger share of the rows conflict, they are not corrections of each other.
MOST_CONFLICTING_SHARE = 0.1
OFFERED = "`duplicates=last`, `first`, `mean` or `sum`"
RULES: dict[DuplicateRule | None, Rule] = {"first": "first", "mean": "mean", "sum": "sum"}
KEPT = {
    "last": "the last row in the file was kept",
    "first": "the first row in the file was kept",
    "mean": "their mean is stored",
    "sum": "their sum is stored",
    "ohlc": "they became bars",
}


@dataclass(frozen=True, slots=True)
class RowsOfOneTime:
    """The rows of those times that have several.

    Args:
        rows: The rows' places in the file, by time and then in the order of the file.
        starts: Where the rows of each time begin in it.
        groups: The number of each of these times among all times.
        values: The rows' values.
    """

    rows: Integers
    starts: Integers
    groups: Integers
    values: Values

    @classmethod
    def find(cls, values: Values, order: Integers, starts: Integers) -> Self:
        """The rows, of all rows in the given order, whose times begin at `starts`."""
        sizes = np.diff(np.append(starts, len(order)))
        groups = np.flatnonzero(sizes > 1)
        rows = order[np.repeat(sizes > 1, sizes)]
        counts = sizes[groups]
        return cls(rows, np.cumsum(counts) - counts, groups, values[rows])

    def combined(self, rules: list[Rule]) -> Values:
        """One row for each time; missing values are skipped."""
        return summarise(self.values, self.starts, rules)

    def kinds(self) -> tuple[Mask, Mask, Mask]:
        """Which rows repeat their time's last one, only fill its gaps, or contradict it.

        The last row of each time is none of these.
        """
        sizes = np.diff(np.append(self.starts, len(self.rows)))
        is_last = np.zeros(len(self.rows), dtype=bool)
        is_last[np.append(self.starts[1:], len(self.rows)) - 1] = True
        last = np.repeat(self.values[is_last], sizes, axis=0)
        whole = np.repeat(self.combined(["last"] * self.values.shape[1]), sizes, axis=0)
        missing = np.isnan(self.values)
        is_same = ((self.values == last) | (missing & np.isnan(last))).all(axis=1)
        fits = ((self.values == whole) | missing).all(axis=1)
        return is_same & ~is_last, fits & ~is_same & ~is_last, ~fits & ~is_last


@dataclass(frozen=True, slots=True)
class Combining:
    """How rows of one time are combined.

    Args:
        rule: What the sender says.
        every: The step into which rows are put together, if any.
        rules_of_channels: The rules of bars' channels; empty for others, which `rule` says.
    """

    rule: DuplicateRule | None = None
    every: str | None = None
    rules_of_channels: tuple[Rule, ...] = field(default=())

    @classmethod
    def of(cls, options: ReadOptions, rules: tuple[Rule, ...] = ()) -> Self:
        """What the options say; `rules` are those of the channels of bars."""
        return cls(options.duplicates, options.every, rules)

    def rules(self, channels: int) -> list[Rule]:
        """The rule of each channel."""
        if self.rules_of_channels:
            return list(self.rules_of_channels)
        return [RULES.get(self.rule, "last")] * channels

    def check(self, met: RowsOfOneTime, lines: Lines, findings: Findings) -> int:
        """Report rows of the same time, and return how many contradict another one.

        Raises:
            ConflictingRows: If there are too many, or none are allowed.
        """
        if self.every is not None:
            count = len(met.rows)
            message = f"{count} rows were put together in {len(met.groups)} steps of {self.every}."
            findings.report("aggregated_rows", message, count)
            return 0
        same, filling, conflicting = (met.rows[mask] for mask in met.kinds())
        if len(conflicting):
            self._require(len(conflicting), conflicting, lines)
        if len(same):
            message = f"{len(same)} rows repeat another row of the same time and were dropped."
            findings.report("duplicate_rows", message, len(same), lines.at(same))
        if len(filling):
            message = f"{len(filling)} rows fill the gaps of a later row of the same time."
            findings.report("merged_rows", message, len(filling), lines.at(filling))
        if len(conflicting):
            message = (
                f"{len(conflicting)} rows have the time of a later row with other values; "
                f"{KEPT[self.rule or 'last']}."
            )
            findings.report("conflicting_rows", message, len(conflicting), lines.at(conflicting))
        return len(conflicting)

    def _require(self, count: int, conflicting: Integers, lines: Lines) -> None:
        is_refused = self.rule == "refuse"
        if not is_refused and (self.rule or are_few(count, len(lines))):
            return
        example = next(lines.at(conflicting))
        what = (
            f"{count} of {len(lines)} rows have the time of a later row with other values (line "
            f"{example.line}: {example.text[:100]!r}). "
        )
        message = f"{what}{_refused(count) if is_refused else _too_many()}"
        raise ConflictingRows(message, [Problem("/query/duplicates", message)])


def are_few(count: int, rows: int) -> bool:
    """Whether conflicts can be corrections; a single one always can."""
    return count <= max(1, MOST_CONFLICTING_SHARE * rows)


def require_few_conflicts(count: int, rows: int, options: ReadOptions) -> None:
    """Refuse a file of which too many rows contradict another one of their series.

    Raises:
        ConflictingRows: If the sender does not say what is stored for them.
    """
    if options.duplicates is None and not are_few(count, rows):
        message = (
            f"{count} of {rows} rows have series and time of a later row with other values. "
            f"{_too_many()}"
        )
        raise ConflictingRows(message, [Problem("/query/duplicates", message)])


def _refused(count: int) -> str:
    return f"`duplicates=refuse` allows none. Say what to store with {OFFERED}."


def _too_many() -> str:
    return (
        f"Say what to store for each time with {OFFERED}; of ticks and trades, `every=1min` with "
        "`duplicates=ohlc` makes bars, of several columns with `value=` for that of the prices. If "
        "the time is in several columns, name them all with "
        "`timestamp=`; if rows are of several series, name their columns with `split=`."
    )
