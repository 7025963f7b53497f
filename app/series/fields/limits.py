"""Limits of a channel's values, and what happens to live rows that are implausible."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

Minimum = Annotated[
    FiniteFloat | None,
    Field(
        description="The lowest possible value, such as 0 for a concentration. Lower values are "
        "in the `issues` of the write or the upload that brought them, and in `quality`; a new "
        "limit changes no stored row."
    ),
]
Maximum = Annotated[FiniteFloat | None, Field(description="The highest possible value.")]
Implausible = Annotated[
    Literal["keep", "hold"],
    Field(
        description="What happens to live rows with `issues`. `keep`: they are stored. `hold`: "
        "they wait in `GET /v1/series/{name}/quarantine` until they are confirmed or discarded. "
        "The rows of uploads are stored in any case: their report has a finding, and a revision "
        "can be restored."
    ),
]


def require_order(minimum: float | None, maximum: float | None) -> None:
    """Refuse limits of which the lower one is above the other.

    Raises:
        ValueError: If it is.
    """
    if minimum is not None and maximum is not None and minimum > maximum:
        raise ValueError(
            f"`minimum` must be at most `maximum`, which is {maximum:g}. Received: {minimum:g}"
        )
