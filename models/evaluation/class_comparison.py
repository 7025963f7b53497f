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
    known_log_losses,
)
from models.evaluation.comparison import by_target_and_lead, loss_by_origin
from models.evaluation.significance import diebold_mariano
from models.features.class_balance import frequencies
from models.features.classes import ClassCoding


@dataclass(frozen=True, slots=True)
class ClassComparison:
    """Predicted probabilities, the class prior, and the observed classes.

    Args:
        coding: The classes.
        probabilities: `(origins, leads, targets, classes)`; NaN is missing.
        shares: `(leads, targets, classes)`, the class prior: the frequencies known so far.
        labels: `(origins, leads, targets)`, codes; NaN where the prediction or the observation
            is missing.
    """

    coding: ClassCoding
    probabilities: Values
    shares: Values
    labels: Values

    @classmethod
    def of(cls, coding: ClassCoding, predicted: Values, shares: Values, labels: Values) -> Self:
        """Compare where there are both a prediction and an observation."""
        known = ~np.isnan(predicted).any(axis=-1)
        return cls(coding, predicted, shares, np.where(known, labels, np.nan))

    def report(
        self, targets: Sequence[str], leads: Sequence[int], overlap: int | None = None
    ) -> dict[str, dict[str, Any]]:
        """Figures by target, over all leads and for each lead.

        Args:
            targets: Names.
            leads: Steps ahead.
            overlap: How many later origins' labels overlap with one origin's; None leaves
                `significance` out.

        Returns:
            `{target: {accuracy, ..., classes, leads: [{lead, accuracy, ...}], significance}}`.
            `skill` is 1 - log_loss / class_prior_log_loss; figures beside `leads` are over all
            leads.
        """
        report = by_target_and_lead(targets, leads, self._row)
        if overlap is not None:
            for target, row in enumerate(report.values()):
                row["significance"] = self.significance(target, overlap)
        return report

    def significance(self, target: int, overlap: int) -> dict[str, Any]:
        """Test the difference from the class prior, by the mean log loss over leads.

        Args:
            target: Its position.
            overlap: How many later origins' labels overlap with one origin's.
        """
        prior = np.broadcast_to(self.shares, self.probabilities.shape)
        losses = [
            loss_by_origin(known_log_losses(each, self.labels))[:, target]
            for each in (self.probabilities, prior)
        ]
        test = diebold_mariano(*losses, overlap=overlap, names=("the model", "the class prior"))
        return {"class_prior": {"baseline": "class_prior", **test.to_json()}}

    def calibration(
        self, targets: Sequence[str], leads: Sequence[int]
    ) -> dict[str, list[dict[str, Any]]]:
        """`{target: [{lead, expected_calibration_error, bins}]}`."""
        return {
            name: [
                {"lead": steps, **calibration_table(probabilities, codes)}
                for lead, steps in enumerate(leads)
                for probabilities, _, codes in [self._at(lead, target)]
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

    def _row(self, target: int, lead: int | None) -> dict[str, Any]:
        probabilities, shares, codes = self._at(lead, target)
        figures, baselines = figures_of(probabilities, codes), baseline_figures(shares, codes)
        loss, prior_loss = figures["log_loss"], baselines["class_prior_log_loss"]
        return {
            **figures,
            **baselines,
            "skill": None if loss is None or not prior_loss else 1 - loss / prior_loss,
            "classes": class_rows(self.coding.names, probabilities, codes),
        }

    def _at(self, lead: int | None, target: int) -> tuple[Values, Values, Codes]:
        """Probabilities, class prior and codes where a label is known, of one lead or of all.

        Returns:
            `(origins, classes)` twice, and `(origins,)`.
        """
        leads = slice(None) if lead is None else slice(lead, lead + 1)
        codes = self.labels[:, leads, target]
        known = ~np.isnan(codes)
        shares = np.broadcast_to(self.shares, self.probabilities.shape)
        predicted, prior = (each[:, leads, target][known] for each in (self.probabilities, shares))
        return predicted, prior, codes[known].astype(np.int64)


def shares_of(labels: Values, coding: ClassCoding) -> Values:
    """Frequencies of the classes, `(leads, targets, classes)`.

    Args:
        labels: `(rows, leads, targets)`, codes; NaN is missing.
        coding: The classes.
    """
    counts = np.stack([(labels == code).sum(axis=0) for code in range(len(coding.names))], axis=-1)
    return frequencies(counts)
