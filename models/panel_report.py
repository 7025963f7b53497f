"""Reports of a panel: what its series' reports say together."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

Report = dict[str, Any]


def pool_data(series: Sequence[Report]) -> Report:
    """Rows, span and splits of all series, with each series' own as `series`.

    Args:
        series: `{name, rows, first, last, splits, sha256}` of each; a single one is the whole.
    """
    if len(series) == 1:
        return {name: series[0][name] for name in ("rows", "first", "last", "splits")}
    parts = series[0]["splits"]
    return {
        **_pool_span(series),
        "splits": {part: _pool_span([each["splits"][part] for each in series]) for part in parts},
        "series": list(series),
    }


def pool_metrics(series: Sequence[Report]) -> Report:
    """Means over the series that have a figure: every series counts the same, however long.

    Args:
        series: For each series `{part: {target: {figure: number, leads: [{lead, ...}]}}}`.

    Returns:
        The same for all; errors are means over the series, `rmse` is the root of the mean square
        and `skill` compares the mean errors. A single series' figures are as they were.
    """
    if len(series) == 1:
        return series[0]
    return {
        part: {
            target: _pool_target([each[part][target] for each in series])
            for target in series[0][part]
        }
        for part in series[0]
    }


def _pool_span(spans: Sequence[Report]) -> Report:
    """Times are ISO 8601 in UTC, so that their order is that of their texts."""
    held = [span for span in spans if span["rows"]]
    return {
        "rows": sum(span["rows"] for span in held),
        "first": min((span["first"] for span in held), default=None),
        "last": max((span["last"] for span in held), default=None),
    }


def _pool_target(targets: Sequence[Report]) -> Report:
    leads = zip(*(target["leads"] for target in targets), strict=True)
    return {**_pool_row(targets), "leads": [_pool_row(rows) for rows in leads]}


def _pool_row(rows: Sequence[Report]) -> Report:
    pooled = {name: _pool_figure(name, rows) for name in rows[0] if name != "leads"}
    mae, naive = pooled["mae"], pooled["naive_mae"]
    return {**pooled, "skill": 1 - mae / naive if mae is not None and naive else None}


def _pool_figure(name: str, rows: Sequence[Report]) -> Any:
    if name == "lead":
        return rows[0][name]
    known = [row[name] for row in rows if row[name] is not None]
    if not known:
        return None
    if name == "rmse":
        return sqrt(sum(figure**2 for figure in known) / len(known))
    return sum(known) / len(known)
