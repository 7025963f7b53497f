"""Which rows and which quarantined lines of a file belong to which series."""

from dataclasses import dataclass

import numpy as np

from app.parsing.contents import ReadRows
from app.parsing.findings import Findings, Rejected
from app.parsing.keys.labels import NO_LABEL
from app.parsing.times.fields import Integers


@dataclass(frozen=True, slots=True)
class PartRows:
    """The rows of each series, by its code.

    Args:
        usable: The numbers of the rows that can be stored.
        read: How many rows there are with the others.
        rejected: The quarantined lines; those without a series, or of one without any row that
            can be stored, at `NO_LABEL`.
        read_without_series: The number of rows of these.
    """

    usable: list[Integers]
    read: list[int]
    rejected: dict[int, list[Rejected]]
    read_without_series: int


def rows_of_parts(codes: Integers, count: int, read: ReadRows, findings: Findings) -> PartRows:
    """The rows of `count` series, whose rows have these codes."""
    usable = np.flatnonzero(read.rows.usable & (codes != NO_LABEL))
    order = usable[np.argsort(codes[usable], kind="stable")]
    borders = np.searchsorted(codes[order], np.arange(count + 1))
    parts = [order[borders[code] : borders[code + 1]] for code in range(count)]
    counts = np.bincount(codes[codes != NO_LABEL], minlength=count).tolist()
    rejected: dict[int, list[Rejected]] = {code: [] for code in (*range(count), NO_LABEL)}
    lines = sorted(findings.rejected, key=lambda one: one.line)
    for one, code in zip(lines, _codes_of(lines, read, codes).tolist(), strict=True):
        has_rows = code != NO_LABEL and len(parts[code]) > 0
        rejected[code if has_rows else NO_LABEL].append(one)
    return PartRows(parts, counts, rejected, int((codes == NO_LABEL).sum()))


def _codes_of(rejected: list[Rejected], read: ReadRows, codes: Integers) -> Integers:
    """The code of the series of each rejected line, found by its line number."""
    numbers = read.rows.lines.numbers
    lines = np.array([one.line for one in rejected], dtype=np.int64)
    if not len(lines) or not len(numbers):
        return np.full(len(lines), NO_LABEL)
    place = np.minimum(np.searchsorted(numbers, lines), len(numbers) - 1)
    return np.where(numbers[place] == lines, codes[place], NO_LABEL)
