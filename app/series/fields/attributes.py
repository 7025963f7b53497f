"""Attributes of series: facts that do not change with time, such as a category or a capacity."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from app.errors import Invalid
from app.parsing.options import MOST_NAME_LENGTH
from app.series.tables import Series
from models.errors import Problem

# Integers that every JSON reader keeps exactly.
LARGEST_INTEGER = 2**53
MOST_ATTRIBUTES = 100
MOST_TEXT_LENGTH = 1000
# PostgreSQL's JSONB cannot hold NUL.
WITHOUT_NUL = r"^[^\x00]*$"

AttributeName = Annotated[
    str, Field(min_length=1, max_length=MOST_NAME_LENGTH, pattern=WITHOUT_NUL)
]
AttributeValue = (
    Annotated[int, Field(strict=True, ge=-LARGEST_INTEGER, le=LARGEST_INTEGER)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False)]
    | Annotated[str, Field(strict=True, max_length=MOST_TEXT_LENGTH, pattern=WITHOUT_NUL)]
)


def set_attributes(series: Series, given: Mapping[str, AttributeValue | None]) -> None:
    """Set the given attributes and delete those that are null; others stay.

    Raises:
        Invalid: If the series would have too many.
    """
    merged = series.attributes | dict(given)
    kept = {name: value for name, value in merged.items() if value is not None}
    if len(kept) > MOST_ATTRIBUTES:
        message = f"`attributes` must be at most {MOST_ATTRIBUTES}. Received: {len(kept)}"
        raise Invalid(message, errors=[Problem("/attributes", message)])
    series.attributes = kept
