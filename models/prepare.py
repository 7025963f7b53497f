"""Preparation: from a series and a spec to training arrays and all that serving must know."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from models.calendars import Calendar
from models.classes import ClassCoding
from models.dataset import Dataset, Track
from models.errors import DataError
from models.feature_fitting import DroppedChannel, FeaturePlan, fit_features
from models.features import FeaturePipeline, clean_rows
from models.future import FutureTable
from models.holiday_flags import HolidayFlags, named_codes
from models.known_effects import KnownEffects
from models.resampling import GridRule
from models.scaling import TargetScaling
from models.series import Channel, SeriesData, Times, Values, as_panel
from models.series_fit import FitRule, SeriesFit
from models.spec import Spec
from models.splits import split_bounds


@dataclass(frozen=True, slots=True)
class Borders:
    """Times at which the parts of a split begin."""

    train: np.datetime64
    validation: np.datetime64
    test: np.datetime64

    def track(self, times: Times, offset: int = 0, series: int = 0) -> Track:
        """Row numbers of the parts in a track whose first row has the number `offset`."""
        starts = np.searchsorted(times, np.array([self.train, self.validation, self.test]))
        train, validation, test = (offset + starts).tolist()
        return Track(train, validation, test, offset + len(times), series)


@dataclass(frozen=True, slots=True)
class PreparedSeries:
    """One series of a panel made ready.

    Args:
        fit: Its grid and scales.
        times: Grid times of its first track, the one that is served.
        track: Where the parts lie among these times.
        fitted: Grid times of the rows that its scales were learnt from.
        observed: Times and values of its observations, in column order.
    """

    fit: SeriesFit
    times: Times
    track: Track
    fitted: Times
    observed: tuple[Times, Values]

    @property
    def sha256(self) -> str:
        """Of the times and values that training sees."""
        times, values = self.observed
        digest = hashlib.sha256(times.astype("<i8").tobytes())
        digest.update(values.astype("<f8").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A series, or a panel of them, made ready for training.

    Args:
        dataset: Arrays of all tracks.
        pipeline: The fitted features, with the scales of the first series.
        channels: The channels that are read, in column order.
        targets: Columns of the targets.
        series: What belongs to each series.
        dropped: Channels that could not be inputs.
        effects: What known-future channels do to the values that the highway reads.
    """

    dataset: Dataset
    pipeline: FeaturePipeline
    channels: tuple[Channel, ...]
    targets: list[int]
    series: tuple[PreparedSeries, ...]
    dropped: list[DroppedChannel]
    effects: KnownEffects | None = None

    @property
    def calendar(self) -> Calendar:
        """When rows of the first series come."""
        return self.series[0].fit.calendar

    @property
    def sha256(self) -> str:
        """Of the times and values of all series."""
        if len(self.series) == 1:
            return self.series[0].sha256
        return hashlib.sha256("".join(each.sha256 for each in self.series).encode()).hexdigest()


def prepare(spec: Spec, data: SeriesData | Sequence[SeriesData]) -> Prepared:
    """Resample every series, split it, fit features and target scaling on its training rows.

    Args:
        spec: A resolved spec.
        data: The whole series, or those of a panel.

    Returns:
        Training arrays, and what the manifest must hold.
    """
    panel = as_panel(data)
    wanted = {*(spec.features or []), *(spec.targets or [])}
    channels = tuple(channel for channel in panel[0].channels if channel.name in wanted)
    names = [channel.name for channel in channels]
    targets = [names.index(name) for name in spec.targets or []]
    positive = targets if spec.transform == "log_return" else []
    gridded = [_Gridded.of(spec, each, channels, positive) for each in panel]

    rule = gridded[0].rule
    plan = _feature_plan(spec, panel[0], channels, resampled=rule.step != rule.cadence)
    first, *others = (each.training_rows for each in gridded)
    pipeline, dropped = fit_features(plan, first, others)
    if pipeline.width == 0:
        left_out = ", ".join(f"{channel.name} ({channel.reason})" for channel in dropped)
        raise DataError(f"No channel is left to forecast from. Left out: {left_out or 'none'}")
    how = FitRule(
        pipeline=pipeline,
        targets=targets,
        transform=spec.transform or "none",
        leads=spec.lead_steps,
        scaled=spec.scaler == "standard",
    )
    fits = [each.fit(how) for each in gridded]
    return Prepared(
        dataset=replace(_dataset(gridded, fits, how), classes=ClassCoding.of(spec)),
        pipeline=pipeline,
        channels=channels,
        targets=targets,
        series=tuple(each.prepared(fit) for each, fit in zip(gridded, fits, strict=True)),
        dropped=dropped,
    )


