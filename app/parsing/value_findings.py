"""Report the findings of data-quality checks with the lines of the file."""

import numpy as np

from app.parsing.findings import Findings
from app.parsing.options import ReadOptions
from app.parsing.order import OrderedRows
from app.quality.checks import check_values
from app.quality.missing_marks import MissingMarks, numbers_of
from app.quality.sample import Sample
from models.arrays import Values
from models.series import SeriesKind


def apply_missing(names: list[str], values: Values, missing: MissingMarks) -> Values:
    """The values, changed in place: a channel's missing-value numbers become NaN."""
    for column, name in enumerate(names):
        if numbers := numbers_of(missing.get(name, [])):
            replaced = np.isin(values[:, column], numbers)
            values[replaced, column] = np.nan
    return values


def report_value_findings(
    names: list[str], kind: SeriesKind, rows: OrderedRows, options: ReadOptions, findings: Findings
) -> None:
    """Report missing values, placeholders, flat lines, spikes, hints of units and the like."""
    sample = Sample(
        names,
        rows.times.view("datetime64[us]"),
        rows.values,
        timezone=options.zone,
        is_market=kind == "ohlc",
        known=options.known,
    )
    for found in check_values(sample):
        places = np.unique(np.array([row for row, _ in found.places], dtype=np.int64))
        lines = rows.lines_of(places)
        findings.report(found.code, found.message, found.count, lines, found.suggestion)
