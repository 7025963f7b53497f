"""Recognise numbers that are times by their values: they rise in equal steps from row to row."""

import re
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from app.parsing.times.decimal_years import decimal_format, decimal_years
from app.parsing.times.guesses import guess_epoch, guess_formats
from app.parsing.times.regularity import FULL_SHARE, filled_share

# Fewer numbers may rise by chance.
LEAST_ROWS = 5
# Of the steps between rows, this share must have the median size.
LEAST_SHARE = 0.5
# Or nearly all have about that size, as of a sensor whose clock is not exact.
JITTER = 0.25
NEARLY_ALL = 0.9
# Numbers that rise by one number the rows.
LEAST_STEP = 2
# Ten digits from 1990 on; codes that are moments before are far more frequent.
FIRST_SECOND, LAST_SECOND = 631_152_000, 4_102_444_800
DIGITS_OF_SECONDS = 10
# Numbers with such a name may rise in steps like times.
IDENTIFIER = re.compile(r".*(id|no|nr|num|number|code|key|serial|order|invoice|account)")
# Files of several series step back where the next one begins.
LEAST_ONE_WAY_SHARE = 0.9
DECIMAL_YEAR = re.compile(r"[12]\d{3}\.\d{1,17}")


def are_times(name: str, cells: list[str]) -> bool:
    """Whether numbers are times by their values, whatever their name except that of an identifier.

    An identifier that is a time has to be named with `timestamp=`.
    """
    if IDENTIFIER.fullmatch(re.sub(r"[^a-z]", "", name.lower())):
        return False
    return are_epochs(cells) or are_decimal_years(cells)


def may_be_times(cells: list[str]) -> bool:
    """Whether numbers may be dates or epochs: codes of nine digits do not go one way."""
    if all(map(guess_formats, cells)) or len(cells) == 1:
        return True
    steps = [one < other for one, other in pairwise(cells) if one != other]
    most = max(steps.count(True), steps.count(False))
    return most > 0 and most >= LEAST_ONE_WAY_SHARE * len(steps)


def are_epochs(cells: list[str]) -> bool:
    """Whether numbers count seconds, milliseconds, ... since 1970 under any column name."""
    if len(cells) < LEAST_ROWS or not all(map(guess_epoch, cells)):
        return False
    wholes = [cell.lstrip("+-").split(".")[0] for cell in cells]
    lengths = {len(whole) for whole in wholes}
    if len(lengths) != 1 or any(cell.startswith("-") for cell in cells):
        return False
    unit = 10 ** max((lengths.pop() - DIGITS_OF_SECONDS) // 3 * 3, 0)
    numbers = np.array([int(whole) for whole in wholes], dtype=np.int64)
    within = (numbers >= FIRST_SECOND * unit) & (numbers <= LAST_SECOND * unit)
    return bool(within.all()) and _rises(numbers, LEAST_STEP)


def are_decimal_years(cells: list[str]) -> bool:
    """Whether numbers are decimal years, one for each month, quarter or day."""
    if len(cells) < LEAST_ROWS or not all(map(DECIMAL_YEAR.fullmatch, cells)):
        return False
    numbers = np.array([float(cell) for cell in cells])
    steps = np.diff(numbers)
    if not ((steps > 0).all() or (steps < 0).all()):
        return False
    return filled_share(decimal_years(numbers, decimal_format(numbers))) >= FULL_SHARE


def _rises(numbers: npt.NDArray[np.int64], least_step: int) -> bool:
    """Whether numbers go one way in steps of about one size, also from one block to the next."""
    steps = np.diff(numbers)
    steps = steps[steps != 0]
    upwards = np.mean(steps > 0) if len(steps) else 0.5
    if len(steps) < LEAST_ROWS - 1 or max(upwards, 1 - upwards) < LEAST_ONE_WAY_SHARE:
        return False
    sizes = np.abs(steps[(steps > 0) == (upwards > 0.5)])
    usual = int(np.median(sizes))
    near = np.mean(np.abs(sizes - usual) <= JITTER * usual)
    return usual >= least_step and bool(
        np.mean(sizes == usual) >= LEAST_SHARE or near >= NEARLY_ALL
    )
