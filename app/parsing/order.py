"""Rows in the order of time, one for each moment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from app.parsing.findings import Example, Findings
from app.parsing.lines import Lines, Mask
from app.parsing.times.fields import Integers
from models.arrays import Values


@dataclass(frozen=True, slots=True)
class Ordered:
    """Rows with strictly increasing times, and how many others had one of those times.

    `lines` are those of the file, and `places` says where among them the rows stand; None where
    all do in their order.
    """

    times: Integers
    values: Values
    duplicates: int
    lines: Lines
    places: Integers | None = None

    def lines_of(self, rows: Integers) -> Iterator[Example]:
        """The lines of some rows."""
        return self.lines.at(rows if self.places is None else self.places[rows])


def in_order(
    times: Integers,
    values: Values,
    lines: Lines,
    findings: Findings,
    *,
    take: Callable[[Values, Integers], Values] = lambda values, rows: values[rows],
) -> Ordered:
    """Sort rows by time; of several rows at one moment the last one in the file is kept.

    Args:
        times: Of all rows.
        values: Of all rows.
        lines: Of all rows.
        findings: Told of the order, and of what was dropped.
        take: Makes values of the chosen rows.
    """
    steps = np.diff(times)
    if (steps > 0).all():
        return Ordered(times, values, 0, lines)
    _report_order(steps, lines, findings)
    order = np.argsort(times, kind="stable")
    times = times[order]
    is_last = np.append(np.diff(times) > 0, True)
    kept = order[is_last]
    dropped, place = order[~is_last], np.searchsorted(times[is_last], times[~is_last])
    is_same = _equal_rows(values[dropped], values[kept[place]])
    _report_duplicates(lines, dropped[is_same], dropped[~is_same], findings)
    return Ordered(times[is_last], take(values, kept), len(dropped), lines, kept)


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
