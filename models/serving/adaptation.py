"""Apply a trained forecaster to any series, including one it was not trained on.

A training series is scaled by its training rows. An unseen series is scaled by its first
observations: of `n` observations, the largest `m * 2**k` that is at most `n`, where `m` is the
least number that suffices. So the scales depend only on observations before the origin, become
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
    """The stored fit of the training series with this name, or None."""
    stored = next((each for each in manifest["panel"] if each["name"] == name), None)
    return None if stored is None else SeriesFit.from_json(stored)


def intervals_of(manifest: dict[str, Any], name: str) -> Intervals | None:
    """A training series' intervals; for an unseen series, the mean over the training series.

    None if the forecaster has no intervals.
    """
    entries = manifest["panel"] or [{**manifest["series"], "intervals": manifest["intervals"]}]
    entries = [each for each in entries if each["name"] == name] or entries
    stored = [Intervals.from_json(each["intervals"]) for each in entries if each["intervals"]]
    return Intervals.mean(stored) if stored else None


def is_known(manifest: dict[str, Any], name: str) -> bool:
    """Whether a series of this name was among the training series."""
    names = [each["name"] for each in manifest["panel"]]
    return name in (names or [manifest["series"]["name"]])


def signature_of(manifest: dict[str, Any]) -> SeriesSignature:
    """The signature that a series must have for a forecaster to read it."""
    rule, series = GridRule.from_json(manifest["grid"]), manifest["series"]
    return SeriesSignature(
        series["kind"], rule.cadence.text, series["calendar"], by_name(rule.channels)
    )


def least_observations(manifest: dict[str, Any]) -> int:
    """The least number of observations from which an unseen series' scales are learnt.

    The same number as in training: the context, the farthest label and some rows.
    """
    rule = GridRule.from_json(manifest["grid"])
    rows: int = manifest["least_rows"] + max(manifest["targets"]["scaling"]["leads"])
    per_row = rule.step.approximate_seconds / rule.cadence.approximate_seconds
    return ceil((rows + LEAST_ROWS_WITH_LOSS) * per_row)


def observations_to_fit(manifest: dict[str, Any], observations: int) -> int:
    """The number of an unseen series' first observations from which its scales are learnt.

    Raises:
        DataError: If `observations` are fewer than `least_observations`.
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
    """Learn grid and scales of an unseen series.

    Args:
        manifest: The bundle's manifest.
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
                f"a series outside the training is learnt. Received: {name}, which "
                f"holds {'no values' if len(present) == 0 else f'only {present[0]:g}'}"
            )
