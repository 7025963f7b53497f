"""Sort rows by time and keep one for each moment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from app.parsing.duplicates import Combining, RowsOfOneTime
from app.parsing.findings import Example, Findings
from app.parsing.lines import Lines
from app.parsing.times.fields import Integers
from models.arrays import Values


@dataclass(frozen=True, slots=True)
class OrderedRows:
    """Rows with strictly increasing times, and the number of rows that others stand for.

    `lines` are the file's lines, and `places` the index of each row's line; None if the rows are
    all lines in their order. `conflicts` are the rows that contradict another one of their time.
    """

    times: Integers
    values: Values
    duplicates: int
    lines: Lines
    places: Integers | None = None
    conflicts: int = 0

    def lines_of(self, rows: Integers) -> Iterator[Example]:
        """The lines of the given rows."""
        return self.lines.at(rows if self.places is None else self.places[rows])


def in_order(
    times: Integers,
    values: Values,
    lines: Lines,
    findings: Findings,
    *,
    combining: Combining,
    take: Callable[[Values, Integers], Values] = lambda values, rows: values[rows],
) -> OrderedRows:
    """Sort rows by time, and combine those of the same time.

    Args:
        times: The rows' times.
        values: The rows' values.
        lines: The rows' lines.
        findings: Receives issues about the order and about rows of the same time.
        combining: What stands for several rows.
        take: Selects the values of the given rows.

    Raises:
        ConflictingRows: If rows contradict each other and may not be combined.
    """
    steps = np.diff(times)
    if (steps > 0).all():
        return OrderedRows(times, values, 0, lines)
    _report_order(steps, lines, findings)
    order = np.argsort(times, kind="stable")
    times = times[order]
    is_last = np.append(np.diff(times) > 0, True)
    kept = order[is_last]
    chosen = take(values, kept)
    if is_last.all():
        return OrderedRows(times, chosen, 0, lines, kept)
    starts = np.append(0, np.flatnonzero(is_last)[:-1] + 1)
    met = RowsOfOneTime.find(values, order, starts)
    chosen[met.groups] = met.combined(combining.rules(values.shape[1]))
    conflicts = combining.check(met, lines, findings)
    return OrderedRows(times[is_last], chosen, len(order) - len(kept), lines, kept, conflicts)


def _report_order(steps: Integers, lines: Lines, findings: Findings) -> None:
    backwards = int((steps < 0).sum())
    if backwards and (steps <= 0).all():
        findings.report("newest_first", "The rows were newest first.", backwards)
    elif backwards:
        message = f"Time steps back {backwards} times; the rows were sorted."
        places = np.append(False, steps < 0)
        findings.report("not_in_order", message, backwards, lines.examples(places))
