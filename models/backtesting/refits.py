"""Refits of backtests: the data and the spec of a network that is trained again at an origin."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.checks.resolve import SeriesProfile, resolve
from models.errors import Problem, SpecError
from models.series import SeriesData, iso
from models.serving.forecaster import Forecaster
from models.spec.spec import Spec, SplitSpec


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of one series that a refit learns from.

    Args:
        data: The part of the series.
        rows: How many rows of the forecaster's grid it has.
    """

    data: SeriesData
    rows: int


def cut(
    forecaster: Forecaster, data: SeriesData, moment: np.datetime64, most_rows: int | None
) -> Cut:
    """The observations of a series up to a moment.

    Args:
        forecaster: A forecaster that learnt from the series.
        data: The whole series.
        moment: The origin of the refit.
        most_rows: The length of a rolling window in rows of the series' grid; None for all rows.
    """
    grid = forecaster.for_series(data.name).rule.row_times(data.times)
    rows = int(np.searchsorted(grid, moment, side="right"))
    seen = data.times <= moment
    if most_rows is not None and most_rows < rows:
        seen &= data.times > grid[rows - 1 - most_rows]
        rows = most_rows
    return Cut(replace(data, times=data.times[seen], values=data.values[seen]), rows)


def refit_spec(forecaster: Forecaster, cuts: Iterable[Cut]) -> Spec:
    """The resolved spec of a refit.

    The share of validation rows is that of the stored network, and the test part is empty.

    Args:
        forecaster: The stored forecaster.
        cuts: The part of every series that the stored network learnt from, in its order. They are
            read one after the other, so only one needs to be in memory.

    Raises:
        SpecError: If these are too few rows for the spec.
    """
    profiles, rows = [], 0
    for each in cuts:
        profiles.append(SeriesProfile.from_data(each.data))
        rows += each.rows
    _check_panel(forecaster, profiles)
    splits = forecaster.manifest["data"]["splits"]
    held_out = splits["validation"]["rows"]
    share = held_out / (splits["train"]["rows"] + held_out)
    spec = Spec.model_validate(forecaster.manifest["spec"])
    training_rows = int(rows * (1 - share)) * forecaster.rule.phases
    fields: dict[str, Any] = {"split": SplitSpec(validation=share, test=0.0)}
    if spec.lanes is not None and spec.chunk is not None:
        fields["lanes"] = max(1, min(spec.lanes, training_rows // spec.chunk))
    return resolve(spec.model_copy(update=fields), profiles)


def check_first_refit(
    forecaster: Forecaster,
    panel: Iterable[SeriesData],
    *,
    row: int,
    moment: np.datetime64,
    train_rows: int | None,
) -> None:
    """Check the first refit of a backtest, which has the fewest rows.

    Args:
        forecaster: The stored forecaster, as it reads the series that is forecast.
        panel: Every series that it learnt from, in its order, read one after the other.
        row: The first origin, as a row of the series that is forecast.
        moment: Its time.
        train_rows: Rows of a rolling window; None for an expanding one.

    Raises:
        SpecError: With JSON pointers into a `BacktestSpec`.
    """
    pointer = "/origins/start" if train_rows is None else "/train_rows"
    if train_rows is not None and train_rows > row + 1:
        message = (
            f"`train_rows` must be at most the {row + 1} rows up to the first origin. "
            f"Received: {train_rows}"
        )
        raise SpecError([Problem(pointer, message)])
    try:
        refit_spec(forecaster, (cut(forecaster, each, moment, train_rows) for each in panel))
    except SpecError as error:
        when = f"The refit at {iso(moment)} is not possible:"
        raise SpecError(
            [Problem(pointer, f"{when} {problem.message}") for problem in error.problems]
        ) from error


def _check_panel(forecaster: Forecaster, profiles: list[SeriesProfile]) -> None:
    """Check that refits learn from all series of the stored network, and that each has rows."""
    stored = forecaster.manifest["panel"] or [forecaster.manifest["series"]]
    names, found = [each["name"] for each in stored], [each.name for each in profiles]
    if names != found:
        raise ValueError(f"`panel` must be the series {names}. Received: {found}")
    empty = [
        Problem(
            f"/series/{position}",
            f"The series {each.name!r}, which the model learnt from, must have rows at the first "
            "origin. Received: 0 rows",
        )
        for position, each in enumerate(profiles)
        if each.rows == 0
    ]
    if empty:
        raise SpecError(empty)
