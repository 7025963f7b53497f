"""Rules within one dimension of a search: ordered bounds, and only fields of its type."""

from collections.abc import Iterator

from models.errors import Problem
from models.spec.search import Dimension


def dimension_problems(at: str, dimension: Dimension) -> Iterator[Problem]:
    """The broken rules of one dimension.

    Args:
        at: The dimension's JSON pointer, the prefix of the problems' pointers.
        dimension: The dimension, of any type.
    """
    if dimension.type == "choice":
        yield from _choice_problems(at, dimension)
        return
    if dimension.values is not None:
        yield Problem(f"{at}/values", f"`values` belong to a choice. Received: {dimension.type}")
    low, high = dimension.low, dimension.high
    if low is None or high is None:
        missing = "low" if low is None else "high"
        yield Problem(f"{at}/{missing}", f"A range needs `{missing}`. Received: none")
        return
    if low > high:
        yield Problem(f"{at}/low", f"`low` must be at most `high`, {high:g}. Received: {low:g}")
    if dimension.type == "log_float":
        yield from _log_problems(at, dimension)
    if dimension.type == "int":
        yield from _int_problems(at, dimension)


def _choice_problems(at: str, dimension: Dimension) -> Iterator[Problem]:
    if dimension.values is None:
        yield Problem(f"{at}/values", "A choice needs `values`. Received: none")
        return
    for field in ("low", "high", "step"):
        if getattr(dimension, field) is not None:
            yield Problem(
                f"{at}/{field}",
                f"`{field}` belongs to a range, not to a choice. "
                f"Received: {getattr(dimension, field):g}",
            )
    seen: set[str] = set()
    for place, value in enumerate(map(repr, dimension.values)):
        if value in seen:
            yield Problem(f"{at}/values/{place}", f"`values` must differ. Received twice: {value}")
        seen.add(value)


def _log_problems(at: str, dimension: Dimension) -> Iterator[Problem]:
    if (dimension.low or 0) <= 0:
        yield Problem(f"{at}/low", f"`low` must be above 0. Received: {dimension.low:g}")
    if dimension.step is not None:
        yield Problem(f"{at}/step", f"log_float has no steps. Received: {dimension.step:g}")


def _int_problems(at: str, dimension: Dimension) -> Iterator[Problem]:
    for field in ("low", "high", "step"):
        number = getattr(dimension, field)
        if number is not None and not number.is_integer():
            yield Problem(
                f"{at}/{field}", f"`{field}` of an int must be whole. Received: {number:g}"
            )
