"""Evaluation of classes: what is served, against the majority class and the class prior."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arrays import RowIndices, Times, Values
from models.evaluation.class_comparison import ClassComparison, shares_of
from models.evaluation.evaluate import HELD_OUT, PARTS, Evaluation, origins_of, spacing
from models.features.classes import ClassCoding
from models.features.dataset import Track
from models.serving.forecaster import Forecaster


def evaluate_classes(
    forecaster: Forecaster, times: Times, values: Values, track: Track
) -> Evaluation:
    """Measure a forecaster of classes on every part of its split.

    Args:
        forecaster: The exported forecaster, as it will be served.
        times: `(rows,)` of the series, UTC.
        values: `(rows, channels)` in the order of the manifest's channels.
        track: Where the parts lie among the served grid rows.

    Returns:
        `metrics`: `{part: {target: {accuracy, balanced_accuracy, log_loss, brier,
        majority_accuracy, class_prior_accuracy, class_prior_log_loss, class_prior_brier, skill,
        classes, leads}}}`, where `skill` is 1 - log_loss / class_prior_log_loss, in the test part
        with `significance` of the difference from the class prior. `baselines`: the frequencies
        of the classes in training.
        `calibration`: tables of the held-out parts by target and lead. No residuals: classes
        have none.
    """
    coding = forecaster.classes
    if coding is None:
        raise ValueError("`forecaster` must predict classes.")
    names = forecaster.targets, forecaster.leads.tolist()
    said = {part: _say(forecaster, coding, times, values, track.span(part)) for part in PARTS}
    shares = shares_of(said["train"].labels, coding)
    compared = {
        part: ClassComparison.of(coding, each.probabilities, shares, each.labels)
        for part, each in said.items()
    }
    metrics: dict[str, Any] = {part: each.report(*names) for part, each in compared.items()}
    overlap = (int(forecaster.leads[-1]) - 1) // spacing(said["test"].origins)
    for target, row in enumerate(metrics["test"].values()):
        row["significance"] = compared["test"].significance(target, overlap)
    return Evaluation(
        metrics=metrics,
        residuals={},
        baselines={"frequencies": compared["train"].frequencies(*names)},
        calibration={part: compared[part].calibration(*names) for part in HELD_OUT},
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What was said in one part of the split, and what came.

    Args:
        origins: `(origins,)`, rows.
        probabilities: `(origins, leads, targets, classes)`.
        labels: `(origins, leads, targets)`, codes; NaN is missing.
    """

    origins: RowIndices
    probabilities: Values
    labels: Values


def _say(
    forecaster: Forecaster,
    coding: ClassCoding,
    times: Times,
    values: Values,
    span: tuple[int, int],
) -> _Said:
    at = origins_of(forecaster, span)
    at = at[at >= forecaster.least_rows - 1]
    found = forecaster.scaled_outputs(times, values, at)
    known = ~np.isnan(found.predicted).any(axis=-1)
    labels = np.where(known, found.labels, np.nan)
    return _Said(at, coding.probabilities(found.predicted), labels)
