"""Compute drift: live errors against test errors, and shifts of the inputs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.registry.tables import Bundle, ModelVersion
from app.scores.performance import figures_of_test
from app.scores.spans import Span, added, ratio
from app.scores.tables import AwaitedPoint, ClassScore, ForecastScore
from app.series.storage import row_reader
from app.series.tables import Series
from app.times import to_datetimes
from models.arrays import Times, Values
from models.errors import ArtefactError
from models.evaluation.panel_report import data_of
from models.evaluation.stability_index import Stability
from models.serving.adaptation import known_fit
from models.serving.artefact import read_bundle
from models.serving.preprocessing import Preprocessor

MICROSECOND = timedelta(microseconds=1)
# Share of the requested steps that must be scored; with fewer the result is empty.
LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Measure:
    """The error measure of a task.

    Args:
        name: The figure's name, here and among the figures of the test part.
        table: The table with the points.
        error: The error of a point.
        reference: The error of the naive forecast, or of the class prior, at that point.
    """

    name: str
    table: type[AwaitedPoint]
    error: sa.ColumnElement[float]
    reference: sa.ColumnElement[float]


OF_VALUES = Measure(
    "mae",
    ForecastScore,
    sa.func.abs(ForecastScore.error),
    sa.func.abs(ForecastScore.naive_error),
)
OF_CLASSES = Measure(
    "log_loss",
    ClassScore,
    sa.type_coerce(ClassScore.log_loss, sa.Float),
    sa.type_coerce(ClassScore.class_prior_log_loss, sa.Float),
)


@dataclass(frozen=True, slots=True)
class LiveErrors:
    """Errors of the newest forecasts of one target.

    `expected` is the mean test error of the same leads, each weighted by its number of points.
    """

    target: str
    metric: str
    steps: int
    points: int
    error: float
    reference: float | None
    expected: float | None

    @property
    def skill(self) -> float | None:
        """1 - error / reference."""
        return 1 - self.error / self.reference if self.reference else None

    @property
    def ratio(self) -> float | None:
        """The live error divided by the expected one."""
        return self.error / self.expected if self.expected else None


@dataclass(frozen=True, slots=True)
class InputShift:
    """The shift of an input: its stability index now, and the usual one at the training."""

    channel: str
    encoding: str
    index: float
    usual: float

    @property
    def excess(self) -> float:
        """The index less the usual one."""
        return self.index - self.usual


@dataclass(frozen=True, slots=True)
class InputShifts:
    """The shifts of all inputs over the newest rows; empty with a reason if they are unknown."""

    rows: int | None
    channels: list[InputShift]
    reason: str | None = None


def live_errors(
    session: Session,
    version: ModelVersion,
    series: Series,
    *,
    steps: int,
    after: datetime | None = None,
) -> list[LiveErrors]:
    """Errors over the newest scored steps of a series, by target; empty if there are too few steps.

    Args:
        session: The database.
        version: The version that made the forecasts.
        series: The forecast series.
        steps: The number of steps; at least half of them must be scored.
        after: Only steps later than this count.
    """
    measure = OF_VALUES if version.spec.get("task", "regression") == "regression" else OF_CLASSES
    score, span = measure.table, Span(version.id, series, after)
    times = (
        sa.select(score.time)
        .distinct()
        .where(*span.conditions(score))
        .order_by(score.time.desc())
        .limit(steps)
    )
    found = session.scalars(times).all()
    if len(found) < steps * LEAST_SHARE:
        return []
    sums = _sums(session, measure, replace(span, start=found[-1] - MICROSECOND))
    tested = figures_of_test(session, version, series)
    return [
        _errors(target, measure.name, len(found), list(group), tested.get(target) or {})
        for target, group in groupby(sums, key=lambda each: each.target)
    ]


def input_shifts(
    session: Session, version: ModelVersion, series: Series, *, after: datetime | None = None
) -> InputShifts:
    """The shifts of the inputs from the training rows to the newest rows.

    Args:
        session: The database.
        version: A trained version that learnt from the series.
        series: The series.
        after: All rows of the window must be later than this.
    """
    content = session.scalar(sa.select(Bundle.content).where(Bundle.version_id == version.id))
    try:
        manifest = read_bundle(content or b"").manifest
    except ArtefactError as error:
        return _unknown(f"This release cannot read the version: {error}")
    stored = manifest.get("stability", {}).get(series.name)
    if stored is None:
        return _unknown(
            "The version has no deciles of its inputs: it was trained by an earlier release."
        )
    fitted = Stability.from_json(stored)
    times, rows = _newest_rows(session, manifest, series, fitted.window_rows + 1)
    learnt_until = data_of(manifest["data"], series.name)["splits"]["train"]["last"]
    if len(times) <= fitted.window_rows or _begins_before(times[1:], learnt_until, after):
        return _unknown(
            f"The series does not have {fitted.window_rows} rows yet that are new to the version."
        )
    shifts = [
        InputShift(each.name, each.encoding, each.index(rows), each.usual or 0.0)
        for each in fitted.channels
    ]
    return InputShifts(fitted.window_rows, shifts)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Counts and sums over the scored points of one target and lead."""

    target: str
    lead: int
    error: tuple[int, float]
    reference: tuple[int, float]


