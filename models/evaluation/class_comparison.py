"""Comparison of predicted class probabilities with the class prior on the same points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.arrays import Values
from models.evaluation.class_metrics import (
    Codes,
    baseline_figures,
    calibration_table,
    class_rows,
    figures_of,
)
from models.evaluation.significance import diebold_mariano
from models.evaluation.temperature import log_losses
from models.features.class_balance import frequencies
from models.features.classes import ClassCoding


@dataclass(frozen=True, slots=True)
class ClassComparison:
    """What was said in some rows, the class prior, and what came.

    Args:
        coding: Of the classes.
        probabilities: `(origins, leads, targets, classes)`.
        shares: `(leads, targets, classes)`, the class prior: the frequencies known so far.
        labels: `(origins, leads, targets)`, codes; NaN where nothing was said or came.
    """

    coding: ClassCoding
    probabilities: Values
    shares: Values
    labels: Values

    @classmethod
    def of(cls, coding: ClassCoding, said: Values, shares: Values, labels: Values) -> Self:
        """Compare probabilities where there are any."""
        told = ~np.isnan(said).any(axis=-1)
        return cls(coding, said, shares, np.where(told, labels, np.nan))

    def report(self, targets: Sequence[str], leads: Sequence[int]) -> dict[str, dict[str, Any]]:
        """`{target: {accuracy, ..., classes, leads: [{lead, accuracy, ...}]}}`.

        The figures beside `leads` are over all of them; `skill` is
        1 - log_loss / class_prior_log_loss.
        """
        return {
            name: {
                **self._row(None, target),
                "leads": [
                    {"lead": steps, **self._row(lead, target)} for lead, steps in enumerate(leads)
                ],
            }
            for target, name in enumerate(targets)
        }

    def significance(self, target: int, overlap: int) -> dict[str, Any]:
        """Test the difference from the class prior, by the mean log loss over leads.

        Args:
            target: Its position.
            overlap: How many later origins' labels overlap with one origin's.
        """
        prior = np.broadcast_to(self.shares, self.probabilities.shape)
        losses = [
            _loss_by_origin(each[:, :, target], self.labels[..., target])
            for each in (self.probabilities, prior)
        ]
        names = ("the model", "the class prior")
        test = diebold_mariano(*losses, overlap=overlap, names=names)
        return {"class_prior": {"baseline": "class_prior", **test.to_json()}}

    def calibration(
        self, targets: Sequence[str], leads: Sequence[int]
    ) -> dict[str, list[dict[str, Any]]]:
        """`{target: [{lead, expected_calibration_error, bins}]}`."""
        return {
            name: [
                {"lead": steps, **calibration_table(said, codes)}
                for lead, steps in enumerate(leads)
                for said, _, codes in [self._at(lead, target)]
            ]
            for target, name in enumerate(targets)
        }

    def frequencies(
        self, targets: Sequence[str], leads: Sequence[int]
    ) -> dict[str, list[dict[str, Any]]]:
        """The class prior: `{target: [{lead, <class>: share}]}`."""
        names = self.coding.names
        return {
            name: [
                {"lead": steps, **dict(zip(names, self.shares[lead, target].tolist(), strict=True))}
                for lead, steps in enumerate(leads)
            ]
            for target, name in enumerate(targets)
        }

    def _row(self, lead: int | None, target: int) -> dict[str, Any]:
        said, shares, codes = self._at(lead, target)
        figures, baselines = figures_of(said, codes), baseline_figures(shares, codes)
        loss, prior_loss = figures["log_loss"], baselines["class_prior_log_loss"]
        return {
            **figures,
            **baselines,
            "skill": None if loss is None or not prior_loss else 1 - loss / prior_loss,
            "classes": class_rows(self.coding.names, said, codes),
        }

    def _at(self, lead: int | None, target: int) -> tuple[Values, Values, Codes]:
        """Probabilities, shares and codes where a label is there, of one lead or of all.

        Returns:
            `(origins, classes)` twice, and `(origins,)`.
        """
        leads = slice(None) if lead is None else slice(lead, lead + 1)
        codes = self.labels[:, leads, target]
        known = ~np.isnan(codes)
        shares = np.broadcast_to(self.shares, self.probabilities.shape)
        said, prior = (each[:, leads, target][known] for each in (self.probabilities, shares))
        return said, prior, codes[known].astype(np.int64)


def shares_of(labels: Values, coding: ClassCoding) -> Values:
    """Frequencies of the classes, `(leads, targets, classes)`.

    Args:
        labels: `(rows, leads, targets)`, codes; NaN is missing.
        coding: Of the classes.
    """
    counts = np.stack([(labels == code).sum(axis=0) for code in range(len(coding.names))], axis=-1)
    return frequencies(counts)


def _loss_by_origin(probabilities: Values, labels: Values) -> Values:
    """`(origins,)`, the mean log loss over the leads that have a label; NaN where none has."""
    known = ~np.isnan(labels)
    losses = np.zeros(labels.shape)
    losses[known] = log_losses(probabilities[known], labels[known].astype(np.int64))
    count = known.sum(axis=-1)
    return np.where(count > 0, losses.sum(axis=-1) / np.maximum(count, 1), np.nan)
