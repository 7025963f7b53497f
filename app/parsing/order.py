"""Sort rows by time and keep one for each moment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from app.parsing.findings import Example, Findings
from app.parsing.lines import Lines, Mask
from app.parsing.times.fields import Integers
from models.arrays import Values


@dataclass(frozen=True, slots=True)
class OrderedRows:
    """Rows with strictly increasing times, and the number of dropped rows with the same times.

    `lines` are the file's lines, and `places` the index of each row's line; None if the rows are
    all lines in their order.
    """

    times: Integers
    values: Values
    duplicates: int
    lines: Lines
    places: Integers | None = None

    def lines_of(self, rows: Integers) -> Iterator[Example]:
        """The lines of the given rows."""
        return self.lines.at(rows if self.places is None else self.places[rows])


def in_order(
    times: Integers,
    values: Values,
    lines: Lines,
    findings: Findings,
    *,
    take: Callable[[Values, Integers], Values] = lambda values, rows: values[rows],
) -> OrderedRows:
    """Sort rows by time; of several rows with the same time the file's last one is kept.

    Args:
        times: The rows' times.
        values: The rows' values.
        lines: The rows' lines.
        findings: Receives issues about the order and about dropped rows.
        take: Selects the values of the given rows.
    """
    steps = np.diff(times)
    if (steps > 0).all():
        return OrderedRows(times, values, 0, lines)
    _report_order(steps, lines, findings)
    order = np.argsort(times, kind="stable")
    times = times[order]
    is_last = np.append(np.diff(times) > 0, True)
    kept = order[is_last]
    dropped, place = order[~is_last], np.searchsorted(times[is_last], times[~is_last])
    is_same = _equal_rows(values[dropped], values[kept[place]])
    _report_duplicates(lines, dropped[is_same], dropped[~is_same], findings)
    return OrderedRows(times[is_last], take(values, kept), len(dropped), lines, kept)


def _report_order(steps: Integers, lines: Lines, findings: Findings) -> None:
    backwards = int((steps < 0).sum())
    if backwards and (steps <= 0).all():
        findings.report("newest_first", "The rows were newest first.", backwards)
    elif backwards:
        message = f"Time steps back {backwards} times; the rows were sorted."
        places = np.append(False, steps < 0)
        findings.report("not_in_order", message, backwards, lines.examples(places))


def _report_duplicates(
    lines: Lines, identical: Integers, conflicting: Integers, findings: Findings
) -> None:
    if len(identical):
        message = f"{len(identical)} rows repeat another row of the same time and were dropped."
        findings.report("duplicate_rows", message, len(identical), lines.at(identical))
    if len(conflicting):
        message = (
            f"{len(conflicting)} rows have the time of a later row with other values; the last "
            "row in the file was kept."
        )
        findings.report("conflicting_rows", message, len(conflicting), lines.at(conflicting))


def _equal_rows(one: Values, other: Values) -> Mask:
    return np.asarray(((one == other) | (np.isnan(one) & np.isnan(other))).all(axis=1))
