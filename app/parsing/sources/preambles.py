"""Find the names of a table below lines that have as many fields as its rows."""

from collections.abc import Callable

from app.parsing.names import name_of_cell
from app.parsing.times.column_names import is_time_name
from app.parsing.values.cells import CellKind, kind_of

# Below the names there may be lines of units and the like.
MOST_HEADER_LINES = 3


def lines_above_names(sample: list[list[str]], is_data: Callable[[list[str]], bool]) -> int:
    """The number of lines above those of the names, in a sample of lines with the usual fields.

    Settings such as `Station,Jena` have two fields like the rows `time,value`. Up to three lines
    above the first row may all be names; with more, the names are the line next to the first row
    that names every column and the time.
    """
    first = next((number for number, row in enumerate(sample) if is_data(row)), 0)
    if first <= MOST_HEADER_LINES:
        return 0
    nearest = range(first - 1, first - 1 - MOST_HEADER_LINES, -1)
    return next((number for number in nearest if _names_all(sample[number])), 0)


def _names_all(cells: list[str]) -> bool:
    names = [name_of_cell(cell) for cell in cells]
    is_text = all(kind_of(cell) == CellKind.TEXT for cell in cells)
    return is_text and len(set(names)) == len(names) and any(map(is_time_name, names))
