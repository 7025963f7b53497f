"""Plans of backtests: the rows to forecast from, and the data of each refit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
from pydantic import AwareDatetime, Field

from models.arrays import RowIndices, Times
from models.backtesting.points import numbers_per_point
from models.backtesting.refits import check_first_refit
from models.errors import Problem, SpecError
from models.evaluation.panel_report import data_of
from models.grid.splits import to_time
from models.series import SeriesData, iso
from models.serving.forecaster import Forecaster
from models.spec.base import MOST_ROWS, Rows, SpecPart

# Limit for the numbers in one report: origins times leads times targets times numbers per point.
MOST_NUMBERS = 800_000
MOST_REFITS = 200


class OriginsSpec(SpecPart):
    """Which rows to forecast from."""

    start: AwareDatetime | None = Field(
        None,
        description="The first origin is the first row at or after it; by default the model's "
        "test part begins there.",
    )
    end: AwareDatetime | None = Field(
        None,
        description="The last origin is at or before it; by default, and at the latest, the last "
        "row whose farthest lead lies in the series.",
    )
    every: Rows = Field(1, description="Steps from one origin to the next.")
    count: int | None = Field(
        None,
        ge=1,
        le=MOST_ROWS,
        description="How many origins: the first ones if `start` is given, else the last ones.",
    )


class BacktestSpec(SpecPart):
    """Where to forecast from, and whether the network is trained again in between."""

    origins: OriginsSpec = OriginsSpec()
    window: Literal["expanding", "rolling"] = Field(
        "expanding",
        description="What a refit learns from: all rows before its origin, or the last "
        "`train_rows` of them.",
    )
    train_rows: int | None = Field(
        None,
        ge=1,
        le=MOST_ROWS,
        description="Rows, training and validation together, of a rolling window.",
    )
    refit_every: int | None = Field(
        None,
        ge=1,
        le=MOST_ROWS,
        description="Train again at the first origin and then after every this many origins, only "
        "on rows up to the origin; null uses the stored network for all origins.",
    )


@dataclass(frozen=True, slots=True)
class BacktestPlan:
    """A checked plan of a backtest.

    Args:
        spec: The request.
        grid: `(rows,)`, times of the rows that the forecaster steps through.
        origins: `(origins,)`, rows to forecast from, increasing.
        training_end: The row after the last one that the stored network learnt from.
    """

    spec: BacktestSpec
    grid: Times
    origins: RowIndices
    training_end: int

    @property
    def groups(self) -> list[RowIndices]:
        """Origins by the network that forecasts from them, in order; refits are at their starts."""
        size = self.spec.refit_every or len(self.origins)
        return [self.origins[first : first + size] for first in range(0, len(self.origins), size)]

    @property
    def refits(self) -> int:
        """How many times the network is trained again."""
        every = self.spec.refit_every
        return 0 if every is None else -(-len(self.origins) // every)

    def report(self) -> dict[str, Any]:
        """`{origins: {count, first, last, every}, refits, in_sample_origins}`."""
        in_sample = 0 if self.refits else int((self.origins < self.training_end).sum())
        return {
            "origins": {
                "count": len(self.origins),
                "first": iso(self.grid[self.origins[0]]),
                "last": iso(self.grid[self.origins[-1]]),
                "every": self.spec.origins.every,
            },
            "refits": self.refits,
            "in_sample_origins": in_sample,
        }


def plan_backtest(
    forecaster: Forecaster,
    data: SeriesData,
    spec: BacktestSpec,
    panel: Iterable[SeriesData] | None = None,
) -> BacktestPlan:
    """Choose the origins, and check that every part of the backtest is possible.

    Args:
        forecaster: The stored forecaster, as it reads the series.
        data: The series as it is now.
        spec: The request.
        panel: Every series that the network learnt from, in its order; None for `data` alone.
            They are read only if there are refits, one after the other.

    Raises:
        SpecError: With JSON pointers into `spec`.
    """
    grid = forecaster.rule.row_times(data.times)
    held_out = held_out_row(forecaster, grid, data.name)
    if problems := list(_window_problems(spec)) or list(_outside_problems(grid, spec.origins)):
        raise SpecError(problems)
    origins = _choose_origins(forecaster, grid, spec.origins, default=held_out)
    plan = BacktestPlan(spec, grid, origins, held_out)
    if problems := list(_size_problems(forecaster, plan)):
        raise SpecError(problems)
    if spec.refit_every is not None:
        check_first_refit(
            forecaster,
            (data,) if panel is None else panel,
            row=int(origins[0]),
            moment=grid[origins[0]],
            train_rows=spec.train_rows,
        )
    return plan


def held_out_row(forecaster: Forecaster, grid: Times, name: str) -> int:
    """The first row of a series' grid after the training and validation parts."""
    splits = data_of(forecaster.manifest["data"], name)["splits"]
    validation = _row_after(grid, splits["train"]["last"])
    return _row_after(grid, splits["validation"]["last"]) or validation


