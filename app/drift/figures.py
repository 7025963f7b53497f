"""Figures of drift: live errors beside those of the training, and inputs that have moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.live.performance import LeadSums, figures_of_test, lead_sums
from app.live.tables import ForecastScore
from app.registry.tables import Bundle, ModelVersion
from app.series import storage
from app.series.tables import Series
from app.times import to_datetimes
from models.adaptation import known_fit
from models.artefact import read_bundle
from models.errors import ArtefactError
from models.panel_report import data_of
from models.reader import Reader
from models.series import Times, Values
from models.stability import Stability

MICROSECOND = timedelta(microseconds=1)
# Of the steps that are wanted; with fewer nothing is said.
LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class LiveErrors:
    """How the newest forecasts of one target turned out, in its unit.

    `expected_mae` is the error on the test part of the same leads, as often as they came.
    """

    target: str
    steps: int
    points: int
    mae: float
    naive_mae: float | None
    expected_mae: float | None

    @property
    def skill(self) -> float | None:
        """1 - mae / naive_mae."""
        return 1 - self.mae / self.naive_mae if self.naive_mae else None

    @property
    def ratio(self) -> float | None:
        """The live error over the expected one."""
        return self.mae / self.expected_mae if self.expected_mae else None


@dataclass(frozen=True, slots=True)
class InputShift:
    """How far an input has moved: its stability index, and what was usual at the training."""

    channel: str
    encoding: str
    index: float
    usual: float

    @property
    def excess(self) -> float:
        """By how much it is more than usual."""
        return self.index - self.usual


@dataclass(frozen=True, slots=True)
class InputShifts:
    """The shifts of all inputs over the newest rows; none where they cannot be told, and why."""

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
    """Errors over the newest scored steps of a series, by target; none if they are too few.

    Args:
        session: The database.
        version: Whose forecasts.
        series: Of what.
        steps: How many steps at most; there must be half as many.
        after: Only steps later than this count.
    """
    score = ForecastScore
    times = (
        sa.select(score.time)
        .distinct()
        .where(
            score.version_id == version.id,
            score.series_id == series.id,
            score.counted,
            score.actual.is_not(None),
        )
        .order_by(score.time.desc())
        .limit(steps)
    )
    if after is not None:
        times = times.where(score.time > after)
    found = session.scalars(times).all()
    if len(found) < steps * LEAST_SHARE:
        return []
    sums = lead_sums(session, version.id, series.id, found[-1] - MICROSECOND)
    tested = figures_of_test(session, version, series)
    return [
        _errors(target, len(found), list(group), tested.get(target) or {})
        for target, group in groupby(sums, key=lambda each: each.target)
    ]


def input_shifts(
    session: Session, version: ModelVersion, series: Series, *, after: datetime | None = None
) -> InputShifts:
    """How far the inputs of the newest rows have moved from those of the training.

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
        return _unknown(f"The version cannot be read by this release: {error}")
    stored = manifest.get("stability", {}).get(series.name)
    if stored is None:
        return _unknown(
            "The version keeps no deciles of its inputs: it was trained by an earlier release."
        )
    fitted = Stability.from_json(stored)
    times, rows = _newest_rows(session, manifest, series, fitted.window_rows + 1)
    learnt_until = data_of(manifest["data"], series.name)["splits"]["train"]["last"]
    if len(times) <= fitted.window_rows or _begins_before(times[1:], learnt_until, after):
        return _unknown(f"There are no {fitted.window_rows} rows yet that are new to it.")
    shifts = [
        InputShift(each.name, each.encoding, each.index(rows), each.usual or 0.0)
        for each in fitted.channels
    ]
    return InputShifts(fitted.window_rows, shifts)


def _errors(
    target: str, steps: int, sums: Sequence[LeadSums], tested: dict[str, Any]
) -> LiveErrors:
    points = sum(each.count for each in sums)
    naive_points = sum(each.naive[0] for each in sums)
    test_mae = {lead["lead"]: lead.get("mae") for lead in tested.get("leads", [])}
    expected = [(each.count, mae) for each in sums if (mae := test_mae.get(each.lead)) is not None]
    all_known = len(expected) == len(sums)
    return LiveErrors(
        target=target,
        steps=steps,
        points=points,
        mae=sum(each.error for each in sums) / points,
        naive_mae=sum(each.naive[1] for each in sums) / naive_points if naive_points else None,
        expected_mae=sum(n * mae for n, mae in expected) / points if all_known else None,
    )


def _newest_rows(
    session: Session, manifest: dict[str, Any], series: Series, wanted: int
) -> tuple[Times, Values]:
    """The last rows of the version's grid, in original units."""
    reader = Reader(manifest, known_fit(manifest, series.name))
    rule = reader.rule
    # One row may be made of several observations, and the first may lack some of them.
    per_row = ceil(rule.step.approximate_seconds / rule.cadence.approximate_seconds)
    count = min(series.rows, (wanted + 2) * per_row)
    if not count:
        return np.empty(0, "datetime64[us]"), np.empty((0, 0))
    start = storage.time_from_end(session, series.id, count)
    found = storage.read_rows(session, series.id, len(series.channels), start=start)
    names = [channel["name"] for channel in series.channels]
    columns = [names.index(name) for name in manifest["channels"]]
    grid = reader.rows(found.times.view("datetime64[us]"), found.values[:, columns])
    return grid.times[-wanted:], grid.values[-wanted:]


def _begins_before(times: Times, learnt_until: str, after: datetime | None) -> bool:
    if times[0] <= np.datetime64(learnt_until.removesuffix("Z")):
        return True
    return after is not None and to_datetimes(times[:1])[0] <= after


def _unknown(reason: str) -> InputShifts:
    return InputShifts(None, [], reason)
