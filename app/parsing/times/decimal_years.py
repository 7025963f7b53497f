"""Read decimal years, such as 1959.042: months, days or moments, as their fractions show."""

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from app.parsing.times.formats import DECIMAL_DAY, DECIMAL_MONTH, DECIMAL_YEAR

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SECOND = 1_000_000
DAY = 86_400 * SECOND
# Months begin and end up to two days away from twelfths of a year, and fractions are rounded.
MONTH_TOLERANCE = 0.1
# A fraction of three digits is up to 0.2 days away.
DAY_TOLERANCE = 0.25
MONTH_AS_NUMBER = r"\d{4}\.(0[1-9]|1[0-2]?)"
# Fewer rows stand at the beginning or the middle of months or days by chance.
LEAST_ROWS = 6
PLACES = (0.0, 0.5)


def decimal_format(numbers: Floats) -> str:
    """The format of decimal years: those of months, of days, or of moments."""
    different = np.unique(numbers)
    if len(different) < LEAST_ROWS:
        return DECIMAL_YEAR
    years, fractions = _split(different)
    if _are_periods(years * 12, fractions * 12, MONTH_TOLERANCE):
        return DECIMAL_MONTH
    lengths = _lengths(years)
    if _are_periods(years * 366, fractions * lengths, DAY_TOLERANCE):
        return DECIMAL_DAY
    return DECIMAL_YEAR


def decimal_years(numbers: Floats, form: str) -> Integers:
    """Microseconds since 1970 of decimal years.

    A row of each month may stand at its beginning (1959.083 is February) or at its middle
    (1959.042 is January), and so may a row of each day; both get the first moment of their period.
    """
    years, fractions = _split(numbers)
    starts = (years - 1970).astype("datetime64[Y]")
    if form == DECIMAL_MONTH:
        months = np.floor(fractions * 12 + MONTH_TOLERANCE).astype(np.int64)
        return _microseconds(((years - 1970) * 12 + months).astype("datetime64[M]"))
    days = starts.astype("datetime64[D]").astype(np.int64)
    elapsed = fractions * _lengths(years)
    if form == DECIMAL_DAY:
        numbers_of_days = days + np.floor(elapsed + DAY_TOLERANCE).astype(np.int64)
        return _microseconds(numbers_of_days.astype("datetime64[D]"))
    seconds: Integers = np.rint(elapsed * DAY / SECOND).astype(np.int64)
    return np.add(days * DAY, seconds * SECOND)


def _split(numbers: Floats) -> tuple[Integers, Floats]:
    years = np.floor(numbers + 1e-9)
    return years.astype(np.int64), numbers - years


def _lengths(years: Integers) -> Integers:
    """The days of each year."""
    starts = (years - 1970).astype("datetime64[Y]")
    days = (starts + 1).astype("datetime64[D]") - starts.astype("datetime64[D]")
    lengths: Integers = days.astype(np.int64)
    return lengths


def _are_periods(before: Integers, periods: Floats, tolerance: float) -> bool:
    """Whether all rows stand at the beginning or at the middle of different periods."""
    for place in PLACES:
        whole = np.rint(periods - place)
        if np.abs(periods - place - whole).max() <= tolerance:
            return len(np.unique(before + whole)) == len(periods)
    return False


def with_octobers(texts: Any) -> Any:
    """Years with the numbers of their months, 1871.01 to 1871.12, in which 1871.1 is October.

    Programs that hold such months as numbers write the tenth one without its zero.
    """
    import pyarrow.compute as pc

    if not len(texts) or not re.fullmatch(MONTH_AS_NUMBER, str(texts[0])):
        return texts
    is_january = pc.any(pc.ends_with(texts, ".01")).as_py()
    if (
        not is_january
        or not pc.all(pc.match_substring_regex(texts, f"^{MONTH_AS_NUMBER}$")).as_py()
    ):
        return texts
    return pc.replace_substring_regex(texts, r"^(\d{4})\.1$", r"\1.10")


def _microseconds(moments: npt.NDArray[np.datetime64]) -> Integers:
    return moments.astype("datetime64[us]").astype(np.int64)
