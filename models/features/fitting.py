"""Fit features on training rows: usable channels, their encodings and their scales."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import Values
from models.calendars.cycles import Cycle
from models.calendars.holidays import HolidayFlags
from models.features.features import ChannelFeature, Encoding, FeaturePipeline
from models.features.scaling import Standardizer
from models.series import Channel

PRICES = frozenset({"open", "high", "low", "close"})


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """The features that a spec requests, before any row is read.

    Args:
        channels: The channels of the rows' columns.
        inputs: Names of the channels that are inputs.
        targets: Names of the channels that are predicted.
        log_returns: Whether prices and targets enter as log returns.
        spans: Steps over which changes are further inputs.
        cycles: Calendar cycles.
        timezone: IANA name.
        scaled: Whether inputs are standardised.
        known_future: Names of the inputs whose future values are known.
        holidays: Holiday flags, if they are inputs.
    """

    channels: tuple[Channel, ...]
    inputs: frozenset[str]
    targets: frozenset[str]
    log_returns: bool
    spans: tuple[int, ...]
    cycles: tuple[Cycle, ...]
    timezone: str
    scaled: bool
    known_future: frozenset[str] = frozenset()
    holidays: HolidayFlags | None = None


@dataclass(frozen=True, slots=True)
class DroppedChannel:
    """A requested channel that cannot be an input, with the reason."""

    name: str
    reason: str


def fit_features(
    plan: FeaturePlan, rows: Values, others: Sequence[Values] = ()
) -> tuple[FeaturePipeline, list[DroppedChannel]]:
    """Fit the pipeline on training rows.

    Args:
        plan: The requested features.
        rows: `(rows, channels)` of training rows in original units; NaN is missing.
        others: The training rows of a panel's other series: a channel is kept if it varies in
            one of the series, and is masked if it has gaps in one of them.

    Returns:
        The pipeline with the scales of `rows`, and the channels that were left out.
    """
    panel = [rows, *others]
    dropped = [
        DroppedChannel(channel.name, reason)
        for column, channel in enumerate(plan.channels)
        if channel.name in plan.inputs
        and (reason := _useless_in_all([each[:, column] for each in panel]))
    ]
    names = plan.inputs - {channel.name for channel in dropped}
    channels = tuple(
        _plan_channel(plan, column, panel)
        for column, channel in enumerate(plan.channels)
        if channel.name in names
    )
    blank = FeaturePipeline(
        columns=len(plan.channels),
        channels=channels,
        spans=plan.spans,
        cycles=plan.cycles,
        timezone=plan.timezone,
        standardizer=Standardizer.identity(0),
        holidays=plan.holidays,
    )
    return replace(blank, standardizer=fit_scales(blank, rows, scaled=plan.scaled)), dropped


def fit_scales(pipeline: FeaturePipeline, rows: Values, *, scaled: bool) -> Standardizer:
    """Learn the scales of a pipeline's inputs from a series' rows.

    Args:
        pipeline: The choice of features.
        rows: `(rows, channels)` in original units; NaN is missing.
        scaled: False leaves the inputs as they are.
    """
    if not scaled:
        return Standardizer.identity(pipeline.unscaled(pipeline.empty_tail()).shape[1])
    return Standardizer.fit_pieces(lambda: pipeline.unscaled_pieces(rows))


def _useless_in_all(columns: Sequence[Values]) -> str | None:
    """Why a channel is of no use in any series of a panel, or None if it is in one."""
    reasons = [_useless(column) for column in columns]
    return reasons[0] if all(reasons) else None


def _useless(column: Values) -> str | None:
    """Why a column of training rows is of no use to a network, or None if it is."""
    present = column[np.isfinite(column)]
    if len(present) == 0:
        return "it has no values in the training rows"
    if present.min() == present.max():
        return "it is constant in the training rows"
    return None


def _plan_channel(plan: FeaturePlan, column: int, panel: Sequence[Values]) -> ChannelFeature:
    channel = plan.channels[column]
    known_future = channel.name in plan.known_future
    price = plan.log_returns and (channel.name in plan.targets or channel.name.casefold() in PRICES)
    # A return describes one step; what is known of a step ahead is a level.
    price = price and not known_future
    encoding: Encoding = "angle" if channel.angular else "log_return" if price else "level"
    reference = _reference(plan.channels, column) if price else column
    return ChannelFeature(
        column=column,
        encoding=encoding,
        reference=reference,
        masked=any(np.isnan(rows[:, column]).any() for rows in panel),
        # Changes of open, high and low over hours repeat those of the close.
        differenced=encoding == "level" or (encoding == "log_return" and reference == column),
        known_future=known_future,
    )


def _reference(channels: Sequence[Channel], column: int) -> int:
    """The column whose previous value a price is divided by: the close, if there is one."""
    if channels[column].name.casefold() in PRICES:
        for index, channel in enumerate(channels):
            if channel.name.casefold() == "close":
                return index
    return column
