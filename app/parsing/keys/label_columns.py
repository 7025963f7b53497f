"""Columns that the sender names as those of series or of channels: `split`, `pivot`, `value`."""

from collections.abc import Sequence
from dataclasses import replace

from app.parsing.columns import ChosenColumns
from app.parsing.errors import OptionInvalid, UnknownColumn
from models.errors import Problem

SHOWN_COLUMNS = 50


def columns_of(
    wanted: str, names: Sequence[str], chosen: ChosenColumns, parameter: str
) -> tuple[int, ...]:
    """The columns that a parameter names, with commas between, each by its name or its number.

    Raises:
        UnknownColumn: If the file does not have one of them.
        OptionInvalid: If one is a column of the time, or named twice.
    """
    texts = [wanted] if wanted in names else [text.strip() for text in wanted.split(",")]
    found = tuple(_column(text, names, chosen, parameter) for text in texts)
    if len(set(found)) < len(found):
        raise invalid(parameter, f"must name different columns. Received: {wanted!r}")
    return found


def invalid(parameter: str, rule: str) -> OptionInvalid:
    """The error for a parameter that cannot work; the rule begins with a verb."""
    message = f"`{parameter}` {rule}"
    return OptionInvalid(message, [Problem(f"/query/{parameter}", message)])


def without(chosen: ChosenColumns, columns: Sequence[int]) -> ChosenColumns:
    """The chosen columns without some of them."""
    channels = {number: name for number, name in chosen.channels.items() if number not in columns}
    text = tuple(number for number in chosen.text if number not in columns)
    return replace(chosen, channels=channels, text=text)


def _column(text: str, names: Sequence[str], chosen: ChosenColumns, parameter: str) -> int:
    shown = ", ".join(repr(name) for name in names[:SHOWN_COLUMNS] if name)
    rule = f"must name a column of the file ({shown}), or be its number from 1"
    if text in names:
        column = names.index(text)
    elif text.isdecimal() and 1 <= int(text) <= len(names):
        column = int(text) - 1
    else:
        message = f"`{parameter}` {rule}. Received: {text!r}"
        raise UnknownColumn(message, [Problem(f"/query/{parameter}", message)])
    if column in chosen.time:
        raise invalid(parameter, f"{rule}, and not the one of the time. Received: {text!r}")
    return column
