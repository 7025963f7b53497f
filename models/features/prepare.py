"""Prepare training: from series and spec to training arrays, features and scales."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from models.arrays import Floats, Times, Values
from models.calendars.calendar import Calendar
from models.calendars.holidays import HolidayFlags, named_codes
from models.errors import DataError
from models.features.classes import ClassCoding
from models.features.dataset import Dataset, Track
from models.features.features import FeaturePipeline
from models.features.fitting import DroppedChannel, FeaturePlan, fit_features
from models.features.gridded import GriddedSeries
from models.features.known_effects import KnownEffects
from models.features.known_future import FutureTable
from models.features.series_fit import FitRule, SeriesFit
from models.series import Channel, SeriesData, as_panel
from models.spec.spec import Spec


@dataclass(frozen=True, slots=True)
class PreparedSeries:
    """One series of a panel, prepared for training.

    Args:
        fit: Its grid and scales.
        times: Grid times of its first track, the one that is served, UTC.
        track: Row numbers of the parts in these times.
        fitted: Grid times of the rows from which its scales were learnt.
        observed: Times and values of its observations, in column order.
    """

    fit: SeriesFit
    times: Times
    track: Track
    fitted: Times
    observed: tuple[Times, Values]

    @classmethod
    def of(cls, gridded: GriddedSeries, fit: SeriesFit) -> Self:
        """The prepared series of a fitted one."""
        return cls(
            fit=fit,
            times=gridded.times[0],
            track=gridded.track,
            fitted=gridded.times[0][gridded.seen],
            observed=(gridded.data.times, gridded.values),
        )

    @property
    def sha256(self) -> str:
        """SHA-256 of the times and values that training reads."""
        times, values = self.observed
        digest = hashlib.sha256(times.astype("<i8").data)
        # The array's buffer: `tobytes` would copy the whole series.
        digest.update(np.ascontiguousarray(values, "<f8").reshape(-1).view(np.uint8).data)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A series or a panel, prepared for training.

    Args:
        dataset: Arrays of all tracks.
        pipeline: The fitted features, with the scales of the first series.
        channels: The channels that are read, in column order.
        targets: Columns of the targets.
        series: Grid, scales and times of each series.
        dropped: Channels that could not be inputs.
        effects: Effects of known-future channels on the values that the highway reads.
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
        """The first series' calendar."""
        return self.series[0].fit.calendar

    @property
    def sha256(self) -> str:
        """SHA-256 of the times and values of all series."""
        if len(self.series) == 1:
            return self.series[0].sha256
        return hashlib.sha256("".join(each.sha256 for each in self.series).encode()).hexdigest()


def prepare(spec: Spec, data: SeriesData | Sequence[SeriesData]) -> Prepared:
    """Resample every series, split it, fit features and target scaling on its training rows.

    Args:
        spec: A resolved spec.
        data: The whole series, or those of a panel.

    Returns:
        Training arrays, and what the manifest must contain.

    Raises:
        DataError: If no channel can be an input.
        SpecError: If the split leaves no training rows.
    """
    return fit_panel(spec, data).prepared()


def fit_panel(spec: Spec, data: SeriesData | Sequence[SeriesData]) -> "FittedPanel":
    """The part of `prepare` that learns from training rows, before arrays are made."""
    panel = as_panel(data)
    wanted = {*(spec.features or []), *(spec.targets or [])}
    channels = tuple(channel for channel in panel[0].channels if channel.name in wanted)
    names = [channel.name for channel in channels]
    targets = [names.index(name) for name in spec.targets or []]
    positive = targets if spec.transform == "log_return" else []
    gridded = [GriddedSeries.of(spec, each, channels, positive) for each in panel]

    grid_rule = gridded[0].rule
    resampled = grid_rule.step != grid_rule.cadence
    plan = _feature_plan(spec, panel[0], channels, resampled=resampled)
    first, *others = (each.training_rows for each in gridded)
    pipeline, dropped = fit_features(plan, first, others)
    if pipeline.width == 0:
        left_out = ", ".join(f"{channel.name} ({channel.reason})" for channel in dropped)
        raise DataError(f"No channel is left to forecast from. Left out: {left_out or 'none'}")
    rule = FitRule(
        pipeline=pipeline,
        targets=targets,
        transform=spec.transform or "none",
        leads=spec.lead_steps,
        scaled=spec.scaler == "standard",
    )
    fits = [each.fit(rule) for each in gridded]
    return FittedPanel(gridded, fits, rule, channels, dropped, ClassCoding.of(spec))


