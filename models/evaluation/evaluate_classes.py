"""Evaluation of a class forecaster against the majority class and the class prior."""

from dataclasses import dataclass

import numpy as np

from models.arrays import RowIndices, Times, Values
from models.evaluation.class_comparison import ClassComparison, shares_of
from models.evaluation.evaluate import HELD_OUT, MOST_POINTS, PARTS, Evaluation
from models.evaluation.origins import origins_within, overlap, spacing
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
        with `significance` of the difference from the class prior. `baselines`: the class
        frequencies in the training rows. `calibration`: tables of the held-out parts by target
        and lead. Classes have no residuals.

    Raises:
        ValueError: If the forecaster predicts values.
    """
    coding = forecaster.classes
    if coding is None:
        raise ValueError("`forecaster` must predict classes.")
    names = forecaster.targets, forecaster.leads.tolist()
    predictions = {
        part: _predict(forecaster, coding, times, values, track.span(part)) for part in PARTS
    }
    shares = shares_of(predictions["train"].labels, coding)
    compared = {
        part: ClassComparison.of(coding, each.probabilities, shares, each.labels)
        for part, each in predictions.items()
    }
    tested = overlap(forecaster.leads, spacing(predictions["test"].origins))
    return Evaluation(
        metrics={
            part: each.report(*names, tested if part == "test" else None)
            for part, each in compared.items()
        },
        residuals={},
        baselines={"frequencies": compared["train"].frequencies(*names)},
        calibration={part: compared[part].calibration(*names) for part in HELD_OUT},
    )


@dataclass(frozen=True, slots=True)
class _Predictions:
    """Predicted probabilities and observed classes of one part of the split.

    Args:
        origins: `(origins,)`, rows.
        probabilities: `(origins, leads, targets, classes)`.
        labels: `(origins, leads, targets)`, codes; NaN is missing.
    """

    origins: RowIndices
    probabilities: Values
    labels: Values


def _predict(
    forecaster: Forecaster,
    coding: ClassCoding,
    times: Times,
    values: Values,
    span: tuple[int, int],
) -> _Predictions:
    at = origins_within(forecaster, span, most_points=MOST_POINTS)
    at = at[at >= forecaster.least_rows - 1]
    found = forecaster.scaled_outputs(times, values, at)
    known = ~np.isnan(found.predicted).any(axis=-1)
    labels = np.where(known, found.labels, np.nan)
    return _Predictions(at, coding.probabilities(found.predicted), labels)
