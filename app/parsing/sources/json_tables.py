"""Find the table in a JSON document: the longest list of rows at any depth, whatever its shape."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from app.parsing.errors import OptionInvalid, SeveralTables
from app.parsing.sources.json_shapes import (
    EVERY,
    KEY,
    MOST_DEPTH,
    TIME,
    VALUE,
    JsonTable,
    Path,
    are_times,
    header_of,
    is_arrays,
    is_moment,
    is_records,
    is_scalar,
    leaves,
    path_text,
    table_of,
)
from models.errors import Problem

# The first rows show whether a list holds rows, and whether the rows hold lists.
SAMPLE_ITEMS = 20
SHOWN_TABLES = 10
LONGEST_NAME = 100
# Tables under several keys are series of one kind only if their lengths are alike.
MOST_TIMES_LONGER = 3


@dataclass(frozen=True, slots=True)
class FoundTable:
    """The table of a document, and the paths of what was left out, with their lengths."""

    table: JsonTable
    others: dict[str, int]


def find_table(document: Any, asked: str | None) -> FoundTable | None:
    """The longest table with times, or the one that is asked for; None if nothing is a table.

    Raises:
        SeveralTables: If several are equally long.
        OptionInvalid: If the one that is asked for does not exist.
    """
    found = _groups(_tables(document, (), {}))
    if not found:
        return None
    ranks = {path: min(table.rank() for table in group) for path, group in found.items()}
    ranked = sorted(found, key=lambda path: ranks[path])
    best = found[ranked[0] if asked is None else _asked(ranked, found, asked)]
    equal = [path for path in ranked if ranks[path][:2] == ranks[ranked[0]][:2]]
    if asked is None and len(equal) > 1:
        names = _askable(ranked, found)[: min(len(equal), SHOWN_TABLES)]
        raise SeveralTables(
            f"The file holds {len(equal)} tables of {-ranks[equal[0]][1]} rows. Say which one is "
            f"to be read with {', '.join(f'`sheet={name}`' for name in names)}."
        )
    table = _with_names(document, _joined(best))
    return FoundTable(table, _left_out(document, table))


def _askable(paths: list[Path], found: dict[Path, list[JsonTable]]) -> list[str]:
    """What `sheet` may be for each table: its name, or its number if the name does not do."""
    names = [found[path][0].name for path in paths]
    return [
        name if names.count(name) == 1 and len(name) <= LONGEST_NAME else str(number)
        for number, name in enumerate(names, start=1)
    ]


def _groups(tables: Iterator[JsonTable]) -> dict[Path, list[JsonTable]]:
    """The tables by their paths: the series of a list have the same one."""
    groups: dict[Path, list[JsonTable]] = {}
    for table in tables:
        groups.setdefault(table.path, []).append(table)
    return groups


def _with_names(document: Any, table: JsonTable) -> JsonTable:
    """Arrays as objects, if one list of the document can only be the names of their columns."""
    if not isinstance(table.rows[0], list):
        return table
    width = len(table.rows[0])
    headers = {path: header_of(one, width) for path, one in _lists(document, ())}
    found = [(path, names) for path, names in headers.items() if names and EVERY not in path]
    if len(found) != 1:
        return table
    ((path, names),) = found
    made = [dict(zip(names, row, strict=False)) for row in table.rows]
    return replace(table, rows=made, used=(*table.used, path))


def _by_row(rows: list[list[Any]]) -> list[list[Any]]:
    """Arrays as rows; those of columns, of which the first holds all times, are turned."""
    first = rows[0]
    is_turned = len(first) > max(2, len(rows)) and all(map(is_moment, first[:SAMPLE_ITEMS]))
    if not is_turned or any(len(row) != len(first) for row in rows) or len(rows) < 2:
        return rows
    return [list(cells) for cells in zip(*rows, strict=True)]


def _asked(paths: list[Path], found: dict[Path, list[JsonTable]], asked: str) -> Path:
    """The path of the table that a sender names, or whose number from 1 it is."""
    names = [found[path][0].name for path in paths]
    alike = [name.rpartition(".")[2] for name in names]
    for known in (names, alike):
        if asked in known:
            return paths[known.index(asked)]
    if asked.isdecimal() and 1 <= int(asked) <= len(paths):
        return paths[int(asked) - 1]
    message = (
        f"`sheet` must name a table of the file: {', '.join(names[:SHOWN_TABLES])}. "
        f"Received: {asked!r}"
    )
    raise OptionInvalid(message, [Problem("/query/sheet", message)])


def _tables(value: Any, path: Path, labels: dict[str, Any]) -> Iterator[JsonTable]:
    """Every table at or below a value."""
    if len(path) > MOST_DEPTH:
        return
    if isinstance(value, dict):
        yield from _of_object(value, path, labels)
    elif isinstance(value, list):
        yield from _of_list(value, path, labels)


def _of_list(value: list[Any], path: Path, labels: dict[str, Any]) -> Iterator[JsonTable]:
    if is_records(value):
        yield JsonTable(path, value, labels)
    elif is_arrays(value):
        yield JsonTable(path, _by_row(value), labels)
        return
    if not any(map(may_hold_table, value[:SAMPLE_ITEMS])):
        return
    for number, item in enumerate(value, start=1):
        own = {k: v for k, v in leaves(item) if is_scalar(v)} if isinstance(item, dict) else {}
        inner = labels | own if own or len(value) == 1 else labels | {_item_name(path): number}
        yield from _tables(item, (*path, EVERY), inner)


def may_hold_table(value: Any, depth: int = 0) -> bool:
    """Whether a value holds a list, or an object whose keys are times."""
    if depth > MOST_DEPTH or is_scalar(value):
        return False
    if isinstance(value, list):
        return True
    return are_times(value) or any(may_hold_table(one, depth + 1) for one in value.values())


def _item_name(path: Path) -> str:
    return next((key for key in reversed(path) if key != EVERY), "item")


def _of_object(value: dict[str, Any], path: Path, labels: dict[str, Any]) -> Iterator[JsonTable]:
    made = table_of(value, path, labels)
    if made is not None:
        yield made
    taken = {used[-1] for used in made.used} if made else set()
    if made is not None and not taken:
        return
    inner = [
        list(_tables(one, (*path, key), labels)) for key, one in value.items() if key not in taken
    ]
    yield from _by_key(inner, path) or chain.from_iterable(inner)


def _by_key(inner: list[list[JsonTable]], path: Path) -> list[JsonTable]:
    """Tables of the same columns under several keys, such as symbols, as one with their keys."""
    tables = [one[0] for one in inner if len(one) == 1]
    alike = {(table.names, len(table.path)) for table in tables}
    if len(tables) < 2 or len(alike) > 1 or len(tables) < sum(map(bool, inner)):
        return []
    lengths = [len(table.rows) for table in tables]
    if max(lengths) > MOST_TIMES_LONGER * min(lengths):
        return []
    place = len(path)
    return [
        replace(
            table,
            path=(*path, EVERY, *table.path[place + 1 :]),
            labels=table.labels | {KEY: table.path[place]},
        )
        for table in tables
    ]


def _joined(group: list[JsonTable]) -> JsonTable:
    if len(group) == 1:
        return group[0]
    varying = {
        name
        for name in dict.fromkeys(chain.from_iterable(table.labels for table in group))
        if len({table.labels.get(name) for table in group}) > 1
    }
    rows: list[Any] = []
    for number, table in enumerate(group, start=1):
        labels = {k: v for k, v in table.labels.items() if k in varying} or {"item": number}
        rows += [_labelled(row, labels) for row in table.rows]
    return replace(group[0], rows=rows, labels={})


def _labelled(row: Any, labels: dict[str, Any]) -> dict[str, Any]:
    if isinstance(row, list):
        place = next((number for number, cell in enumerate(row) if is_moment(cell)), -1)
        names = [TIME if number == place else _value_name(number) for number in range(len(row))]
        row = dict(zip(names, row, strict=True))
    return {**{k: v for k, v in labels.items() if k not in row}, **row}


def _value_name(number: int) -> str:
    return VALUE if number < 2 else f"{VALUE}_{number}"


def _left_out(document: Any, best: JsonTable) -> dict[str, int]:
    """The lists outside the table, by path."""
    if not best.path and not best.used:
        return {}
    inside = (best.path, *best.used)
    return {
        path_text(path): len(one)
        for path, one in _lists(document, ())
        if not any(path[: len(used)] == used for used in inside if used)
        and path != best.path[: len(path)]
    }


def _lists(value: Any, path: Path) -> Iterator[tuple[Path, list[Any]]]:
    if len(path) > MOST_DEPTH:
        return
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _lists(one, (*path, key))
    elif isinstance(value, list) and value:
        yield path, value
        for item in value[:SAMPLE_ITEMS]:
            yield from _lists(item, (*path, EVERY))
