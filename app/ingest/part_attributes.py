"""Columns with one value for each series of a split file: they become attributes."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from app.ingest.part_names import attribute_values
from app.parsing.findings import Findings
from app.parsing.reader import Table
from app.parsing.split.parts import SeriesPart
from app.series.fields.attributes import (
    MOST_ATTRIBUTES,
    MOST_TEXT_LENGTH,
    AttributeValue,
    set_attributes,
)
from app.series.tables import Series

# A number that stays the same in fewer rows may change with the next one.
LEAST_ROWS = 5


def constant_channels(parts: Collection[SeriesPart]) -> set[str]:
    """Channels that have one value in each series, and not the same one in all of them."""
    long = [part for part in parts if len(part.table.times) >= LEAST_ROWS]
    if len(long) < 2:
        return set()
    names = set.intersection(*(set(part.constants) for part in long))
    varied = {name for name in names if len({part.constants[name] for part in long}) > 1}
    return set() if varied >= set().union(*(part.table.channels for part in parts)) else varied


def take_attributes(series: Series, part: SeriesPart, constant: Collection[str]) -> Table:
    """Set the attributes that a part's columns state, and return the part without these columns.

    A column that is a channel of the series already stays one.

    Args:
        series: The part's series, locked.
        part: What was read.
        constant: Channels that are facts in all parts of the file.
    """
    channels = {channel["name"] for channel in series.channels}
    known = set(series.attributes) - channels if series.revision else set()
    facts = [
        name for name in part.table.channels if name in {*constant, *known} and name not in channels
    ]
    if len(facts) == len(part.table.channels):
        facts = []
    places = [part.table.channels.index(name) for name in facts]
    numbers = {name: _number(part.table, place) for name, place in zip(facts, places, strict=True)}
    found = {
        **attribute_values(part),
        **part.facts,
        **{name: number for name, number in numbers.items() if number is not None},
    }
    _set(series, found)
    return _without(part.table, places, facts) if facts else part.table


def _number(table: Table, place: int) -> float | int | None:
    present = table.values[~np.isnan(table.values[:, place]), place]
    if not len(present):
        return None
    number = float(present[-1])
    return int(number) if number.is_integer() else number


def _set(series: Series, found: dict[str, AttributeValue]) -> None:
    clean = {_clean_text(name): _clean(value) for name, value in found.items() if name}
    room = MOST_ATTRIBUTES - len(series.attributes)
    new = [name for name in clean if name not in series.attributes][room:]
    set_attributes(series, {name: value for name, value in clean.items() if name not in new})


def _clean(value: AttributeValue) -> AttributeValue:
    return _clean_text(value) if isinstance(value, str) else value


def _clean_text(text: str) -> str:
    """A text without NUL, which PostgreSQL refuses, and not too long."""
    return text.replace("\0", "")[:MOST_TEXT_LENGTH]


def _without(table: Table, places: list[int], names: list[str]) -> Table:
    findings = Findings(issues=list(table.issues))
    message = f"Columns with one value for each series became attributes: {', '.join(names)}."
    findings.report("attributes", message, len(names))
    kept = [place for place in range(len(table.channels)) if place not in places]
    columns = {c: name for c, name in table.dialect["columns"].items() if c not in names}
    return replace(
        table,
        channels=tuple(table.channels[place] for place in kept),
        values=table.values[:, kept],
        dialect={**table.dialect, "columns": columns},
        issues=findings.issues,
    )
