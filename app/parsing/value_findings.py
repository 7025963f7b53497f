"""What the values of a file make doubtful, told with its lines."""

import numpy as np

from app.parsing.findings import Findings
from app.parsing.options import ReadOptions
from app.parsing.order import Ordered
from app.quality.checks import judge
from app.quality.sample import Subject
from models.arrays import Values
from models.series import SeriesKind


def apply_missing(names: list[str], values: Values, missing: dict[str, list[float]]) -> Values:
    """The values with the numbers that a channel's settings call missing as NaN."""
    for column, name in enumerate(names):
        if missing.get(name):
            replaced = np.isin(values[:, column], missing[name])
            values[replaced, column] = np.nan
    return values


def report_doubts(
    names: list[str], kind: SeriesKind, rows: Ordered, options: ReadOptions, findings: Findings
) -> None:
    """Report missing values, placeholders, flat lines, spikes, hints of units and the like."""
    subject = Subject(
        names,
        rows.times.view("datetime64[us]"),
        rows.values,
        timezone=options.timezone,
        is_market=kind == "ohlc",
        known=options.known,
    )
    for doubt in judge(subject):
        places = np.unique(np.array([row for row, _ in doubt.places], dtype=np.int64))
        lines = rows.lines_of(places)
        findings.report(doubt.code, doubt.message, doubt.count, lines, doubt.suggestion)
