"""Evaluation of classes: what is served, against the majority class and a coin."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.class_balance import frequencies
from models.class_metrics import (
    Codes,
    baseline_figures,
    calibration_table,
    class_rows,
    figures_of,
)
from models.classes import ClassCoding
from models.dataset import Track
from models.evaluate import HELD_OUT, PARTS, Evaluation, origins_of, spacing
from models.runtime import Forecaster
from models.series import Times, Values
from models.significance import diebold_mariano
from models.temperature import log_losses


@dataclass(frozen=True, slots=True)
class _Said:
    """What was said in one part of the split, and what came.

    Args:
        probabilities: `(origins, leads, targets, classes)`.
        shares: `(leads, targets, classes)`, the frequencies in training: what a coin says.
        labels: `(origins, leads, targets)`, codes; NaN is missing.
        overlap: How many later origins' labels overlap with one origin's.
    """

    probabilities: Values
    shares: Values
    labels: Values
    overlap: int

    def at(self, lead: int | None, target: int) -> tuple[Values, Values, Codes]:
        """Probabilities, shares and codes where a label is there, of one lead or of all.

        Returns:
            `(origins, classes)` twice, and `(origins,)`.
        """
        leads = slice(None) if lead is None else slice(lead, lead + 1)
        codes = self.labels[:, leads, target]
        known = ~np.isnan(codes)
        shares = np.broadcast_to(self.shares, self.probabilities.shape)
        said, coin = (each[:, leads, target][known] for each in (self.probabilities, shares))
        return said, coin, codes[known].astype(np.int64)


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
        majority_accuracy, coin_accuracy, coin_log_loss, coin_brier, skill, classes, leads}}}`,
        where `skill` is 1 - log_loss / coin_log_loss, in the test part with `significance` of the
        difference from the coin. `baselines`: the frequencies of the classes in training.
        `calibration`: tables of the held-out parts by target and lead. No residuals: classes
        have none.
    """
    coding = forecaster.classes
    if coding is None:
        raise ValueError("`forecaster` must predict classes.")
    training = _say(forecaster, coding, times, values, track.span("train"))
    shares = _shares(training[1], coding)
    said = {"train": _Said(training[0], shares, *training[1:])}
    for part in HELD_OUT:
        probabilities, labels, overlap = _say(forecaster, coding, times, values, track.span(part))
        said[part] = _Said(probabilities, shares, labels, overlap)
    metrics: dict[str, Any] = {part: _metrics(forecaster, coding, said[part]) for part in PARTS}
    for target, name in enumerate(forecaster.targets):
        metrics["test"][name]["significance"] = _significance(said["test"], target)
    return Evaluation(
        metrics=metrics,
        residuals={},
        baselines={"frequencies": _by_lead(forecaster, coding, shares)},
        calibration={part: _calibration(forecaster, said[part]) for part in HELD_OUT},
    )


def _say(
    forecaster: Forecaster,
    coding: ClassCoding,
    times: Times,
    values: Values,
    span: tuple[int, int],
) -> tuple[Values, Values, int]:
    """Probabilities, labels and overlap of a part; see `_Said`."""
    at = origins_of(forecaster, span)
    at = at[at >= forecaster.least_rows - 1]
    found = forecaster.scaled_outputs(times, values, at)
    known = ~np.isnan(found.said).any(axis=-1)
    overlap = (int(forecaster.leads[-1]) - 1) // spacing(at)
    labels = np.where(known, found.labels, np.nan)
    return coding.probabilities(found.said), labels, overlap


def _shares(labels: Values, coding: ClassCoding) -> Values:
    """Frequencies of the classes, `(leads, targets, classes)`."""
    counts = np.stack([(labels == code).sum(axis=0) for code in range(len(coding.names))], axis=-1)
    return frequencies(counts)


def _metrics(forecaster: Forecaster, coding: ClassCoding, said: _Said) -> dict[str, Any]:
    return {
        name: {
            **_row(coding, *said.at(None, target)),
            "leads": [
                {"lead": steps, **_row(coding, *said.at(lead, target))}
                for lead, steps in enumerate(forecaster.leads.tolist())
            ],
        }
        for target, name in enumerate(forecaster.targets)
    }


def _row(
    coding: ClassCoding, probabilities: Values, shares: Values, codes: Codes
) -> dict[str, Any]:
    figures, baselines = figures_of(probabilities, codes), baseline_figures(shares, codes)
    loss, coin_loss = figures["log_loss"], baselines["coin_log_loss"]
    return {
        **figures,
        **baselines,
        "skill": None if loss is None or not coin_loss else 1 - loss / coin_loss,
        "classes": class_rows(coding.names, probabilities, codes),
    }


def _significance(said: _Said, target: int) -> dict[str, Any]:
    """Whether the difference from the coin is more than luck, by the mean log loss over leads."""
    shares = np.broadcast_to(said.shares, said.probabilities.shape)
    losses, others = (
        _loss_by_origin(each[:, :, target], said.labels[..., target])
        for each in (said.probabilities, shares)
    )
    names = ("the model", "a coin with the class frequencies")
    test = diebold_mariano(losses, others, overlap=said.overlap, names=names)
    return {"coin": {"baseline": "coin", **test.to_json()}}


def _loss_by_origin(probabilities: Values, labels: Values) -> Values:
    """`(origins,)`, the mean log loss over the leads that have a label; NaN where none has."""
    known = ~np.isnan(labels)
    codes = np.where(known, labels, 0).astype(np.int64)
    flat = log_losses(probabilities.reshape(-1, probabilities.shape[-1]), codes.reshape(-1))
    losses = np.where(known, flat.reshape(labels.shape), 0.0).sum(axis=-1)
    count = known.sum(axis=-1)
    return np.where(count > 0, losses / np.maximum(count, 1), np.nan)


def _by_lead(forecaster: Forecaster, coding: ClassCoding, shares: Values) -> dict[str, Any]:
    return {
        name: [
            {"lead": steps, **dict(zip(coding.names, shares[lead, target].tolist(), strict=True))}
            for lead, steps in enumerate(forecaster.leads.tolist())
        ]
        for target, name in enumerate(forecaster.targets)
    }


def _calibration(forecaster: Forecaster, said: _Said) -> dict[str, Any]:
    return {
        name: [
            {"lead": steps, **calibration_table(probabilities, codes)}
            for lead, steps in enumerate(forecaster.leads.tolist())
            for probabilities, _, codes in [said.at(lead, target)]
        ]
        for target, name in enumerate(forecaster.targets)
    }
