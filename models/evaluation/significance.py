"""The Diebold-Mariano test: whether two forecasters differ by more than luck."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.arrays import Values
from models.evaluation.correlation import autocovariances
from models.evaluation.student_t import two_sided_tail

SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class DifferenceTest:
    """The result of a Diebold-Mariano test.

    Args:
        statistic: Below 0 if the first forecaster is better; None if no test is possible.
        p_value: The probability of a statistic at least as far from 0 if both forecasters are
            equally good (two-sided).
        origins: How many origins were compared.
        sentence: What it means.
    """

    statistic: float | None
    p_value: float | None
    origins: int
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """The test as plain values."""
        return asdict(self)


def diebold_mariano(
    losses: Values, others: Values, *, overlap: int, names: tuple[str, str]
) -> DifferenceTest:
    """Test whether two forecasters have the same expected loss.

    Diebold & Mariano (1995), doi:10.1080/07350015.1995.10524599: the mean difference of losses
    divided by its standard error, which includes autocovariances up to the overlap of forecasts,
    with the small-sample correction and the t distribution of Harvey, Leybourne & Newbold (1997),
    doi:10.1016/S0169-2070(96)00719-4. Where the sum of autocovariances is not positive, they are
    weighted by Bartlett's kernel, which gives a positive sum (Newey & West 1987,
    doi:10.2307/1913610).

    Args:
        losses: `(origins,)` of the first forecaster, in time order; NaN is left out.
        others: `(origins,)` of the second.
        overlap: How many later origins' forecasts overlap with one origin's: the farthest
            lead less 1 if every row is an origin.
        names: What the sentence calls the two.

    Example:
        >>> test = diebold_mariano(
        ...     np.array([1.0, 2.0, 1.0, 2.0]), np.array([3.0, 3.0, 4.0, 3.0]),
        ...     overlap=0, names=("the model", "naive"))
        >>> round(test.statistic, 3), test.origins
        (-3.656, 4)
        >>> test.sentence
        'On these origins the model is better than naive by more than luck (p = 0.035).'
    """
    differences = losses - others
    differences = differences[np.isfinite(differences)]
    origins = len(differences)
    first, second = names
    if origins <= overlap + 1:
        sentence = (
            f"Too few origins to compare {first} with {second}: {origins}, and more than "
            f"{overlap + 1} are needed."
        )
        return DifferenceTest(None, None, origins, sentence)
    variance = _long_run_variance(differences, overlap)
    if variance == 0:
        return DifferenceTest(None, None, origins, _constant_difference(differences, names))
    horizon = overlap + 1
    correction = (origins + 1 - 2 * horizon + horizon * (horizon - 1) / origins) / origins
    statistic = float(differences.mean() / np.sqrt(variance / origins) * np.sqrt(correction))
    p_value = two_sided_tail(statistic, origins - 1)
    return DifferenceTest(statistic, p_value, origins, _sentence(statistic, p_value, names))


def _long_run_variance(differences: Values, overlap: int) -> float:
    """The variance of the mean difference, times the number of origins."""
    covariances = autocovariances(differences, overlap)
    if covariances[0] <= np.finfo(float).eps * differences.mean() ** 2:
        return 0.0
    total = covariances[0] + 2 * covariances[1:].sum()
    # The uncorrected sum can be a rounding error away from zero, which gives any statistic.
    if total > 1e-3 * covariances[0]:
        return float(total)
    weights = 1 - np.arange(1, overlap + 1) / (overlap + 1)
    return float(covariances[0] + 2 * (weights * covariances[1:]).sum())


def _constant_difference(differences: Values, names: tuple[str, str]) -> str:
    first, second = names
    mean = differences.mean()
    if mean == 0:
        return f"On these origins {first} and {second} do not differ."
    verb = "better" if mean < 0 else "worse"
    return f"At every origin {first} is {verb} than {second} by the same amount."


def _sentence(statistic: float, p_value: float, names: tuple[str, str]) -> str:
    first, second = names
    verb = "better" if statistic < 0 else "worse"
    shown = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
    if p_value < SIGNIFICANT:
        return f"On these origins {first} is {verb} than {second} by more than luck ({shown})."
    return f"That {first} is {verb} than {second} on these origins may be luck ({shown})."
