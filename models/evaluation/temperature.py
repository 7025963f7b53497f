"""Temperature: scores are divided by a number that makes their probabilities come true.

Temperature scaling (Guo, Pleiss, Sun & Weinberger 2017, arXiv 1706.04599): one number for each
lead of each target, that of the least log loss on validation rows. It changes no ranking, and so
no accuracy.
"""

import numpy as np

from models.arrays import Floats, Values
from models.features.classes import ClassCoding

LOWEST, HIGHEST = 0.05, 20.0
# A temperature learnt from fewer labels is worth less than none.
LEAST_LABELS = 50


def fit_temperatures(coding: ClassCoding, scores: Floats, labels: Floats, known: Floats) -> Values:
    """Find the temperature of every lead and target.

    Args:
        coding: Of the classes.
        scores: `(rows, outputs, scores)` that the network gave to validation rows.
        labels: `(rows, outputs)`, codes.
        known: `(rows, outputs)`, 0 where there is no label.

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


def log_losses(probabilities: Values, codes: "np.ndarray[tuple[int], np.dtype[np.int_]]") -> Values:
    """Minus the logarithm of the probability of what came, `(rows,)`.

    Args:
        probabilities: `(rows, classes)`.
        codes: `(rows,)`, the classes that came.
    """
    chosen = np.take_along_axis(probabilities, codes[:, np.newaxis], axis=-1)[:, 0]
    losses: Values = -np.log(np.maximum(chosen, np.finfo(np.float32).tiny))
    return losses


def _best(
    coding: ClassCoding, scores: Values, codes: "np.ndarray[tuple[int], np.dtype[np.int_]]"
) -> float:
    # Installed with the training libraries; nothing is calibrated in a web process.
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        probabilities = coding.probabilities(scores / np.exp(log_temperature))
        return float(log_losses(probabilities, codes).mean())

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))
