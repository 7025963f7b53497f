"""Text in CSV that a spreadsheet must not run: `=cmd` and its like get an apostrophe before them.

Spreadsheets run a cell that begins with one of these signs, and show one behind an apostrophe as
text (OWASP, CSV injection). Numbers are not texts: -5 stays -5.
"""

import re
from typing import Any

# Also their full-width forms, which some spreadsheets take for the same.
RUN = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet might run a text, or might once an apostrophe before it is taken."""
    return RUN.match(text) is not None and NUMBER.fullmatch(text) is None


def neutralize(cell: Any) -> Any:
    """A cell as it can be opened anywhere; only texts change."""
    return f"'{cell}" if isinstance(cell, str) and is_formula(cell) else cell
