"""Compare what was read from a generated file with its truth."""

import math

from app.parsing.reader import Table
from tests.app.parsing.fuzz.files import FOOTER, MadeFile
from tests.app.parsing.fuzz.remedies import Options, Read, as_rows
from tests.app.parsing.fuzz.truth import Rows

Named = frozenset[tuple[str, str]]


def check_read(file: MadeFile, query: Options, found: Read) -> None:
    """Rows and instants of all series are those of the truth."""
    rule, tables = query.get("duplicates", "last"), _tables(file, found)
    if "pivot" not in query:
        _check_series(file, file.truth.series(rule), tables)
        return
    expected = _pivoted(file, query["pivot"], rule)
    assert set(tables) == set(expected), (
        sorted(map(sorted, tables)),
        sorted(map(sorted, expected)),
    )
    for labels, table in tables.items():
        _check_variables(expected[labels], table)


def _pivoted(file: MadeFile, column: str, rule: str) -> dict[Named, dict[str, Rows]]:
    """The truth with the values of one column of the key as channels."""
    found: dict[Named, dict[str, Rows]] = {}
    for labels, rows in file.truth.series(rule).items():
        named = dict(labels)
        is_attribute = column == file.attribute
        channel = named.pop(file.truth.key[0] if is_attribute else column)
        channel = f"{column} of {channel}" if is_attribute else channel
        found.setdefault(frozenset(named.items()), {})[channel] = rows
    return found


def _tables(file: MadeFile, found: Read) -> dict[Named, Table]:
    if isinstance(found, Table):
        return {frozenset(): found}
    first = file.truth.key[0] if file.attribute else ""
    return {_labels(part.values, file.attribute, first): part.table for part in found}


def _labels(values: dict[str, str], attribute: str, first: str) -> Named:
    """The labels of a part; what a column says of the first label stands for that."""
    pairs = (
        (first, text.removeprefix(f"{attribute} of ")) if name == attribute else (name, text)
        for name, text in values.items()
    )
    return frozenset(pairs)


def _check_series(file: MadeFile, expected: dict[Named, Rows], tables: dict[Named, Table]) -> None:
    assert set(tables) == set(expected), (
        sorted(map(sorted, tables)),
        sorted(map(sorted, expected)),
    )
    for labels, table in tables.items():
        channels = file.truth.channels
        more = set(table.channels) - {*channels, *file.decoys, *file.truth.key}
        assert not more, f"channels beside those of the file: {more}"
        _check_rows(expected[labels], as_rows(table, channels))
        _check_rejected(table)


def _check_variables(expected: dict[str, Rows], table: Table) -> None:
    assert set(table.channels) == set(expected)
    times = {at for rows in expected.values() for at in rows}
    found = as_rows(table, tuple(expected))
    wanted: Rows = {
        at: [rows.get(at, [None])[0] for rows in expected.values()] for at in sorted(times)
    }
    _check_rows(wanted, found)
    _check_rejected(table)


def _check_rows(expected: Rows, found: Rows) -> None:
    assert list(found) == list(expected), _first_difference(list(expected), list(found))
    for at, values in expected.items():
        for right, read in zip(values, found[at], strict=True):
            assert (right is None) == (read is None), (at, values, found[at])
            assert right is None or math.isclose(right, read or 0.0, rel_tol=1e-9), (at, values)


def _first_difference(expected: list[int], found: list[int]) -> str:
    import numpy as np

    right, read = (np.array(some, dtype="datetime64[us]") for some in (expected, found))
    missing, added = np.setdiff1d(right, read), np.setdiff1d(read, right)
    return (
        f"{len(expected)} instants expected, {len(found)} read; missing {missing[:3]} "
        f"({len(missing)}), added {added[:3]} ({len(added)})"
    )


def _check_rejected(table: Table) -> None:
    """Of a file's lines only the footer is no row."""
    assert [one for one in table.rejected if one.text.strip('"') != FOOTER] == []
