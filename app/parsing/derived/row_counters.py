"""Recognise columns that count rows: the index of a data frame, a logger's record number."""

import re
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]

# Words in the names of counters and keys; they count only together with the numbers' evidence.
WORDS = frozenset(
    (
        *("record", "rec", "recno", "recordno", "recordnum", "recordnumber", "recordid"),
        *("index", "idx", "id", "row", "rowid", "rownum", "rowno", "rownumber", "line", "lineno"),
        *("no", "nr", "num", "number", "nummer", "numero", "counter", "lfd", "lfdnr", "sno"),
        *("seq", "seqno", "sequence", "serial", "obs", "scan", "sample", "pk", "oid", "fid"),
        "objectid",
    )
)
UNNAMED = re.compile(r"unnamed[:_ ]*\d+.*", re.IGNORECASE)
TOKEN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
HEAD = 32
# A logger's counter starts again after a power failure, and a joined file has several.
LEAST_STEPS_SHARE = 0.8
LEAST_ROWS_NAMED = 5
LEAST_ROWS_BEFORE_TIME = 10
LEAST_ROWS = 20


class Counting(Enum):
    """What the numbers and the place of a column prove."""

    PROVEN = "it counts rows"
    POSSIBLE = "it rises by one on each row, as a measurement may do too"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column stands.

    Args:
        name: Its name; empty where the file has none.
        is_before_time: Whether it stands before all columns of the time.
        is_new: Whether the series has other channels already, but not this one.
    """

    name: str
    is_before_time: bool
    is_new: bool = False


def counting(numbers: Column, place: Place) -> Counting | None:
    """Whether a column's numbers, in the order of the file, count the rows."""
    rows, head = len(numbers), numbers[:HEAD]
    if not rows or not (head == np.floor(head)).all() or not (numbers == np.floor(numbers)).all():
        return None
    steps = np.diff(numbers)
    is_unnamed = not place.name or UNNAMED.fullmatch(place.name) is not None
    if is_unnamed or has_word(place.name, WORDS):
        least = 1 if place.is_new else LEAST_ROWS_NAMED
        may_have_holes = is_unnamed and place.is_before_time
        if rows >= least and (_counts(steps) or (may_have_holes and _is_index(numbers, steps))):
            return Counting.PROVEN
    if not len(steps) or abs(steps[0]) != 1 or not (steps == steps[0]).all():
        return None
    if place.is_before_time and rows >= LEAST_ROWS_BEFORE_TIME:
        return Counting.PROVEN
    return Counting.POSSIBLE if rows >= LEAST_ROWS else None


def has_word(name: str, words: frozenset[str]) -> bool:
    """Whether one of the words is part of a name such as `record_no` or `RecordNo`."""
    tokens = {token.lower() for token in TOKEN.findall(name)}
    return bool(tokens & words) or "".join(re.findall("[a-z]", name.lower())) in words


def _counts(steps: Column) -> bool:
    """Whether nearly all steps are one up, or one down."""
    if not len(steps):
        return True
    return max(float((steps == step).mean()) for step in (1, -1)) >= LEAST_STEPS_SHARE


def _is_index(numbers: Column, steps: Column) -> bool:
    """Whether the numbers are an index after rows were left out or sorted: none occurs twice."""
    if (steps > 0).all() or (steps < 0).all():
        return True
    different = np.unique(numbers)
    return len(different) == len(numbers) and different[-1] - different[0] == len(numbers) - 1
