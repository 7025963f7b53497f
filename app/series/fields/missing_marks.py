"""A mark of a missing value in a request: a finite number or a text."""

from typing import Annotated

from pydantic import AfterValidator, Field, FiniteFloat

from app.quality.missing_marks import LONGEST_TEXT, Mark, number_of

MOST_MARKS = 1000


def _checked(given: Mark) -> Mark:
    """A text without blanks around it; one that is a number becomes the number."""
    if not isinstance(given, str):
        return given
    text = given.strip()
    if not text:
        raise ValueError("a text must not be blank: empty fields are always missing")
    number = number_of(text)
    return text if number is None else number


MissingMark = Annotated[
    FiniteFloat | Annotated[str, Field(max_length=LONGEST_TEXT)], AfterValidator(_checked)
]
