"""Scores of class forecasts: the probability of the observed class, and of the class prior."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Timestamp
from app.scores.points import Change, future_points
from app.scores.tables import ClassScore
from app.series.tables import Series
from models.arrays import Values
from models.evaluation.class_metrics import point_scores
from models.evaluation.class_prior import class_prior_shares
from models.serving.forecast import Forecast
from models.serving.forecaster import Forecaster

# Points are read and written in blocks of this many steps: that limits the memory of an upload.
STEPS_AT_ONCE = 500

KEY = ("forecast_id", "target", "lead")
FIGURES = (
    *("code", "probability", "log_loss", "brier", "correct"),
    *("class_prior_probability", "class_prior_log_loss", "class_prior_brier", "majority_correct"),
)


def open_points(made: Forecast, last_time: datetime | None) -> list[dict[str, Any]]:
    """The points of a class forecast that are not observed yet.

    Args:
        made: The forecast.
        last_time: The series' last observation when it was made.
    """
    assert made.probabilities is not None, "a class forecast has probabilities"  # noqa: S101
    return [
        {**keys, "probabilities": made.probabilities[row, column]}
        for row, column, keys in future_points(made, last_time)
    ]


def score(
    session: Session,
    series: Series,
    readers: Mapping[int, Forecaster],
    changes: Sequence[Change],
) -> None:
    """Score the points at changed steps; an existing score changes only with its observation.

    A direction is measured from the last value that the forecast had read, as in training.
    """
    for version_id, reader in readers.items():
        of_version = [each for each in changes if each.version_id == version_id]
        size = STEPS_AT_ONCE * len(reader.targets)
        for first in range(0, len(of_version), size):
            scored = list(_scored(session, series, reader, of_version[first : first + size]))
            if scored:
                session.connection().execute(_SET, scored)


def _scored(
    session: Session, series: Series, reader: Forecaster, changes: Sequence[Change]
) -> Iterable[dict[str, Any]]:
    """The points that change, with their new figures."""
    actual_of = {(each.time, each.target): each.actual for each in changes}
    times = [each.time for each in changes]
    parameters = {
        "version": changes[0].version_id,
        "series": series.id,
        "first": min(times),
        "last": max(times),
    }
    rows = [
        row
        for row in session.connection().execute(_POINTS, parameters)
        if actual_of.get((row.time, row.target), row.actual) != row.actual
    ]
    if not rows:
        return
    actual = np.array([_number(actual_of[row.time, row.target]) for row in rows])
    figures = _figures(reader, series.name, rows, actual)
    for position, row in enumerate(rows):
        yield {
            **{f"of_{name}": getattr(row, name) for name in KEY},
            "actual": actual_of[row.time, row.target],
            "revision": series.revision,
            **{name: each[position] for name, each in figures.items()},
        }


def _figures(
    reader: Forecaster, series: str, rows: Sequence[Any], actual: Values
) -> dict[str, list[Any]]:
    """`FIGURES` of every point; None where the actual class is unknown."""
    coding = reader.classes
    assert coding is not None, "the forecaster predicts classes"  # noqa: S101
    codes = coding.encode(actual, np.array([_number(row.naive) for row in rows]))
    known = ~np.isnan(codes)
    known_codes = codes[known].astype(np.int64)
    predicted = np.array([row.probabilities for row in rows], float)[known]
    prior = point_scores(_class_prior(reader, series, rows)[known], known_codes)
    columns = {
        "code": known_codes,
        **point_scores(predicted, known_codes),
        **{f"class_prior_{name}": prior[name] for name in ("probability", "log_loss", "brier")},
        "majority_correct": prior["correct"],
    }
    return {name: _spread(columns[name], known) for name in FIGURES}


def _class_prior(reader: Forecaster, series: str, rows: Sequence[Any]) -> Values:
    """The class frequencies in the training rows for each point, `(points, classes)`."""
    shares = class_prior_shares(reader.manifest, series)
    assert shares is not None, "the forecaster predicts classes"  # noqa: S101
    leads = reader.leads.tolist()
    lead = [leads.index(row.lead) for row in rows]
    target = [reader.targets.index(row.target) for row in rows]
    found: Values = shares[lead, target]
    return found


def _spread(found: npt.NDArray[Any], known: npt.NDArray[np.bool_]) -> list[Any]:
    """Plain values at the known positions, None at the others."""
    values = iter(found.tolist())
    return [next(values) if each else None for each in known.tolist()]


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _points() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(
        *(getattr(ClassScore, name) for name in KEY),
        ClassScore.time,
        ClassScore.naive,
        ClassScore.actual,
        ClassScore.probabilities,
    ).where(
        ClassScore.version_id == sa.bindparam("version"),
        ClassScore.series_id == sa.bindparam("series"),
        ClassScore.time >= sa.bindparam("first", type_=Timestamp),
        ClassScore.time <= sa.bindparam("last", type_=Timestamp),
    )


def _set() -> sa.Update:
    names = ("actual", "revision", *FIGURES)
    columns = {name: getattr(ClassScore, name) for name in (*KEY, *names)}
    return (
        sa.update(ClassScore)
        .where(*(columns[name] == sa.bindparam(f"of_{name}") for name in KEY))
        .values({columns[name]: sa.bindparam(name, type_=columns[name].type) for name in names})
    )


# Built once, because every append runs them.
_POINTS = _points()
_SET = _set()
