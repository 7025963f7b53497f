"""Find the table in a JSON document: the longest list of rows at any depth, whatever its shape."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from app.parsing.errors import OptionInvalid, SeveralTables
from app.parsing.times.column_names import is_time_name
from app.parsing.times.guesses import guess_epoch, guess_formats, guess_year
from models.errors import Problem

# Deeper lists are not searched for rows.
MOST_DEPTH = 8
# The first rows show whether a list holds rows, and whether the rows hold lists.
SAMPLE_ITEMS = 20
LEAST_TIME_KEYS = 2
SHOWN_TABLES = 10
# Tables under several keys are series of one kind only if their lengths are alike.
MOST_TIMES_LONGER = 3
TIME = "time"
VALUE = "value"
KEY = "key"
# A header's items are names, or objects that hold a name under one of these keys.
HEADER_KEYS = ("name", "field", "fieldName", "id", "label", "text", "title")
INDEX_KEYS = ("index",)
EVERY = "*"

Path = tuple[str, ...]
Rows = list[dict[str, Any]] | list[list[Any]]


@dataclass(frozen=True, slots=True)
class JsonTable:
    """Rows in a document: objects, or arrays without names.

    Args:
        path: The keys that lead to the rows; `*` is each item of a list.
        rows: Objects or arrays.
        labels: Values of the objects around the rows, such as the labels of a metric.
        used: Paths of other lists that are part of the table: its header or its index.
    """

    path: Path
    rows: Rows
    labels: dict[str, Any] = field(default_factory=dict)
    used: tuple[Path, ...] = ()

    def rank(self) -> tuple[bool, int, int]:
        """The order of preference: with a time, longest, least deep."""
        return (not self.has_time, -len(self.rows), len(self.path))

    @property
    def name(self) -> str:
        """The path as text, which `sheet=` understands."""
        return ".".join(key for key in self.path if key != EVERY) or EVERY

    @property
    def has_time(self) -> bool:
        """Whether a value of the first row, or its key, looks like a time."""
        row = self.rows[0]
        if isinstance(row, dict):
            return any(is_scalar(v) and _is_timely(k, v) for k, v in _leaves(row))
        return any(_is_moment(value) for value in row)

    @property
    def names(self) -> frozenset[str]:
        """The keys of the first row; empty for arrays."""
        return frozenset(self.rows[0]) if isinstance(self.rows[0], dict) else frozenset()


@dataclass(frozen=True, slots=True)
class FoundTable:
    """The table of a document, and the paths of what was left out, with their lengths."""

    table: JsonTable
    others: dict[str, int]


def is_scalar(value: Any) -> bool:
    """Whether a value is not an object or a list."""
    return not isinstance(value, (dict, list))


def is_records(value: Any) -> bool:
    """Whether a value is a list of objects, one or more."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def is_arrays(value: Any) -> bool:
    """Whether a value is a list of lists of single values."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, list) and one for one in value)
        and any(map(is_scalar, value[0]))
    )


def holds_tables(value: Any) -> bool:
    """Whether a row holds lists of objects or of lists, which may be the rows themselves."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(is_records(one) or is_arrays(one) or holds_tables(one) for one in inner)


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
        names = [found[path][0].name for path in equal[:SHOWN_TABLES]]
        raise SeveralTables(
            f"The file holds {len(equal)} tables of {-ranks[equal[0]][1]} rows. Say which one is "
            f"to be read with {', '.join(f'`sheet={name}`' for name in names)}."
        )
    table = _with_names(document, _joined(best))
    return FoundTable(table, _left_out(document, table))


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
    headers = {path: _header(one, width) for path, one in _lists(document, ())}
    found = [(path, names) for path, names in headers.items() if names and EVERY not in path]
    if len(found) != 1:
        return table
    ((path, names),) = found
    made = [dict(zip(names, row, strict=False)) for row in table.rows]
    return replace(table, rows=made, used=(*table.used, path))