@dataclass(frozen=True, slots=True)
class TrackPiece:
    """Consecutive rows of a track.

    Args:
        rows: Their slice in the arrays of all tracks.
        features: `(rows, features)` of float32.
        actual: `(rows, targets)` in original units; NaN is missing.
        base: `(rows, targets)`, the last observed values.
        known: `(rows, known)` of float32, the known-future channels' inputs.
    """

    rows: slice
    features: Floats
    actual: Values
    base: Values
    known: Floats


@dataclass(frozen=True, slots=True)
class FittedPanel:
    """Series on their grids, and everything that was learnt from their training rows.

    Args:
        gridded: Each series on its grids.
        fits: Grid and scales of each series.
        rule: The features, and how every series is fitted.
        channels: The channels that are read, in column order.
        dropped: Channels that could not be inputs.
        classes: The coding of classes; None if values are predicted.
    """

    gridded: list[GriddedSeries]
    fits: list[SeriesFit]
    rule: FitRule
    channels: tuple[Channel, ...]
    dropped: list[DroppedChannel]
    classes: ClassCoding | None

    def prepared(self) -> Prepared:
        """Make the arrays of all tracks."""
        both = zip(self.gridded, self.fits, strict=True)
        return Prepared(
            dataset=self._dataset(),
            pipeline=self.rule.pipeline,
            channels=self.channels,
            targets=list(self.rule.targets),
            series=tuple(PreparedSeries.of(gridded, fit) for gridded, fit in both),
            dropped=self.dropped,
        )

    def pieces(self) -> Iterator[TrackPiece]:
        """Transform the tracks one after the other, in pieces."""
        offset, targets = 0, self.rule.targets
        for gridded, fit in zip(self.gridded, self.fits, strict=True):
            pipeline = fit.pipeline(self.rule.pipeline)
            for times, rows in zip(gridded.times, gridded.rows, strict=True):
                for piece, features, filled in pipeline.pieces(pipeline.empty_tail(), times, rows):
                    new = filled[pipeline.memory_rows :]
                    yield TrackPiece(
                        rows=slice(offset + piece.start, offset + piece.stop),
                        features=features,
                        actual=rows[piece][:, targets],
                        base=new[:, targets],
                        known=pipeline.known(new),
                    )
                offset += len(rows)

    def _has_gaps(self) -> bool:
        """Whether a value of a target is missing."""
        return any(
            np.isnan(rows[:, column]).any()
            for gridded in self.gridded
            for rows in gridded.rows
            for column in self.rule.targets
        )

    def _tracks(self) -> tuple[Track, ...]:
        tracks, offset = [], 0
        for position, gridded in enumerate(self.gridded):
            for times in gridded.times:
                tracks.append(gridded.borders.track(times, offset, position))
                offset += len(times)
        return tuple(tracks)

    def _dataset(self) -> Dataset:
        """Concatenate all tracks."""
        tracks, pipeline, targets = self._tracks(), self.rule.pipeline, len(self.rule.targets)
        count, scalings = tracks[-1].end, [fit.scaling for fit in self.fits]
        features = np.empty((count, pipeline.width), np.float32)
        actual = np.empty((count, targets))
        # Without gaps, the last observed values are the values themselves.
        base = np.empty_like(actual) if self._has_gaps() else actual
        known = np.empty((count, pipeline.known_width), np.float32)
        for piece in self.pieces():
            features[piece.rows], known[piece.rows] = piece.features, piece.known
            actual[piece.rows], base[piece.rows] = piece.actual, piece.base
        return Dataset(
            features,
            actual,
            base,
            scalings[0],
            tracks,
            panel=tuple(scalings) if len(scalings) > 1 else (),
            future=self._future(known, tracks),
            classes=self.classes,
        )

    def _future(self, known: Floats, tracks: Sequence[Track]) -> FutureTable | None:
        """The known-future inputs of all tracks' rows; None if nothing is known."""
        if not self.rule.pipeline.future_width:
            return None
        parts = iter(np.split(known, [track.end for track in tracks[:-1]]))
        tables = []
        for gridded, fit in zip(self.gridded, self.fits, strict=True):
            laid = [
                (times, next(parts), gridded.rule.row_calendar(times)) for times in gridded.times
            ]
            pipeline = fit.pipeline(self.rule.pipeline)
            tables.append(FutureTable.of(pipeline, fit.scaling.leads, laid))
        return FutureTable.joined(tables)


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
