"""How good probabilities of classes are: of one lead of one target, over origins."""

from typing import Any

import numpy as np
import numpy.typing as npt

from models.arrays import Values
from models.evaluation.temperature import log_losses

Codes = npt.NDArray[np.int64]

# Equal bins of the probability of the class that was said.
BINS = 10


def point_scores(probabilities: Values, codes: Codes) -> dict[str, npt.NDArray[Any]]:
    """How good each of some probabilities was.

    Args:
        probabilities: `(points, classes)` that were said.
        codes: `(points,)`, the classes that came.

    Returns:
        `{probability, log_loss, brier, correct}`, `(points,)` each: the probability of what came,
        minus its logarithm (nats), the squared distance from what came, summed over classes (0
        to 2, Brier 1950), and whether the likeliest class came.
    """
    came = np.eye(probabilities.shape[-1])[codes]
    return {
        "probability": np.take_along_axis(probabilities, codes[:, np.newaxis], axis=-1)[:, 0],
        "log_loss": log_losses(probabilities, codes),
        "brier": np.square(probabilities - came).sum(axis=-1),
        "correct": probabilities.argmax(axis=-1) == codes,
    }


def figures_of(probabilities: Values, codes: Codes) -> dict[str, float | None]:
    """Accuracy, balanced accuracy, log loss and Brier score.

    Args:
        probabilities: `(origins, classes)` that were said.
        codes: `(origins,)`, the classes that came.

    Returns:
        `{accuracy, balanced_accuracy, log_loss, brier}`. Balanced accuracy is the mean of the
        recalls of the classes that came (Brodersen et al. 2010, doi:10.1109/ICPR.2010.764). Log
        loss and Brier score are means of those of `point_scores`. None without origins.
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
        codes: `(origins,)`, the classes that came.

    Returns:
        `{majority_accuracy, class_prior_accuracy, class_prior_log_loss, class_prior_brier}`; the
        accuracy of the class prior is that expected of classes drawn from it.
    """
    found = figures_of(shares, codes)
    drawn = np.take_along_axis(shares, codes[:, np.newaxis], axis=-1)
    return {
        "majority_accuracy": found["accuracy"],
        "class_prior_accuracy": _share(drawn),
        "class_prior_log_loss": found["log_loss"],
        "class_prior_brier": found["brier"],
    }


def class_rows(names: tuple[str, ...], probabilities: Values, codes: Codes) -> list[dict[str, Any]]:
    """`{class, share, said_share, mean_probability, precision, recall}` of every class.

    Args:
        names: Of the classes.
        probabilities: `(origins, classes)`.
        codes: `(origins,)`.
    """
    said = probabilities.argmax(axis=-1)
    return [
        {
            "class": name,
            "share": _share(codes == code),
            "said_share": _share(said == code),
            "mean_probability": _share(probabilities[:, code]),
            "precision": _share(codes[said == code] == code),
            "recall": _share(said[codes == code] == code),
        }
        for code, name in enumerate(names)
    ]


def calibration_table(probabilities: Values, codes: Codes) -> dict[str, Any]:
    """How often what was said with some confidence came true.

    Args:
        probabilities: `(origins, classes)`.
        codes: `(origins,)`.

    Returns:
        `{expected_calibration_error, bins: [{from, to, origins, confidence, accuracy}]}`: bins of
        the probability of the likeliest class that hold any origin; the error is the mean gap
        between confidence and accuracy, weighted by origins (Naeini, Cooper & Hauskrecht 2015).
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


def _share(found: npt.NDArray[Any]) -> float | None:
    return float(found.mean()) if len(found) else None