def _by_row(rows: list[list[Any]]) -> list[list[Any]]:
    """Arrays as rows; those of columns, of which the first holds all times, are turned."""
    first = rows[0]
    is_turned = len(first) > max(2, len(rows)) and all(map(_is_moment, first[:SAMPLE_ITEMS]))
    if not is_turned or any(len(row) != len(first) for row in rows) or len(rows) < 2:
        return rows
    return [list(cells) for cells in zip(*rows, strict=True)]


def _asked(paths: list[Path], found: dict[Path, list[JsonTable]], asked: str) -> Path:
    """The path of the table that a sender names, or whose number from 1 it is."""
    names = [found[path][0].name for path in paths]
    for path, name in zip(paths, names, strict=True):
        if asked in (name, name.rpartition(".")[2]):
            return path
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
    if not any(map(holds_tables, value[:SAMPLE_ITEMS])) and not _any_series(value):
        return
    for number, item in enumerate(value, start=1):
        own = {k: v for k, v in _leaves(item) if is_scalar(v)} if isinstance(item, dict) else {}
        inner = labels | own if own or len(value) == 1 else labels | {_item_name(path): number}
        yield from _tables(item, (*path, EVERY), inner)


def _any_series(value: list[Any]) -> bool:
    """Whether the items are objects of columns, or lists of rows."""
    sample = value[:SAMPLE_ITEMS]
    return any(isinstance(one, list) and is_records(one) for one in sample) or any(
        isinstance(one, dict) and next(_of_object(one, (), {}), None) is not None for one in sample
    )


def _item_name(path: Path) -> str:
    return next((key for key in reversed(path) if key != EVERY), "item")


def _of_object(value: dict[str, Any], path: Path, labels: dict[str, Any]) -> Iterator[JsonTable]:
    shapes = (_with_header, _keyed_by_time, _columns_of_objects, _columns_of_lists, _pairs)
    made = next(filter(None, (shape(value, path, labels) for shape in shapes)), None)
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


def _with_header(value: dict[str, Any], path: Path, labels: dict[str, Any]) -> JsonTable | None:
    """Rows of arrays beside the names of their columns, and an index if there is one."""
    for key, rows in value.items():
        if not is_arrays(rows):
            continue
        width = len(rows[0])
        for other, header in value.items():
            names = _header(header, width) if other != key else []
            if names:
                used = [(*path, key), (*path, other)]
                made = [dict(zip(names, row, strict=False)) for row in rows]
                index = next((k for k in INDEX_KEYS if _is_column(value.get(k), len(rows))), None)
                if index is not None and index not in names:
                    used.append((*path, index))
                    made = [{index: i, **row} for i, row in zip(value[index], made, strict=True)]
                return JsonTable((*path, key), made, labels, tuple(used))
    return None


def _header(value: Any, width: int) -> list[str]:
    if not isinstance(value, list) or len(value) != width:
        return []
    names = [_name(one) for one in value]
    return names if all(names) and len(set(names)) == width else []


def _name(one: Any) -> str:
    if isinstance(one, dict):
        one = next((one[key] for key in HEADER_KEYS if isinstance(one.get(key), str)), "")
    return one if isinstance(one, str) and not _is_moment(one) and not _is_number(one) else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_column(value: Any, rows: int) -> bool:
    return isinstance(value, list) and len(value) == rows and all(map(is_scalar, value))


def _keyed_by_time(value: dict[str, Any], path: Path, labels: dict[str, Any]) -> JsonTable | None:
    """Objects, lists or single values whose keys are times."""
    if not _are_times(value):
        return None
    rows: Rows
    items = list(value.items())
    if all(isinstance(one, dict) for one in value.values()):
        rows = [{TIME: key, **one} for key, one in items]
    elif all(isinstance(one, list) for one in value.values()):
        rows = [[key, *one] for key, one in items]
    elif all(map(is_scalar, value.values())):
        rows = [{TIME: key, VALUE: one} for key, one in items]
    else:
        return None
    return JsonTable(path, rows, labels)


def _are_times(value: dict[str, Any]) -> bool:
    return len(value) >= LEAST_TIME_KEYS and all(_is_moment(key, sure=True) for key in value)


