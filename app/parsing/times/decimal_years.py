"""Read decimal years, such as 1959.042: months, days or moments, as their fractions show."""

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from app.parsing.lines import Mask

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SECOND = 1_000_000
DAY = 86_400 * SECOND
# Months begin and end up to two days away from twelfths of a year, and fractions are rounded.
MONTH_TOLERANCE = 0.1
# A fraction of three digits is up to 0.2 days away.
DAY_TOLERANCE = 0.25
MONTH_AS_NUMBER = r"\d{4}\.(0[1-9]|1[0-2]?)"
BEGINNING, MIDDLE = 0.0, 0.5


def decimal_years(numbers: Floats, matched: Mask) -> Integers:
    """Microseconds since 1970 of decimal years.

    A row of each month may stand at its beginning (1959.083 is February) or at its middle
    (1959.042 is January), and so may a row of each day; both get the first moment of their period.
    """
    years = np.floor(numbers + 1e-9)
    starts = (years.astype(np.int64) - 1970).astype("datetime64[Y]")
    fractions = numbers - years
    place = _place(fractions[matched] * 12, MONTH_TOLERANCE)
    if place is not None:
        months = np.rint(fractions * 12 - place).astype(np.int64)
        return _microseconds(
            (starts.astype("datetime64[M]").astype(np.int64) + months).astype("datetime64[M]")
        )
    days = starts.astype("datetime64[D]")
    lengths = (starts + 1).astype("datetime64[D]") - days
    elapsed = fractions * lengths.astype(np.int64)
    place = _place(elapsed[matched], DAY_TOLERANCE)
    if place is not None:
        numbers = days.astype(np.int64) + np.rint(elapsed - place).astype(np.int64)
        return _microseconds(numbers.astype("datetime64[D]"))
    seconds: Integers = np.rint(elapsed * DAY / SECOND).astype(np.int64)
    return np.add(_microseconds(days), seconds * SECOND)


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


def _place(periods: Floats, tolerance: float) -> float | None:
    """Whether all rows stand at the beginning or at the middle of different whole periods."""
    for place in (BEGINNING, MIDDLE):
        distances = np.abs(periods - place - np.rint(periods - place))
        if len(distances) and distances.max() <= tolerance:
            return place
    return None


def _microseconds(moments: npt.NDArray[np.datetime64]) -> Integers:
    return moments.astype("datetime64[us]").astype(np.int64)
