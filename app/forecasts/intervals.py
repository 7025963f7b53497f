"""Intervals of stored forecasts: stored at fixed levels, returned at the requested levels."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.errors import NoIntervals
from models.errors import Problem
from models.serving.forecast import Forecast
from models.serving.intervals import LEVELS, at_level

DEFAULT_LEVELS = (80.0, 95.0)
MOST_LEVELS = 10

Bounds = dict[str, list[list[float]]]


def bounds_of(made: Forecast) -> Bounds | None:
    """Lower and upper bounds of every point at each of `LEVELS`; None without intervals."""
    if made.lower is None or made.upper is None:
        return None
    return {"lower": _by_point(made.lower), "upper": _by_point(made.upper)}


def with_intervals(
    points: list[dict[str, Any]], bounds: Bounds | None, levels: Sequence[float]
) -> list[dict[str, Any]]:
    """Points with `lower_80`, `upper_80` and so on, for each of the levels."""
    if bounds is None:
        return points
    values = np.array([point["value"] for point in points])
    sides = {side: np.array(each).T for side, each in bounds.items()}
    columns = {
        f"{side}_{level:g}": at_level(level, values, sides[side]).tolist()
        for level in levels
        for side in ("lower", "upper")
    }
    return [
        {**point, **{name: column[row] for name, column in columns.items()}}
        for row, point in enumerate(points)
    ]


def at_levels(body: str, stored: Bounds | None, levels: Sequence[float]) -> str:
    """A stored forecast's JSON text with bounds at other levels than the default ones.

    Raises:
        NoIntervals: If the forecast has no intervals.
    """
    if stored is None:
        message = (
            "`levels` must be empty for this forecast, which has no intervals: only forecasts of "
            f"values by a model with a validation part have them. Received: {list(levels)}"
        )
        raise NoIntervals(message, errors=[Problem("/levels", message)])
    answer = json.loads(body)
    plain = [
        {name: value for name, value in point.items() if not name.startswith(("lower_", "upper_"))}
        for point in answer["points"]
    ]
    return json.dumps({**answer, "points": with_intervals(plain, stored, levels)})


def _by_point(bounds: "np.ndarray[Any, np.dtype[np.float64]]") -> list[list[float]]:
    """`(levels, leads, targets)` as a row of levels for each point, target by target."""
    rows: list[list[float]] = bounds.transpose(2, 1, 0).reshape(-1, len(LEVELS)).tolist()
    return rows
