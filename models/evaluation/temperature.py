"""Temperature scaling: calibrate class probabilities by one divisor of the scores.

Guo, Pleiss, Sun & Weinberger 2017, arXiv 1706.04599. There is one temperature for each lead of
each target, that with the smallest log loss on validation rows. It does not change the order of
the classes, and so not the accuracy.
"""

import numpy as np

from models.arrays import Floats, Values
from models.evaluation.class_metrics import Codes, log_losses
from models.features.classes import ClassCoding

LOWEST, HIGHEST = 0.05, 20.0
# With fewer labels a temperature does more harm than good.
LEAST_LABELS = 50


def fit_temperatures(coding: ClassCoding, scores: Floats, labels: Floats, known: Floats) -> Values:
    """Find the temperature of every lead and target.

    Args:
        coding: The classes.
        scores: `(rows, outputs, scores)`, the network's outputs for validation rows.
        labels: `(rows, outputs)`, codes.
        known: `(rows, outputs)`, 0 where the label is missing.

    Returns:
        `(outputs,)` from 0.05 to 20; 1 where there are too few labels.
    """
    found = np.ones(labels.shape[1])
    for output in range(len(found)):
        rows = known[:, output] > 0
        if rows.sum() >= LEAST_LABELS:
            found[output] = _best(
                coding, scores[rows, output].astype(float), labels[rows, output].astype(int)
            )
    return found


def _best(coding: ClassCoding, scores: Values, codes: Codes) -> float:
    # SciPy is installed with the training libraries, and a web process calibrates nothing.
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        probabilities = coding.probabilities(scores / np.exp(log_temperature))
        return float(log_losses(probabilities, codes).mean())

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))
