"""Find the column that names the quarter, half-year, month or week beside a column of years."""

import re

from app.parsing.times.month_names import MONTHS
from app.parsing.times.periods import LARGEST, MEANS, ROMAN, directive_of
from app.parsing.times.zone_names import without_clock

# Names under which any kind of period may stand.
PERIOD_NAME = re.compile(r"(sub|time)?(period|per|periode|periodo)(code|id|no|number)?|time")
KIND_NAME = re.compile(
    r"(fiscal|calendar|cal|iso|fy|cy)?(?P<kind>[a-z]+?)(no|nr|num|number|of(the)?year|code)?"
)
# Letters that can only mean a period if the numbers are complete: S1 and H2 may be stations.
CLEAR_LETTERS = frozenset("qVm")
_WORD_FIRST = re.compile(r"(?P<word>[A-Za-z]{1,14})(?P<mark>[ .-]?0?)(?P<number>\d{1,2})")
_WORD_LAST = re.compile(r"(?P<number>\d)(?P<mark>st|nd|rd|th|\.)?(?P<blank> ?)(?P<word>[A-Za-z]+)")
_NUMBER = re.compile(r"\d{1,2}")


def period_column(names: tuple[str, ...], rows: list[list[str]], year: int) -> tuple[int, str]:
    """The column of the period beside the year, and its format; -1 if there is none."""
    years = {row[year] for row in rows}
    if len(years) == len(rows) > 1:
        return -1, ""  # a row for each year
    others = [number for number in range(len(names)) if number != year]
    for number in others:
        form = _format(names[number], [row[number] for row in rows])
        if form:
            return number, form
    return -1, ""


def _format(name: str, cells: list[str]) -> str:
    for pattern in (_WORD_FIRST, _WORD_LAST):
        matches = [match for match in map(pattern.fullmatch, cells) if match]
        if len(matches) == len(cells):
            return _worded(name, matches)
    if form := _by_name_of_month(name, cells):
        return form
    if all(map(ROMAN.fullmatch, cells)) and _kind_of_name(name) == "q":
        return "%q"
    if all(map(_NUMBER.fullmatch, cells)):
        return _numbered(name, cells)
    return ""


def _by_name_of_month(name: str, cells: list[str]) -> str:
    """The format of names of months, which are complete or in a column of periods."""
    months = {MONTHS.get(cell.strip(" .").lower(), 0) for cell in cells}
    is_named = PERIOD_NAME.fullmatch(_plain(name)) is not None
    return "%b" if 0 not in months and (is_named or len(months) == LARGEST["m"]) else ""


def _worded(name: str, matches: list[re.Match[str]]) -> str:
    """The format of `Q1`, `M01`, `Week 7` or `1st quarter`, if all rows use the same word."""
    words = {match["word"] for match in matches}
    numbers = {int(match["number"]) for match in matches}
    word = words.pop() if len(words) == 1 else ""
    letter = directive_of(word)
    if letter is None or not _are_periods(letter, numbers):
        return ""
    is_named = PERIOD_NAME.fullmatch(_plain(name)) or _kind_of_name(name) == letter
    is_clear = letter in CLEAR_LETTERS and directive_of(word, is_clear=False)
    is_complete = is_clear and set(range(1, LARGEST[letter] + 1)) <= numbers
    if not is_named and not is_complete:
        return ""
    return _literal(matches[0], letter)


def _literal(match: re.Match[str], letter: str) -> str:
    start, end = match.span("number")
    before = match[0][:start]
    if letter in "mV" and before.endswith("0"):
        before = before[:-1]
    return f"{before}%{letter}{match[0][end:]}"


def _numbered(name: str, cells: list[str]) -> str:
    """The format of bare numbers, whose kind only the column's name or their range shows."""
    numbers = {int(cell) for cell in cells}
    letter = _kind_of_name(name)
    if letter is None and PERIOD_NAME.fullmatch(_plain(name)) and _plain(name) != "time":
        by_range = {most: letter for letter, most in LARGEST.items() if letter != "V"}
        letter = by_range.get(max(numbers))
    if letter is None or not _are_periods(letter, numbers):
        return ""
    has_zero = letter in "qK" and all(cell.startswith("0") for cell in cells)
    return f"{'0' if has_zero else ''}%{letter}"


def _are_periods(letter: str, numbers: set[int]) -> bool:
    return min(numbers) >= 1 and max(numbers) <= max(LARGEST[letter], MEANS.get(letter, 0))


def _kind_of_name(name: str) -> str | None:
    match = KIND_NAME.fullmatch(_plain(name))
    return directive_of(match["kind"], is_clear=False) if match else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", without_clock(name).lower())
