"""Marks of missing values: the numbers and texts that a channel's setting `missing` lists."""

import math

Mark = float | str
# The marks of each channel.
MissingMarks = dict[str, list[Mark]]
LONGEST_TEXT = 100


def number_of(text: str) -> float | None:
    """The finite number that a text is; None for any other text."""
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def numbers_of(marks: list[Mark]) -> list[float]:
    """The numbers of a list."""
    return [mark for mark in marks if not isinstance(mark, str)]


def texts_of(marks: list[Mark]) -> list[str]:
    """The texts of a list."""
    return [mark for mark in marks if isinstance(mark, str)]


def merged(present: list[Mark], added: list[Mark]) -> list[Mark]:
    """All marks of two lists without repetitions: numbers in order, then texts in order."""
    marks = [*present, *added]
    return [*sorted(set(numbers_of(marks))), *sorted(set(texts_of(marks)))]
