"""Numbers that are probably no measurements: placeholders for missing values, flat channels."""

import numpy as np
import numpy.typing as npt

from app.series.reading.findings import Findings
from models.series import Values

PLACEHOLDERS = (
    *(-9999.0, -9999.9, -99999.0, -999.0, -999.9, -999.99, -8888.0, -7999.0, -200.0, -99.0, -99.9),
    *(999.0, 999.9, 999.99, 9999.0, 9999.9, 9999.99, 99999.0, 99999.9, 999999.0, 1e20, -1e20),
)


def apply_missing(names: list[str], values: Values, missing: dict[str, list[float]]) -> Values:
    """The values with the numbers that a channel's settings call missing as NaN."""
    for column, name in enumerate(names):
        if missing.get(name):
            replaced = np.isin(values[:, column], missing[name])
            values[replaced, column] = np.nan
    return values


def report_doubts(names: list[str], values: Values, findings: Findings) -> None:
    """Report missing values, placeholders, channels without a value and flat channels."""
    _report_missing(names, values, findings)
    _report_placeholders(names, values, findings)
    empty = [n for column, n in enumerate(names) if np.isnan(values[:, column]).all()]
    if empty:
        message = f"Channels without a single value: {', '.join(empty)}."
        findings.report("empty_channels", message, len(empty))
    flat = [n for column, n in enumerate(names) if len(values) > 1 and _is_flat(values[:, column])]
    if flat:
        message = f"Channels that never change: {', '.join(flat)}."
        findings.report("constant_channels", message, len(flat))


def _report_missing(names: list[str], values: Values, findings: Findings) -> None:
    counts = np.isnan(values).sum(axis=0)
    if not counts.any():
        return
    where = ", ".join(
        f"{name} ({count} of {len(values)} rows)"
        for name, count in zip(names, counts, strict=True)
        if count
    )
    findings.report("missing_values", f"Stored as missing: {where}.", int(counts.sum()))


def _report_placeholders(names: list[str], values: Values, findings: Findings) -> None:
    counts: dict[float, dict[str, int]] = {}
    for column, name in enumerate(names):
        for number in _placeholders(values[:, column]):
            found = int((values[:, column] == number).sum())
            counts.setdefault(number, {})[name] = found
    for number, channels in counts.items():
        where = ", ".join(f"{name} ({count} times)" for name, count in channels.items())
        message = (
            f"{number:g} looks like a sign for a missing value: {where}. It was kept as a "
            f'number; to make it missing, give those channels `"missing": [{number:g}]`.'
        )
        findings.report("sentinel", message, sum(channels.values()))


def _placeholders(column: npt.NDArray[np.float64]) -> list[float]:
    """Known placeholders that stand far away from all other values of the column."""
    present = column[~np.isnan(column)]
    # The extremes first: a column without a suspect ends here.
    if not len(present) or not _suspects([present.min(), present.max()]):
        return []
    others = present[~np.isin(present, PLACEHOLDERS)]
    if not len(others):
        return []
    low, high = others.min(), others.max()
    return [
        number
        for number in _suspects(np.unique(present[np.isin(present, PLACEHOLDERS)]).tolist())
        if (number < 0 <= low) or max(low - number, number - high) > max(high - low, 1.0)
    ]


def _suspects(numbers: list[float]) -> list[float]:
    return [float(number) for number in numbers if number in PLACEHOLDERS]


def _is_flat(column: npt.NDArray[np.float64]) -> bool:
    present = column[~np.isnan(column)]
    return len(present) > 1 and present.min() == present.max()
