"""Neutralize text in CSV that a spreadsheet would run as a formula, such as `=cmd`.

Spreadsheets run a cell that starts with one of these characters, and show it as text if an
apostrophe precedes it (OWASP, CSV injection). Numbers are not changed: -5 stays -5.
"""

import re
from typing import Any

# Also the full-width forms, which some spreadsheets treat as the same.
FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet might run a text, now or after removing an apostrophe before it."""
    return FORMULA.match(text) is not None and NUMBER.fullmatch(text) is None


def neutralize(cell: Any) -> Any:
    """A cell that is safe to open in a spreadsheet; only texts change."""
    return f"'{cell}" if isinstance(cell, str) and is_formula(cell) else cell
