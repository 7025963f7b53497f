"""Preparation: from a series and a spec to training arrays and all that serving must know."""

import hashlib
from dataclasses import dataclass

import numpy as np

from models.calendars import Calendar
from models.dataset import Dataset, Track
from models.errors import DataError
from models.feature_fitting import DroppedChannel, FeaturePlan, fit_features
from models.features import FeaturePipeline, clean_rows
from models.future import FutureTable
from models.grid import Grid
from models.holiday_flags import HolidayFlags, named_codes
from models.known_effects import KnownEffects
from models.resampling import GridRule
from models.scaling import TargetScaling
from models.series import Channel, SeriesData, Times, Values
from models.spec import Spec
from models.splits import split_bounds


@dataclass(frozen=True, slots=True)
class Borders:
    """Times at which the parts of a split begin."""

    train: np.datetime64
    validation: np.datetime64
    test: np.datetime64

    def track(self, times: Times, offset: int) -> Track:
        """Row numbers of the parts in a track whose first row has the number `offset`."""
        starts = np.searchsorted(times, np.array([self.train, self.validation, self.test]))
        train, validation, test = (offset + starts).tolist()
        return Track(train, validation, test, offset + len(times))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A series made ready for training.

    Args:
        dataset: Arrays of all tracks.
        pipeline: The fitted features.
        channels: The channels that are read, in column order.
        targets: Columns of the targets.
        rule: How observations become rows.
        calendar: When rows come.
        times: Grid times of the first track, the one that is served.
        fitted: Grid times of the rows that features and target scaling were fitted on.
        observed: Times and values of the observations, in column order.
        dropped: Channels that could not be inputs.
        sha256: Of the times and values that training sees.
        effects: What known-future channels do to the values that the highway reads.
    """

    dataset: Dataset
    pipeline: FeaturePipeline
    channels: tuple[Channel, ...]
    targets: list[int]
    rule: GridRule
    calendar: Calendar
    times: Times
    fitted: Times
    observed: tuple[Times, Values]
    dropped: list[DroppedChannel]
    sha256: str
    effects: KnownEffects | None = None


def prepare(spec: Spec, data: SeriesData) -> Prepared:
    """Resample a series, split it, fit features and target scaling on its training rows.

    Args:
        spec: A resolved spec.
        data: The whole series.

    Returns:
        Training arrays, and what the manifest must hold.
    """
    wanted = {*(spec.features or []), *(spec.targets or [])}
    columns = [index for index, name in enumerate(data.channel_names) if name in wanted]
    channels = tuple(data.channels[index] for index in columns)
    names = [channel.name for channel in channels]
    targets = [names.index(name) for name in spec.targets or []]
    values = data.values[:, columns]

    rule = GridRule.learn(data, channels, spec.cadence or data.cadence, spec.aggregate or "last")
    grids = [rule.grid(data.times, values, phase=phase) for phase in range(rule.phases)]
    positive = targets if spec.transform == "log_return" else []
    rows = [clean_rows(grid.values, positive) for grid in grids]
    borders = _borders(spec, grids[0].times)
    first = borders.track(grids[0].times, 0)
    seen = slice(*first.span("train"))

    plan = _feature_plan(spec, data, channels, resampled=rule.step != rule.cadence)
    pipeline, dropped = fit_features(plan, rows[0][seen])
    if pipeline.width == 0:
        left_out = ", ".join(f"{channel.name} ({channel.reason})" for channel in dropped)
        raise DataError(f"No channel is left to forecast from. Left out: {left_out or 'none'}")
    scaling = TargetScaling.fit(
        spec.transform or "none",
        spec.lead_steps,
        rows[0][seen][:, targets],
        scaled=spec.scaler == "standard",
    )
    calendars = [rule.row_calendar(grid.times) for grid in grids]
    dataset = _dataset(
        grids,
        rows,
        borders,
        calendars=calendars,
        pipeline=pipeline,
        scaling=scaling,
        targets=targets,
    )
    return Prepared(
        dataset=dataset,
        pipeline=pipeline,
        channels=channels,
        targets=targets,
        rule=rule,
        calendar=calendars[0],
        times=grids[0].times,
        fitted=grids[0].times[seen],
        observed=(data.times, values),
        dropped=dropped,
        sha256=_sha256(data.times, values),
    )


def _borders(spec: Spec, times: Times) -> Borders:
    bounds = split_bounds(times, spec.split)
    end = times[-1] + np.timedelta64(1, "us")
    starts = [bounds.train.start, bounds.validation.start, bounds.test.start]
    return Borders(*(times[row] if row < len(times) else end for row in starts))


def _feature_plan(
    spec: Spec, data: SeriesData, channels: tuple[Channel, ...], *, resampled: bool
) -> FeaturePlan:
    codes = tuple(named_codes(spec.holidays))
    return FeaturePlan(
        channels=channels,
        inputs=frozenset(data.channel_names if spec.features is None else spec.features),
        targets=frozenset(spec.targets or []),
        log_returns=spec.transform == "log_return",
        spans=tuple(spec.differences),
        cycles=tuple(spec.calendar_features or []),
        timezone=data.timezone,
        scaled=spec.scaler == "standard",
        known_future=frozenset(spec.known_future),
        holidays=HolidayFlags(codes, data.timezone, resampled) if codes else None,
    )


def _dataset(
    grids: list[Grid],
    rows: list[Values],
    borders: Borders,
    *,
    calendars: list[Calendar],
    pipeline: FeaturePipeline,
    scaling: TargetScaling,
    targets: list[int],
) -> Dataset:
    """Transform every track on its own, then lay them one after the other."""
    features, filled_rows, tracks, offset = [], [], [], 0
    for grid, values in zip(grids, rows, strict=True):
        transformed, filled = pipeline.transform(pipeline.empty_tail(), grid.times, values)
        features.append(transformed)
        filled_rows.append(filled[pipeline.memory_rows :])
        tracks.append(borders.track(grid.times, offset))
        offset += len(values)
    actual = np.concatenate([values[:, targets] for values in rows])
    base = np.concatenate([filled[:, targets] for filled in filled_rows])
    future = None
    if pipeline.future_width:
        times = [grid.times for grid in grids]
        laid = zip(times, filled_rows, calendars, strict=True)
        future = FutureTable.of(pipeline, scaling.leads, laid)
    return Dataset(np.concatenate(features), actual, base, scaling, tuple(tracks), future=future)


def _sha256(times: Times, values: Values) -> str:
    digest = hashlib.sha256(times.astype("<i8").tobytes())
    digest.update(values.astype("<f8").tobytes())
    return digest.hexdigest()
