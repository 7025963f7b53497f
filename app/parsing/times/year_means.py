"""Recognise the means of years in tables by month, quarter or half-year: M13, Q05, S03."""

import re

import numpy as np

from app.parsing.lines import Mask
from app.parsing.times.formats import compile_format
from app.parsing.times.periods import MEANS
from app.parsing.times.texts import Column

# One number 13 without the letter M may be a typing error.
LEAST_BARE = 2


def year_means(column: Column, unread: Mask, formats: tuple[str, ...]) -> Mask:
    """The unread rows that are means of years by one of the formats."""
    found = np.zeros(len(unread), dtype=bool)
    rows = np.flatnonzero(unread).tolist()
    for form, pattern in ((form, _pattern(form)) for form in formats):
        if pattern is None:
            continue
        means = [row for row in rows if pattern.match(column.text(row))]
        years = {column.text(row) for row in means}
        if _has_letter(form) or LEAST_BARE <= len(means) == len(years):
            found[means] = True
    return found


def _pattern(form: str) -> re.Pattern[str] | None:
    letter = next((letter for letter in MEANS if f"%{letter}" in form), None)
    if letter is None or not re.search(r"%[Yy]", form):
        return None
    group = re.compile(rf"\(\?P<{letter}>[^)]*\)")
    return re.compile(group.sub(f"0?{MEANS[letter]}", compile_format(form).pattern))


def _has_letter(form: str) -> bool:
    return re.search(r"[A-Za-z]", re.sub(r"%[A-Za-z]", "", form)) is not None