def _row_after(grid: Times, last: str | None) -> int:
    """The row after a time of a manifest; 0 for None."""
    if last is None:
        return 0
    return int(np.searchsorted(grid, to_time(datetime.fromisoformat(last)), side="right"))


def _window_problems(spec: BacktestSpec) -> Iterator[Problem]:
    rolling = spec.window == "rolling"
    if rolling and spec.refit_every is None:
        yield Problem(
            "/refit_every",
            "A rolling window needs `refit_every`: without refits it has no effect. Received: null",
        )
    if rolling and spec.train_rows is None:
        yield Problem("/train_rows", "A rolling window needs `train_rows`. Received: null")
    if not rolling and spec.train_rows is not None:
        yield Problem(
            "/train_rows",
            "`train_rows` is the length of a rolling window; an expanding window has all rows. "
            f"Received: {spec.train_rows}",
        )


def _outside_problems(grid: Times, spec: OriginsSpec) -> Iterator[Problem]:
    for name in ("start", "end"):
        moment = getattr(spec, name)
        if moment is not None and not grid[0] <= to_time(moment) <= grid[-1]:
            yield Problem(
                f"/origins/{name}",
                f"`origins.{name}` must lie in the series, from {iso(grid[0])} to "
                f"{iso(grid[-1])}. Received: {moment.isoformat()}",
            )
    if spec.start is not None and spec.end is not None and spec.end < spec.start:
        yield Problem(
            "/origins/end",
            f"`origins.end` must not lie before `origins.start`. Received: {spec.end.isoformat()}",
        )


def _choose_origins(
    forecaster: Forecaster, grid: Times, spec: OriginsSpec, *, default: int
) -> RowIndices:
    first, earliest = default, forecaster.least_rows - 1
    last = latest = len(grid) - 1 - int(forecaster.leads[-1])
    if spec.start is not None:
        first = int(np.searchsorted(grid, to_time(spec.start)))
    if spec.end is not None:
        last = min(latest, int(np.searchsorted(grid, to_time(spec.end), side="right")) - 1)
    if spec.start is not None and first < earliest:
        raise SpecError([Problem("/origins/start", _too_early(forecaster, first))])
    chosen = np.arange(max(first, earliest), last + 1, spec.every)
    if len(chosen) == 0:
        pointer = "/origins" if spec.start is None else "/origins/start"
        message = (
            f"`origins` must leave at least one row with its farthest lead, "
            f"{int(forecaster.leads[-1])} steps ahead, in the series of {len(grid)} rows. "
            f"Received: rows {first} to {last}"
        )
        raise SpecError([Problem(pointer, message)])
    if spec.count is None:
        return chosen
    if spec.count > len(chosen):
        message = f"`origins.count` must be at most {len(chosen)} here. Received: {spec.count}"
        raise SpecError([Problem("/origins/count", message)])
    return chosen[: spec.count] if spec.start is not None else chosen[-spec.count :]


def _too_early(forecaster: Forecaster, row: int) -> str:
    return (
        f"`origins.start` must have at least {forecaster.least_rows} rows up to it, which the "
        f"forecaster needs. Received: a time with {row + 1}"
    )


def _size_problems(forecaster: Forecaster, plan: BacktestPlan) -> Iterator[Problem]:
    points = MOST_NUMBERS // numbers_per_point(forecaster.classes)
    most = max(1, points // (len(forecaster.leads) * len(forecaster.targets)))
    if len(plan.origins) > most:
        yield Problem(
            "/origins",
            f"A backtest may have at most {most} origins of this forecaster: {points} points. "
            f"Take every n-th by `origins.every`. Received: {len(plan.origins)}",
        )
    if plan.refits > MOST_REFITS:
        yield Problem(
            "/refit_every",
            f"A backtest may train at most {MOST_REFITS} times. Received: {plan.spec.refit_every}, "
            f"which trains {plan.refits} times over {len(plan.origins)} origins",
        )
