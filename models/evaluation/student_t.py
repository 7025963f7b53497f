"""The tail of Student's t distribution without SciPy, which a web process does not have."""

from math import exp, lgamma, log, log1p

# Convergence needs about the root of the degrees of freedom; this is enough for 10^9 of them.
_MOST_TERMS = 100_000
_TINY = 1e-300
_EXACT = 1e-15


def two_sided_tail(statistic: float, degrees: int) -> float:
    """The two-sided p-value: the probability of a statistic at least as far from 0.

    Abramowitz & Stegun (1964), Handbook of Mathematical Functions, 26.7.1 and 26.5.27: it is the
    regularised incomplete beta function I_x(n / 2, 1 / 2) at x = n / (n + t^2) for n degrees of
    freedom. Its continued fraction is evaluated at x or at 1 - x, whichever converges faster
    (NIST DLMF 8.17.4 and 8.17.22).

    >>> round(two_sided_tail(2.0, 10), 6)
    0.073388

    Args:
        statistic: Any finite number.
        degrees: Degrees of freedom, at least 1.
    """
    ratio = statistic * statistic / degrees
    if ratio == 0:
        return 1.0
    x, rest = 1 / (1 + ratio), ratio / (1 + ratio)
    a, b = degrees / 2, 0.5
    # The factor in front, the same for x and 1 - x: x^a (1 - x)^b / B(a, b).
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) - a * log1p(ratio) + b * log(rest))
    if x < (a + 1) / (a + b + 2):
        return front * _continued_fraction(x, a, b) / a
    return 1 - front * _continued_fraction(rest, b, a) / b


def _continued_fraction(x: float, a: float, b: float) -> float:
    """1 / (1 + d1 / (1 + d2 / (1 + ...))) with the terms of DLMF 8.17.23.

    Evaluated from its beginning by the method of Lentz as modified by Thompson & Barnett (1986),
    doi:10.1016/0021-9991(86)90046-X.
    """
    numerator, denominator = 1.0, 0.0
    value = 1.0
    for term in range(_MOST_TERMS):
        step = _coefficient(term, x, a, b)
        denominator = 1 / _nonzero(1 + step * denominator)
        numerator = _nonzero(1 + step / numerator)
        change = numerator * denominator
        value *= change
        if abs(change - 1) < _EXACT:
            break
    return 1 / value


def _coefficient(term: int, x: float, a: float, b: float) -> float:
    if term % 2:
        m = (term + 1) // 2
        return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    m = term // 2
    return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))


def _nonzero(number: float) -> float:
    return number if abs(number) > _TINY else _TINY