def _columns_of_objects(
    value: dict[str, Any], path: Path, labels: dict[str, Any]
) -> JsonTable | None:
    """Columns as objects whose keys are times, or count the rows."""
    inner = [one for one in value.values() if isinstance(one, dict)]
    if not inner or len(inner) < len(value) or not all(map(is_scalar, _values(inner))):
        return None
    keys = list(dict.fromkeys(chain.from_iterable(inner)))
    counts = all(list(one) == [str(n) for n in range(len(one))] for one in inner)
    if len(keys) < LEAST_TIME_KEYS or not (counts or all(map(_are_times, inner))):
        return None
    rows = [{name: one.get(key) for name, one in value.items()} for key in keys]
    if not counts:
        rows = [{TIME: key, **row} for key, row in zip(keys, rows, strict=True)]
    return JsonTable(path, rows, labels)


def _values(objects: list[dict[str, Any]]) -> Iterator[Any]:
    return chain.from_iterable(one.values() for one in objects)


def _columns_of_lists(
    value: dict[str, Any], path: Path, labels: dict[str, Any]
) -> JsonTable | None:
    """Equally long lists of single values, some of them deeper; the largest such group."""
    groups: dict[int, dict[Path, list[Any]]] = {}
    for place, one in _column_lists(value, ()):
        groups.setdefault(len(one), {})[place] = one
    # Lists that are all deeper belong to an object further in.
    own = [group for group in groups.values() if any(len(place) == 1 for place in group)]
    chosen = max(own, key=len, default={})
    if len(chosen) < 2:
        return None
    names = _short_names(list(chosen))
    rows = [dict(zip(names, cells, strict=True)) for cells in zip(*chosen.values(), strict=True)]
    return JsonTable(path, rows, labels, tuple((*path, *place) for place in chosen))


def _column_lists(value: dict[str, Any], place: Path) -> Iterator[tuple[Path, list[Any]]]:
    """Lists of single values in an object, in objects in it, and in lists of one object."""
    for key, one in value.items():
        if isinstance(one, list) and one and all(map(is_scalar, one)):
            yield (*place, key), one
        elif isinstance(one, dict) and len(place) < MOST_DEPTH:
            yield from _column_lists(one, (*place, key))
        elif is_records(one) and len(one) == 1:
            yield from _column_lists(one[0], (*place, key, EVERY))


def _short_names(places: list[Path]) -> list[str]:
    """The last keys of paths; the whole paths if these repeat."""
    names = [place[-1] for place in places]
    is_short = len(set(names)) == len(names)
    return names if is_short else [".".join(k for k in place if k != EVERY) for place in places]


def _pairs(value: dict[str, Any], path: Path, labels: dict[str, Any]) -> JsonTable | None:
    """Lists of pairs `[time, value]` under several names, all with the same times."""
    lists = {
        key: one
        for key, one in value.items()
        if is_arrays(one) and all(len(pair) == 2 for pair in one) and _is_moment(one[0][0])
    }
    times = [[pair[0] for pair in one] for one in lists.values()]
    if len(lists) < 2 or any(other != times[0] for other in times):
        return None
    rows = [
        {TIME: time, **{key: one[number][1] for key, one in lists.items()}}
        for number, time in enumerate(times[0])
    ]
    return JsonTable(path, rows, labels, tuple((*path, key) for key in lists))


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
        place = next((number for number, cell in enumerate(row) if _is_moment(cell)), -1)
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
        ".".join(key for key in path if key != EVERY): len(one)
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


def _leaves(value: dict[str, Any], depth: int = 0) -> Iterator[tuple[str, Any]]:
    for key, one in value.items():
        if isinstance(one, dict) and depth < MOST_DEPTH:
            yield from _leaves(one, depth + 1)
        else:
            yield key, one


def _is_timely(name: str, value: Any) -> bool:
    return _is_moment(value) if not is_time_name(name) else value not in (None, "")


def _is_moment(value: Any, *, sure: bool = False) -> bool:
    """Whether a value is a date or seconds since 1970; keys that are `sure` may also be years."""
    text = value if isinstance(value, str) else ""
    return bool(guess_formats(text) or guess_epoch(text) or (sure and guess_year(text)))
