"""Signs that people put beside the digits of a number: currencies, percent, thousands, millions."""

import re
from typing import Any

from app.series import arrow
from app.series.arrow import to_mask

CURRENCIES = "$\u20ac\u00a3\u00a5\u20b9"
BLANKS = " \u00a0\u2009\u202f'\u2019"
# Powers of ten are put behind the digits, so that no multiplication rounds.
POWERS = {"K": "e3", "k": "e3", "M": "e6", "B": "e9"}
SIGNS = frozenset(CURRENCIES + BLANKS + "%KkMB(")
_SIGN = "[+-]?"
_AMOUNT = r"(?:\d[\d.,]*|[.,]\d+)"
_DECORATED = (
    rf"^(?P<before>{_SIGN})[{CURRENCIES}] ?(?P<after>{_SIGN})(?P<amount>{_AMOUNT})"
    r"(?P<power>[KkMB]?)$"
)
_MARKED = rf"^(?P<sign>{_SIGN})(?P<amount>{_AMOUNT})(?P<power>[KkMB]?) ?(?:%|[{CURRENCIES}]|)$"
_IN_BRACKETS = rf"^\([{CURRENCIES}]?(?P<amount>{_AMOUNT})\)$"
_GROUPED = rf"^(?P<digits>{_SIGN}\d{{1,3}}(?:[{BLANKS}]\d{{3}})+(?:[.,]\d*)?)$"
_PATTERNS = tuple(re.compile(one) for one in (_DECORATED, _MARKED, _IN_BRACKETS, _GROUPED))
# The least that a column with such signs must hold: other columns need no second look.
_ANY_SIGN = f"[{CURRENCIES}{BLANKS}%KkMB(]"


def without_signs(cell: str) -> str:
    """One field as the digits that it stands for; other texts stay as they are."""
    decorated, marked, in_brackets, grouped = (one.match(cell) for one in _PATTERNS)
    if grouped:
        return re.sub(f"[{BLANKS}]", "", cell)
    if in_brackets:
        return f"-{in_brackets['amount']}"
    if decorated and not (decorated["before"] and decorated["after"]):
        sign = decorated["before"] + decorated["after"]
        return sign + decorated["amount"] + POWERS.get(decorated["power"], "")
    return marked["sign"] + marked["amount"] + POWERS.get(marked["power"], "") if marked else cell


def read_signs(texts: Any) -> tuple[Any, frozenset[str]]:
    """A column of trimmed texts without signs, and the signs that it had.

    Signs that make rows of one column mean different things stay, so that no number is read:
    two currencies, or per cent on some rows only.
    """
    import pyarrow.compute as pc

    signed = to_mask(pc.match_substring_regex(texts, _ANY_SIGN))
    if not signed.any():
        return texts, frozenset()
    old = texts.to_pylist()
    new = [
        without_signs(text) if is_signed else text
        for text, is_signed in zip(old, signed.tolist(), strict=True)
    ]
    changed = [one for one, other in zip(old, new, strict=True) if one != other]
    signs = frozenset("".join(changed)) & SIGNS
    has_bare_rows = any(text[-1:].isdigit() and "%" not in text for text in old)
    if not changed or len(signs & set(CURRENCIES)) > 1 or ("%" in signs and has_bare_rows):
        return texts, frozenset()
    return arrow.texts(new), signs
