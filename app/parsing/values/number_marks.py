"""Strip marks beside the digits of numbers: currencies, percent, thousands, footnotes, units."""

import re
from typing import Any

from app.parsing import arrow
from app.parsing.arrow import to_mask
from app.quality.unit_spellings import UNITS

CURRENCIES = "$\u20ac\u00a3\u00a5\u20b9"
BLANKS = " \u00a0\u2009\u202f'\u2019"
# Powers of ten are appended to the digits, so that no multiplication rounds.
POWERS = {"K": "e3", "k": "e3", "M": "e6", "B": "e9"}
# Footnotes: "estimated", "another instrument".
FOOTNOTES = "*#"
MARKS = frozenset(CURRENCIES + BLANKS + FOOTNOTES + "%KkMB(")
_SIGN = "[+-]?"
_AMOUNT = r"(?:\d[\d.,]*|[.,]\d+)"
_DECORATED = (
    rf"^(?P<before>{_SIGN})[{CURRENCIES}] ?(?P<after>{_SIGN})(?P<amount>{_AMOUNT})"
    r"(?P<power>[KkMB]?)$"
)
_MARKED = (
    rf"^(?P<sign>{_SIGN})(?P<amount>{_AMOUNT})(?P<power>[KkMB]?) ?(?:[%{CURRENCIES}{FOOTNOTES}]|)$"
)
_IN_BRACKETS = rf"^\([{CURRENCIES}]?(?P<amount>{_AMOUNT})\)$"
_GROUPED = rf"^(?P<digits>{_SIGN}\d{{1,3}}(?:[{BLANKS}]\d{{3}})+(?:[.,]\d*)?)$"
_PATTERNS = tuple(re.compile(one) for one in (_DECORATED, _MARKED, _IN_BRACKETS, _GROUPED))
# A single letter needs a blank: 12A is a house number, and 12m may be twelve millions.
_LETTERS = [unit for unit in UNITS if len(unit) == 1 and unit.isalpha()]
_OTHERS = sorted(UNITS.keys() - {*_LETTERS}, key=len, reverse=True)
_MEASURED = re.compile(
    rf"(?P<amount>{_SIGN}{_AMOUNT}(?:[eE]{_SIGN}\d+)?)"
    rf"(?P<unit>[{BLANKS}](?:{'|'.join(_LETTERS)})"
    rf"|[{BLANKS}]?(?:{'|'.join(map(re.escape, _OTHERS))}))"
)
# Columns with such marks or units match these; other columns are left as they are.
_ANY_MARK = f"[{CURRENCIES}{BLANKS}{FOOTNOTES}%KkMB(]"
_ANY_UNIT = rf"\d[{BLANKS}]?(?:[A-DF-Za-df-z\x{{b0}}\x{{b5}}\x{{3bc}}\x{{2103}}\x{{2109}}]|EUR)"


def without_marks(cell: str) -> str:
    """The plain number that a field stands for; other texts stay as they are."""
    decorated, marked, in_brackets, grouped = (one.match(cell) for one in _PATTERNS)
    if grouped:
        return re.sub(f"[{BLANKS}]", "", cell)
    if in_brackets:
        return f"-{in_brackets['amount']}"
    if decorated and not (decorated["before"] and decorated["after"]):
        sign = decorated["before"] + decorated["after"]
        return sign + decorated["amount"] + POWERS.get(decorated["power"], "")
    return marked["sign"] + marked["amount"] + POWERS.get(marked["power"], "") if marked else cell


def without_unit(cell: str) -> str:
    """A field without the unit after its digits; other texts stay as they are."""
    measured = _MEASURED.fullmatch(cell)
    return measured["amount"] if measured else cell


def strip_marks(texts: Any) -> tuple[Any, frozenset[str]]:
    """A column of trimmed texts without marks, and the marks that it had.

    Marks that give rows of the column different meanings stay, so that those fields are not read
    as numbers: two currencies, or percent signs on some rows only.
    """
    import pyarrow.compute as pc

    marked = to_mask(pc.match_substring_regex(texts, _ANY_MARK))
    if not marked.any():
        return texts, frozenset()
    old = texts.to_pylist()
    new = [
        without_marks(text) if is_marked else text
        for text, is_marked in zip(old, marked.tolist(), strict=True)
    ]
    changed = [one for one, other in zip(old, new, strict=True) if one != other]
    marks = frozenset("".join(changed)) & MARKS
    has_bare_rows = any(text[-1:].isdigit() and "%" not in text for text in old)
    if not changed or len(marks & set(CURRENCIES)) > 1 or ("%" in marks and has_bare_rows):
        return texts, frozenset()
    return arrow.texts(new), marks


def strip_unit(texts: Any) -> tuple[Any, str | None]:
    """A column of trimmed texts without the unit beside its numbers, and that unit.

    Fields with different units, or with a unit on some rows only, stay as they are and are not
    read as numbers.
    """
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring_regex(texts, _ANY_UNIT)).as_py():
        return texts, None
    old = texts.to_pylist()
    found = [_MEASURED.fullmatch(text) for text in old]
    units = {match["unit"].strip(BLANKS) for match in found if match}
    has_bare_rows = any(text[-1:].isdigit() for text in old)
    if len(units) != 1 or has_bare_rows:
        return texts, None
    new = [match["amount"] if match else text for match, text in zip(found, old, strict=True)]
    return arrow.texts(new), UNITS[units.pop()]