def _sums(session: Session, measure: Measure, span: Span) -> list[_Sums]:
    score, figures = measure.table, {"error": measure.error, "reference": measure.reference}
    columns: list[sa.ColumnElement[Any]] = []
    for name, figure in figures.items():
        columns += [sa.func.count(figure).label(f"{name}s"), sa.func.sum(figure).label(name)]
    statement = (
        sa.select(score.target, score.lead, *columns)
        .where(*span.conditions(score), measure.error.is_not(None))
        .group_by(score.target, score.lead)
        .order_by(score.target, score.lead)
    )
    return [
        _Sums(
            target=row["target"],
            lead=row["lead"],
            error=(row["errors"], row["error"]),
            reference=(row["references"], row["reference"] or 0.0),
        )
        for row in session.execute(statement).mappings()
    ]


def _errors(
    target: str, metric: str, steps: int, sums: Sequence[_Sums], tested: dict[str, Any]
) -> LiveErrors:
    points, total = added(each.error for each in sums)
    of_lead = {lead["lead"]: lead.get(metric) for lead in tested.get("leads", [])}
    expected = [each.error[0] * error for each in sums if (error := of_lead.get(each.lead))]
    return LiveErrors(
        target=target,
        metric=metric,
        steps=steps,
        points=points,
        error=total / points,
        reference=ratio(*added(each.reference for each in sums)),
        expected=sum(expected) / points if len(expected) == len(sums) else None,
    )


def _newest_rows(
    session: Session, manifest: dict[str, Any], series: Series, wanted: int
) -> tuple[Times, Values]:
    """The last `wanted` rows of the version's grid, in original units."""
    preprocessor = Preprocessor(manifest, known_fit(manifest, series.name))
    rule = preprocessor.rule
    # One grid row may need several observations, and the first row may lack some of them.
    per_row = ceil(rule.step.approximate_seconds / rule.cadence.approximate_seconds)
    count = min(series.rows, (wanted + 2) * per_row)
    if not count:
        return np.empty(0, "datetime64[us]"), np.empty((0, 0))
    start = row_reader.time_from_end(session, series.id, count)
    found = row_reader.read_rows(session, series.id, len(series.channels), start=start)
    names = [channel["name"] for channel in series.channels]
    columns = [names.index(name) for name in manifest["channels"]]
    grid = preprocessor.rows(found.times.view("datetime64[us]"), found.values[:, columns])
    return grid.times[-wanted:], grid.values[-wanted:]


def _begins_before(times: Times, learnt_until: str, after: datetime | None) -> bool:
    if times[0] <= np.datetime64(learnt_until.removesuffix("Z")):
        return True
    return after is not None and to_datetimes(times[:1])[0] <= after


def _unknown(reason: str) -> InputShifts:
    return InputShifts(None, [], reason)
