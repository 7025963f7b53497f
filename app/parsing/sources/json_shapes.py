"""The shapes in which JSON holds a table: rows, columns, and objects whose keys are times."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from app.parsing.times.column_names import is_time_name
from app.parsing.times.guesses import guess_epoch, guess_formats, guess_year

# Deeper lists are not searched for rows.
MOST_DEPTH = 8
LEAST_TIME_KEYS = 2
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
        return path_text(self.path) or EVERY

    @property
    def has_time(self) -> bool:
        """Whether a value of the first row, or its key, looks like a time."""
        row = self.rows[0]
        if isinstance(row, dict):
            return any(is_scalar(v) and _is_timely(k, v) for k, v in leaves(row))
        return any(is_moment(value) for value in row)

    @property
    def names(self) -> frozenset[str]:
        """The keys of the first row; empty for arrays."""
        return frozenset(self.rows[0]) if isinstance(self.rows[0], dict) else frozenset()


def path_text(path: Path) -> str:
    """A path as text that can be stored, also where a key holds half a character."""
    text = ".".join(key for key in path if key != EVERY)
    return text.encode(errors="replace").decode()


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


def _with_header(value: dict[str, Any], path: Path, labels: dict[str, Any]) -> JsonTable | None:
    """Rows of arrays beside the names of their columns, and an index if there is one."""
    for key, rows in value.items():
        if not is_arrays(rows):
            continue
        width = len(rows[0])
        for other, header in value.items():
            names = header_of(header, width) if other != key else []
            if names:
                used = [(*path, key), (*path, other)]
                made = [dict(zip(names, row, strict=False)) for row in rows]
                index = next((k for k in INDEX_KEYS if _is_column(value.get(k), len(rows))), None)
                if index is not None and index not in names:
                    used.append((*path, index))
                    made = [{index: i, **row} for i, row in zip(value[index], made, strict=True)]
                return JsonTable((*path, key), made, labels, tuple(used))
    return None


def header_of(value: Any, width: int) -> list[str]:
    """The names of `width` columns; empty if the value is not a list of them."""
    if not isinstance(value, list) or len(value) != width:
        return []
    names = [_name(one) for one in value]
    return names if all(names) and len(set(names)) == width else []


def _name(one: Any) -> str:
    if isinstance(one, dict):
        one = next((one[key] for key in HEADER_KEYS if isinstance(one.get(key), str)), "")
    return one if isinstance(one, str) and not is_moment(one) and not _is_number(one) else ""


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
    if not are_times(value) or _has_own_time(next(iter(value.values()))):
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


def are_times(value: dict[str, Any]) -> bool:
    """Whether the keys of an object are times."""
    return len(value) >= LEAST_TIME_KEYS and all(is_moment(key, sure=True) for key in value)


def _has_own_time(row: Any) -> bool:
    """Whether an object names its time itself: numbers that look like times may be its number."""
    found = leaves(row) if isinstance(row, dict) else ()
    return any(is_time_name(key) and is_moment(one) for key, one in found)


def _columns_of_objects(
    value: dict[str, Any], path: Path, labels: dict[str, Any]
) -> JsonTable | None:
    """Columns as objects whose keys are times, or count the rows."""
    inner = [one for one in value.values() if isinstance(one, dict)]
    if not inner or len(inner) < len(value) or not all(map(is_scalar, _values(inner))):
        return None
    keys = list(dict.fromkeys(chain.from_iterable(inner)))
    counts = all(list(one) == [str(n) for n in range(len(one))] for one in inner)
    if len(keys) < LEAST_TIME_KEYS or not (counts or all(map(are_times, inner))):
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


def _lists_in_objects(
    value: dict[str, Any], path: Path, labels: dict[str, Any]
) -> JsonTable | None:
    """Equally long lists under one key, each in an object that its column names.

    Such as `{"time": {"data": [...]}, "watts": {"data": [...]}}`.
    """
    found = {
        (name, key): one
        for name, inner in value.items()
        if isinstance(inner, dict)
        for key, one in inner.items()
        if isinstance(one, list) and one and all(map(is_scalar, one))
    }
    keys, lengths = {key for _, key in found}, {len(one) for one in found.values()}
    if len(found) < 2 or len(keys) > 1 or len(lengths) > 1:
        return None
    if not any(is_time_name(name) or is_moment(one[0]) for (name, _), one in found.items()):
        return None
    names = [name for name, _ in found]
    rows = [dict(zip(names, cells, strict=True)) for cells in zip(*found.values(), strict=True)]
    return JsonTable(path, rows, labels, tuple((*path, *place) for place in found))


def _pairs(value: dict[str, Any], path: Path, labels: dict[str, Any]) -> JsonTable | None:
    """Lists of pairs `[time, value]` under several names, all with the same times."""
    lists = {
        key: one
        for key, one in value.items()
        if is_arrays(one) and all(len(pair) == 2 for pair in one) and is_moment(one[0][0])
    }
    times = [[pair[0] for pair in one] for one in lists.values()]
    if len(lists) < 2 or any(other != times[0] for other in times):
        return None
    rows = [
        {TIME: time, **{key: one[number][1] for key, one in lists.items()}}
        for number, time in enumerate(times[0])
    ]
    return JsonTable(path, rows, labels, tuple((*path, key) for key in lists))


def _objects_by_key(value: dict[str, Any], path: Path, labels: dict[str, Any]) -> JsonTable | None:
    """Objects of the same keys, with a time in each, under numbers or names."""
    inner = [one for one in value.values() if isinstance(one, dict)]
    if len(inner) < LEAST_TIME_KEYS or len(inner) < len(value):
        return None
    if any(one.keys() != inner[0].keys() for one in inner):
        return None
    if not any(is_scalar(v) and _is_timely(k, v) for k, v in leaves(inner[0])):
        return None
    rows = inner
    if not all(key.isdecimal() for key in value) and KEY not in inner[0]:
        rows = [{KEY: key, **one} for key, one in value.items()]
    return JsonTable(path, rows, labels)


def leaves(value: dict[str, Any], depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The keys and values of an object and of the objects in it."""
    for key, one in value.items():
        if isinstance(one, dict) and depth < MOST_DEPTH:
            yield from leaves(one, depth + 1)
        else:
            yield key, one


def _is_timely(name: str, value: Any) -> bool:
    return is_moment(value) if not is_time_name(name) else value not in (None, "")


def is_moment(value: Any, *, sure: bool = False) -> bool:
    """Whether a value is a date or seconds since 1970; keys that are `sure` may also be years."""
    text = value if isinstance(value, str) else ""
    return bool(guess_formats(text) or guess_epoch(text) or (sure and guess_year(text)))


def table_of(value: dict[str, Any], path: Path, labels: dict[str, Any]) -> JsonTable | None:
    """The table that an object is, by the first shape that it has; None if it has none."""
    shapes = (
        *(_with_header, _keyed_by_time, _columns_of_objects),
        *(_columns_of_lists, _lists_in_objects, _pairs, _objects_by_key),
    )
    return next(filter(None, (shape(value, path, labels) for shape in shapes)), None)
