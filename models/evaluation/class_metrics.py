"""Figures of class probabilities: scores of points, accuracy, log loss, calibration."""

from typing import Any

import numpy as np
import numpy.typing as npt

from models.arrays import Values

Codes = npt.NDArray[np.int64]

# Equal bins of the probability of the likeliest class.
BINS = 10


def log_losses(probabilities: Values, codes: Codes) -> Values:
    """Negative log-likelihood of the observed class, in nats.

    A probability below the smallest normal float32 counts as that, so that losses are finite.

    Args:
        probabilities: `(points, classes)`.
        codes: `(points,)`, the observed classes.

    Returns:
        `(points,)`.

    Example:
        >>> log_losses(np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([0, 1])).round(3).tolist()
        [0.693, 2.303]
    """
    chosen = np.take_along_axis(probabilities, codes[:, np.newaxis], axis=-1)[:, 0]
    losses: Values = -np.log(np.maximum(chosen, np.finfo(np.float32).tiny))
    return losses


def known_log_losses(probabilities: Values, labels: Values) -> Values:
    """Log losses where both the label and the probabilities are known.

    Args:
        probabilities: `(..., classes)`; NaN is missing.
        labels: `(...)`, codes; NaN is missing.

    Returns:
        `(...)`; NaN where one of the two is missing.
    """
    known = ~np.isnan(labels)
    codes = np.where(known, labels, 0).astype(np.int64).reshape(-1)
    flat = log_losses(probabilities.reshape(len(codes), probabilities.shape[-1]), codes)
    return np.where(known, flat.reshape(labels.shape), np.nan)


def point_scores(probabilities: Values, codes: Codes) -> dict[str, npt.NDArray[Any]]:
    """Scores of each point.

    Args:
        probabilities: `(points, classes)`, the predicted probabilities.
        codes: `(points,)`, the observed classes.

    Returns:
        `{probability, log_loss, brier, correct}`, `(points,)` each: the probability of the
        observed class, its negative logarithm (nats), the squared distance from the observed
        class, summed over classes (0 to 2; Brier 1950, Monthly Weather Review 78), and whether
        the likeliest class was observed.
    """
    actual = np.eye(probabilities.shape[-1])[codes]
    return {
        "probability": np.take_along_axis(probabilities, codes[:, np.newaxis], axis=-1)[:, 0],
        "log_loss": log_losses(probabilities, codes),
        "brier": np.square(probabilities - actual).sum(axis=-1),
        "correct": probabilities.argmax(axis=-1) == codes,
    }


def figures_of(probabilities: Values, codes: Codes) -> dict[str, float | None]:
    """Accuracy, balanced accuracy, log loss and Brier score.

    Args:
        probabilities: `(origins, classes)`, the predicted probabilities.
        codes: `(origins,)`, the observed classes.

    Returns:
        `{accuracy, balanced_accuracy, log_loss, brier}`. Balanced accuracy is the mean of the
        recalls of the observed classes (Brodersen et al. 2010, doi:10.1109/ICPR.2010.764). Log
        loss and Brier score are means of those of `point_scores`. None without origins.

    Example:
        >>> probabilities = np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7]])
        >>> {name: round(figure, 3) for name, figure in
        ...  figures_of(probabilities, np.array([0, 1, 1])).items()}
        {'accuracy': 0.667, 'balanced_accuracy': 0.75, 'log_loss': 0.499, 'brier': 0.327}
    """
    if len(codes) == 0:
        return dict.fromkeys(("accuracy", "balanced_accuracy", "log_loss", "brier"))
    points = point_scores(probabilities, codes)
    recalls = [points["correct"][codes == code].mean() for code in np.unique(codes)]
    return {
        "accuracy": float(points["correct"].mean()),
        "balanced_accuracy": float(np.mean(recalls)),
        "log_loss": float(points["log_loss"].mean()),
        "brier": float(points["brier"].mean()),
    }


def baseline_figures(shares: Values, codes: Codes) -> dict[str, float | None]:
    """The figures of two references: the most frequent class, and the class prior.

    Args:
        shares: `(origins, classes)`, frequencies in the training rows.
        codes: `(origins,)`, the observed classes.

    Returns:
        `{majority_accuracy, class_prior_accuracy, class_prior_log_loss, class_prior_brier}`; the
        accuracy of the class prior is that expected of classes drawn from it.
    """
    found = figures_of(shares, codes)
    drawn = np.take_along_axis(shares, codes[:, np.newaxis], axis=-1)
    return {
        "majority_accuracy": found["accuracy"],
        "class_prior_accuracy": _mean(drawn),
        "class_prior_log_loss": found["log_loss"],
        "class_prior_brier": found["brier"],
    }


def class_rows(names: tuple[str, ...], probabilities: Values, codes: Codes) -> list[dict[str, Any]]:
    """`{class, share, said_share, mean_probability, precision, recall}` of every class.

    `share` is that of the origins at which the class was observed, `said_share` that of the
    origins at which it was the likeliest.

    Args:
        names: Names of the classes, in the order of their codes.
        probabilities: `(origins, classes)`.
        codes: `(origins,)`, the observed classes.
    """
    predicted = probabilities.argmax(axis=-1)
    return [
        {
            "class": name,
            "share": _mean(codes == code),
            "said_share": _mean(predicted == code),
            "mean_probability": _mean(probabilities[:, code]),
            "precision": _mean(codes[predicted == code] == code),
            "recall": _mean(predicted[codes == code] == code),
        }
        for code, name in enumerate(names)
    ]


def calibration_table(probabilities: Values, codes: Codes) -> dict[str, Any]:
    """How often the likeliest class was observed, by its predicted probability.

    Args:
        probabilities: `(origins, classes)`.
        codes: `(origins,)`, the observed classes.

    Returns:
        `{expected_calibration_error, bins: [{from, to, origins, confidence, accuracy}]}`: bins of
        the probability of the likeliest class, without empty ones; the error is the mean gap
        between confidence and accuracy, weighted by origins (Naeini, Cooper & Hauskrecht 2015,
        Obtaining well calibrated probabilities using Bayesian binning). None without origins.
    """
    confidence = probabilities.max(axis=-1)
    hits = probabilities.argmax(axis=-1) == codes
    numbers = np.minimum((confidence * BINS).astype(int), BINS - 1)
    bins = [
        {
            "from": number / BINS,
            "to": (number + 1) / BINS,
            "origins": int((numbers == number).sum()),
            "confidence": float(confidence[numbers == number].mean()),
            "accuracy": float(hits[numbers == number].mean()),
        }
        for number in np.unique(numbers).tolist()
    ]
    gaps = [each["origins"] * abs(each["confidence"] - each["accuracy"]) for each in bins]
    return {
        "expected_calibration_error": sum(gaps) / len(codes) if len(codes) else None,
        "bins": bins,
    }


def _mean(column: npt.NDArray[Any]) -> float | None:
    """The mean of a column, for JSON; None for an empty one."""
    return float(column.mean()) if len(column) else None
