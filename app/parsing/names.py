"""Column names: cleaned when they are read, and written so that they read back the same."""

from app.csv_cells import is_formula
from app.parsing.errors import DamagedFile

DAMAGED = (
    "The name of a column holds the character U+0000, which cannot be stored: remove it from the "
    "file. Received: {name!r}"
)


def clean_name(name: str) -> str:
    """A name without a comment sign and without MetaTrader's angle brackets.

    Raises:
        DamagedFile: If it holds a character that cannot be stored.
    """
    require_storable(name)
    name = name.lstrip("#%").strip()
    return name[1:-1] if name.startswith("<") and name.endswith(">") else name


def require_storable(name: str) -> None:
    """Refuse a name that would have to be stored as another one.

    Raises:
        DamagedFile: If it holds a NUL, which PostgreSQL cannot store.
    """
    if "\0" in name:
        raise DamagedFile(DAMAGED.format(name=name[:80]))


def name_of_cell(cell: str) -> str:
    """The name in a header field; after an apostrophe of `cell_of_name` it is not cleaned."""
    literal = cell[1:]
    return literal if cell.startswith("'") and _needs_apostrophe(literal) else clean_name(cell)


def cell_of_name(name: str) -> str:
    """A name as a header field that a spreadsheet does not run and that reads back the same."""
    return f"'{name}" if _needs_apostrophe(name) else name


def _needs_apostrophe(name: str) -> bool:
    return is_formula(name) or name.startswith("'") or clean_name(name) != name
