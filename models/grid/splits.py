"""Splits: the rows of training, validation and test, in time order."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from models.arrays import Times
from models.calendars.cadence import Indices
from models.errors import Problem, SpecError
from models.spec.spec import SplitSpec

Mask = npt.NDArray[np.bool_]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Splits:
    """Rows of the three consecutive parts; validation and test may be empty.

    Args:
        train: Rows on which weights and scales are fitted.
        validation: Rows that decide when training stops.
        test: Rows that decide nothing, up to the series' end.
    """

    train: slice
    validation: slice
    test: slice


def split_bounds(times: Times, split: SplitSpec, observed: Mask | None = None) -> Splits:
    """Find the rows of each part.

    A part given by a time begins with the row at that time. A fraction counts the rows from the
    beginning of training; the test part is the last one and validation lies before it. Only
    rows with an observation count, so that a hole of the series never fills a part.

    Args:
        times: `(rows,)` of `datetime64[us]`, UTC, strictly increasing: the rows of a grid.
        split: Where the parts begin.
        observed: `(rows,)`, the rows with an observation; by default all.

    Returns:
        Slices of rows that touch and do not overlap.

    Raises:
        SpecError: If a time lies outside the series, if the parts are out of order, or if they
            leave no row to train on.
    """
    if len(times) == 0:
        raise SpecError([Problem("", "A split needs at least 1 row. Received: 0")])
    if problems := list(_times_outside(times, split)):
        raise SpecError(problems)
    end = len(times)
    train = 0 if split.train is None else _row_at(times, split.train)
    counted = np.arange(end) if observed is None else np.flatnonzero(observed)
    counted = counted[counted >= train]
    test = _begin(times, split.test, counted, before=end)
    validation = _begin(times, split.validation, counted, before=test)
    if not train < validation <= test:
        raise SpecError([Problem("/split", _order_message(times, split))])
    return Splits(slice(train, validation), slice(validation, test), slice(test, end))


def origins(part: slice, farthest_lead: int) -> slice:
    """The rows of a part whose labels all lie in the same part.

    Labels never cross a border: in a part of 10 rows with leads up to 3, the first 7 rows remain.

    Args:
        part: Rows of one part of a split.
        farthest_lead: The largest lead in steps.
    """
    return slice(part.start, max(part.start, part.stop - farthest_lead))


def to_time(moment: datetime) -> np.datetime64:
    """A time as `datetime64[us]` in UTC; a time without a zone is read as UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return np.datetime64(aware.replace(tzinfo=None), "us")


def _begin(times: Times, border: float | datetime, counted: Indices, *, before: int) -> int:
    """The row with which a part begins; 0 if there are too few rows before the next part."""
    if isinstance(border, datetime):
        return _row_at(times, border)
    rows = round(len(counted) * border)
    if not rows:
        return before
    first = int(np.searchsorted(counted, before)) - rows
    return int(counted[first]) if first >= 0 else 0


def _row_at(times: Times, moment: datetime) -> int:
    return int(np.searchsorted(times, to_time(moment)))


def _times_outside(times: Times, split: SplitSpec) -> Iterator[Problem]:
    for part in PARTS:
        border = getattr(split, part)
        if not isinstance(border, datetime) or times[0] <= to_time(border) <= times[-1]:
            continue
        yield Problem(
            f"/split/{part}",
            f"`split.{part}` must lie between the first row, {times[0]}, and the last, "
            f"{times[-1]}. Received: {border.isoformat()}",
        )


def _order_message(times: Times, split: SplitSpec) -> str:
    received = {part: getattr(split, part) for part in PARTS}
    texts = [
        f"{part} {value.isoformat() if isinstance(value, datetime) else value}"
        for part, value in received.items()
        if value is not None
    ]
    return (
        "`split` must leave rows to train on, then validation, then test. "
        f"Received: {', '.join(texts)}, over {len(times)} rows"
    )
