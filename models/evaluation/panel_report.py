"""Reports of a panel, pooled from the reports of its series."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

from models.evaluation.comparison import best_baseline

Report = dict[str, Any]

# Fields that identify a row in a list of figures.
LABELS = ("lead", "level")


def pool_data(series: Sequence[Report]) -> Report:
    """Rows, span and splits of all series together, and of each one as `series`.

    Args:
        series: `{name, rows, first, last, splits, sha256}` of each; a single series is reported
            without `series`.
    """
    if len(series) == 1:
        return {name: series[0][name] for name in ("rows", "first", "last", "splits")}
    parts = series[0]["splits"]
    return {
        **_pool_span(series),
        "splits": {part: _pool_span([each["splits"][part] for each in series]) for part in parts},
        "series": list(series),
    }


def data_of(data: Report, name: str) -> Report:
    """The part of a model's report `data` about one of its series."""
    return next((each for each in data.get("series", ()) if each["name"] == name), data)


def pool_metrics(series: Sequence[Report]) -> Report:
    """Means over the series that have a figure; long and short series count the same.

    Args:
        series: For each series `{part: {target: {figure: number, leads: [{lead, ...}]}}}`.

    Returns:
        The same for all. Figures are means over the series, `rmse` is the root of the mean
        square, `skill` and `best_baseline` compare the mean errors. `ar_order` is None and
        `significance` is left out, because they belong to one series. The figures of a single
        series are returned unchanged.
    """
    if len(series) == 1:
        return series[0]
    return {
        part: {
            target: _pool_row([each[part][target] for each in series]) for target in series[0][part]
        }
        for part in series[0]
    }


def _pool_span(spans: Sequence[Report]) -> Report:
    """Rows and span of all parts; times are ISO 8601 in UTC, so their texts sort by time."""
    held = [span for span in spans if span["rows"]]
    return {
        "rows": sum(span["rows"] for span in held),
        "first": min((span["first"] for span in held), default=None),
        "last": max((span["last"] for span in held), default=None),
    }


def _pool_row(rows: Sequence[Report]) -> Report:
    names = [name for name in rows[0] if name != "significance"]
    pooled = {name: _pool(name, [row[name] for row in rows]) for name in names}
    if "mae" not in pooled:
        return pooled
    mae, naive = pooled["mae"], pooled["naive_mae"]
    skill = 1 - mae / naive if mae is not None and naive else None
    return {**pooled, "skill": skill, "best_baseline": best_baseline(pooled)}


def _pool(name: str, found: Sequence[Any]) -> Any:
    """The mean of a figure; of lists of rows, such as `leads`, the means of each row."""
    if name in LABELS:
        return found[0]
    if isinstance(found[0], list):
        return [_pool_row(rows) for rows in zip(*found, strict=True)]
    known = [figure for figure in found if isinstance(figure, int | float)]
    if not known or name == "ar_order":
        return None
    if name == "rmse":
        return sqrt(sum(figure**2 for figure in known) / len(known))
    return sum(known) / len(known)
