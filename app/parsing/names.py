"""Names of columns: as files have them, and as they are written to read back the same."""

from app.csv_cells import is_run


def clean_name(name: str) -> str:
    """A name without a comment sign and without MetaTrader's angle brackets."""
    name = name.lstrip("#%").strip().replace("\0", "")
    return name[1:-1] if name.startswith("<") and name.endswith(">") else name


def name_of_cell(cell: str) -> str:
    """The name in a field of a header; behind an apostrophe that `cell_of_name` put it is exact."""
    literal = cell[1:]
    return literal if cell.startswith("'") and _needs_apostrophe(literal) else clean_name(cell)


def cell_of_name(name: str) -> str:
    """A name as a field of a header: no spreadsheet runs it, and it reads back."""
    return f"'{name}" if _needs_apostrophe(name) else name


def _needs_apostrophe(name: str) -> bool:
    return is_run(name) or name.startswith("'") or clean_name(name) != name
