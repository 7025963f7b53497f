"""The tail of Student's t: by hand, and as SciPy has it."""

from math import atan, pi, sqrt

import pytest
from scipy.special import stdtr

from models.evaluation.student_t import two_sided_tail

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("statistic", [1e-8, 0.5, 1.0, 3.0, 100.0])
def test_with_one_degree_it_is_cauchy_s(statistic: float) -> None:
    assert two_sided_tail(statistic, 1) == pytest.approx(1 - 2 / pi * atan(statistic), rel=1e-13)


@pytest.mark.parametrize("statistic", [1e-8, 0.5, 1.0, 3.0])
def test_with_two_degrees_it_has_a_root(statistic: float) -> None:
    expected = 1 - statistic / sqrt(2 + statistic**2)
    assert two_sided_tail(statistic, 2) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("degrees", [1, 2, 3, 7, 30, 199, 1000, 10**5, 10**7])
@pytest.mark.parametrize("statistic", [0.01, 0.5, 1.7, 1.74, 2.0, 5.0, 30.0])
def test_it_agrees_with_scipy(statistic: float, degrees: int) -> None:
    expected = 2 * stdtr(degrees, -statistic)
    assert two_sided_tail(statistic, degrees) == pytest.approx(expected, rel=1e-7, abs=1e-300)


@pytest.mark.parametrize("statistic", [0.0, 1e-200, -1e-200])
def test_no_difference_is_certainly_luck(statistic: float) -> None:
    assert two_sided_tail(statistic, 10) == 1.0


def test_the_sign_does_not_matter() -> None:
    assert two_sided_tail(-2.0, 10) == two_sided_tail(2.0, 10)