@dataclass(frozen=True, slots=True)
class _Gridded:
    """A series on its grids, one for each phase, with clean rows and the borders of its parts."""

    data: SeriesData
    values: Values
    rule: GridRule
    times: list[Times]
    rows: list[Values]
    borders: Borders

    @classmethod
    def of(
        cls, spec: Spec, data: SeriesData, channels: tuple[Channel, ...], positive: list[int]
    ) -> Self:
        values = data.values[:, [data.channel_names.index(each.name) for each in channels]]
        step = spec.cadence or data.cadence
        rule = GridRule.learn(data, channels, step, spec.aggregate or "last")
        grids = [rule.grid(data.times, values, phase=phase) for phase in range(rule.phases)]
        rows = [clean_rows(grid.values, positive) for grid in grids]
        times = [grid.times for grid in grids]
        return cls(data, values, rule, times, rows, _borders(spec, times[0]))

    @property
    def track(self) -> Track:
        return self.borders.track(self.times[0])

    @property
    def seen(self) -> slice:
        return slice(*self.track.span("train"))

    @property
    def training_rows(self) -> Values:
        return self.rows[0][self.seen]

    def fit(self, how: FitRule) -> SeriesFit:
        return how.fit(
            self.data.name, self.data.timezone, self.rule, self.times[0], self.training_rows
        )

    def future(
        self, pipeline: FeaturePipeline, scaling: TargetScaling, filled: list[Values]
    ) -> FutureTable | None:
        """What is known of the steps ahead of the rows of all phases, if anything is."""
        if not pipeline.future_width:
            return None
        calendars = [self.rule.row_calendar(times) for times in self.times]
        tracks = zip(self.times, filled, calendars, strict=True)
        return FutureTable.of(pipeline, scaling.leads, tracks)

    def prepared(self, fit: SeriesFit) -> PreparedSeries:
        return PreparedSeries(
            fit=fit,
            times=self.times[0],
            track=self.track,
            fitted=self.times[0][self.seen],
            observed=(self.data.times, self.values),
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


def _dataset(gridded: list[_Gridded], fits: list[SeriesFit], how: FitRule) -> Dataset:
    """Transform every track on its own, then lay them one after the other."""
    features, actual, bases, tracks, futures, offset = [], [], [], [], [], 0
    for position, (own, fit) in enumerate(zip(gridded, fits, strict=True)):
        pipeline = fit.pipeline(how.pipeline)
        filled_rows = []
        for times, rows in zip(own.times, own.rows, strict=True):
            transformed, filled = pipeline.transform(pipeline.empty_tail(), times, rows)
            filled_rows.append(filled[pipeline.memory_rows :])
            features.append(transformed)
            actual.append(rows[:, how.targets])
            bases.append(filled_rows[-1][:, how.targets])
            tracks.append(own.borders.track(times, offset, position))
            offset += len(rows)
        futures.append(own.future(pipeline, fit.scaling, filled_rows))
    return Dataset(
        np.concatenate(features),
        np.concatenate(actual),
        np.concatenate(bases),
        fits[0].scaling,
        tuple(tracks),
        panel=tuple(fit.scaling for fit in fits) if len(fits) > 1 else (),
        future=FutureTable.joined([each for each in futures if each is not None]),
    )
