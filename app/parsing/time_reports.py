"""Report how the times of a table by month, quarter or half-year were read."""

import re

import numpy as np

from app.parsing.rows import CheckedRows
from app.parsing.times.periods import is_fiscal
from app.parsing.times.texts import Column
from app.parsing.times.timestamps import Moments
from app.parsing.times.year_means import year_means


def leave_out_means(column: Column, moments: Moments, rows: CheckedRows) -> None:
    """Leave out the means of years in tables by month or quarter, such as M13."""
    means = year_means(column, ~moments.read & rows.usable, moments.formats)
    count = int(means.sum())
    if count:
        first = column.text(int(np.argmax(means)))
        message = f"{count} rows are means of years, such as {first!r}, and were left out."
        rows.findings.report("year_means", message, count, rows.lines.examples(means))
        rows.usable &= ~means


def report_fiscal_years(moments: Moments, names: list[str], rows: CheckedRows) -> None:
    """Report years whose first month nothing in the file shows."""
    named = any(re.match(r"fy|fiscal", name.lower()) for name in names)
    if named or any(map(is_fiscal, moments.formats)):
        count = int(moments.read.sum())
        message = "Fiscal years were read as calendar years: their first period begins in January."
        rows.findings.report("fiscal_years", message, count)
