"""Adaptation: a trained forecaster on any series, also on one that it never saw.

A series of the training is scaled by its training rows. A series that came later is scaled by
its own first observations: of `n` that there are, the largest `m * 2**k` up to `n`, where `m` is
the least number that will do. So the scales depend on nothing that lies after the origin, grow
more certain as the series grows, and are the same whether the series was streamed or replayed.
"""

from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from models.arrays import Values
from models.checks.series import LEAST_ROWS_WITH_LOSS
from models.errors import DataError
from models.features.features import FeaturePipeline, clean_rows
from models.features.scaling import TargetScaling
from models.features.series_fit import FitRule, SeriesFit
from models.grid.panel import SeriesSignature, by_name
from models.grid.resampling import GridRule
from models.series import SeriesData
from models.serving.intervals import Intervals


def known_fit(manifest: dict[str, Any], name: str) -> SeriesFit | None:
    """The stored fit of a series of the training, or None if there is none of that name."""
    stored = next((each for each in manifest["panel"] if each["name"] == name), None)
    return None if stored is None else SeriesFit.from_json(stored)


def intervals_of(manifest: dict[str, Any], name: str) -> Intervals | None:
    """The intervals of a series: its own, or if it is none of the training the mean of theirs.

    None if the forecaster has no intervals.
    """
    entries = manifest["panel"] or [{**manifest["series"], "intervals": manifest["intervals"]}]
    own = [each for each in entries if each["name"] == name] or entries
    stored = [Intervals.from_json(each["intervals"]) for each in own if each["intervals"]]
    return Intervals.mean(stored) if stored else None


def is_known(manifest: dict[str, Any], name: str) -> bool:
    """Whether a forecaster learnt from the series of this name."""
    names = [each["name"] for each in manifest["panel"]]
    return name in (names or [manifest["series"]["name"]])


def signature_of(manifest: dict[str, Any]) -> SeriesSignature:
    """What a series must be like to be read by a forecaster."""
    rule, series = GridRule.from_json(manifest["grid"]), manifest["series"]
    return SeriesSignature(
        series["kind"], rule.cadence.text, series["calendar"], by_name(rule.channels)
    )


def least_observations(manifest: dict[str, Any]) -> int:
    """How many observations the scales of an unseen series are learnt from at least.

    As many as training asks of a series: the context, the farthest label and some rows.
    """
    rule = GridRule.from_json(manifest["grid"])
    rows: int = manifest["least_rows"] + max(manifest["targets"]["scaling"]["leads"])
    per_row = rule.step.approximate_seconds / rule.cadence.approximate_seconds
    return ceil((rows + LEAST_ROWS_WITH_LOSS) * per_row)


def observations_to_fit(manifest: dict[str, Any], observations: int) -> int:
    """How many of a series' first observations its scales are learnt from.

    Raises:
        DataError: If there are too few.
    """
    least = least_observations(manifest)
    if observations < least:
        raise DataError(
            f"The model did not learn from this series: it needs its first {least} observations "
            f"to know its scale. Received: {observations}"
        )
    doublings = (observations // least).bit_length() - 1
    return least << doublings


def fit_unseen(manifest: dict[str, Any], data: SeriesData) -> SeriesFit:
    """Learn grid and scales of a series that the forecaster did not learn from.

    Args:
        manifest: The forecaster's.
        data: The series up to the origin, with the signature that the forecaster needs.

    Raises:
        DataError: If it has too few observations, or a target that does not vary in them.
    """
    count = observations_to_fit(manifest, len(data.times))
    like = GridRule.from_json(manifest["grid"])
    columns = [data.channel_names.index(channel.name) for channel in like.channels]
    times, values = data.times[:count], data.values[:count, columns]
    beginning = replace(data, times=times, values=data.values[:count])
    rule = GridRule.learn(beginning, like.channels, like.step.text, like.aggregate)
    rule = replace(rule, bars=like.bars)
    grid, how = rule.grid(times, values), _fit_rule(manifest)
    rows = clean_rows(grid.values, how.positive)
    _check_targets(manifest, rows[:, how.targets], count)
    return replace(how.fit(data.name, data.timezone, rule, grid.times, rows), observations=count)


def _fit_rule(manifest: dict[str, Any]) -> FitRule:
    scaling = TargetScaling.from_json(manifest["targets"]["scaling"])
    return FitRule(
        pipeline=FeaturePipeline.from_json(manifest["features"]),
        targets=manifest["targets"]["columns"],
        transform=scaling.transform,
        leads=scaling.leads.tolist(),
        scaled=manifest["spec"]["scaler"] == "standard",
    )


def _check_targets(manifest: dict[str, Any], values: Values, count: int) -> None:
    for name, column in zip(manifest["targets"]["names"], values.T, strict=True):
        present = column[np.isfinite(column)]
        if len(present) == 0 or present.min() == present.max():
            raise DataError(
                f"A target must vary in the first {count} observations, from which the scale of "
                f"a series is learnt that the model did not learn from. Received: {name}, which "
                f"holds {'no values' if len(present) == 0 else f'only {present[0]:g}'}"
            )
