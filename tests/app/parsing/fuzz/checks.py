"""Compare what was read from a generated file with its truth."""

import math

import numpy as np

from tests.app.parsing.fuzz.files import FOOTER, MadeFile
from tests.app.parsing.fuzz.remedies import Found, Options, ReadSeries, Refusal, Rows

Named = frozenset[tuple[str, str]]


def check_found(file: MadeFile, query: Options, found: Found) -> None:
    """Rows and instants of all series are those of the truth."""
    assert not isinstance(found, Refusal), found.detail
    expected = _expected(file, query)
    labels = [_labels(file, series) for series in found]
    read, right = sorted(map(sorted, labels)), sorted(map(sorted, expected))
    assert read == right, f"series {read}, right are {right}"
    for label, series in zip(labels, found, strict=True):
        _check_series(file, expected[label], series)


def _expected(file: MadeFile, query: Options) -> dict[Named, dict[str, Rows]]:
    """By the labels of each series its channels, each with its rows."""
    rule, pivot = query.get("duplicates", "last"), query.get("pivot")
    found: dict[Named, dict[str, Rows]] = {}
    for labels, rows in file.truth.series(rule).items():
        if pivot is None:
            found[labels] = {
                name: {at: [values[place]] for at, values in rows.items()}
                for place, name in enumerate(file.truth.channels)
            }
            continue
        named = dict(labels)
        is_attribute = pivot == file.attribute
        channel = named.pop(file.truth.key[0] if is_attribute else pivot)
        channel = f"{pivot} of {channel}" if is_attribute else channel
        found.setdefault(frozenset(named.items()), {})[channel] = rows
    return found


def _labels(file: MadeFile, series: ReadSeries) -> Named:
    """The labels of a series; what a column says of the first label stands for that."""
    about = f"{file.attribute} of "
    return frozenset(
        (file.truth.key[0], text.removeprefix(about)) if name == file.attribute else (name, text)
        for name, text in series.labels.items()
    )


def _check_series(file: MadeFile, expected: dict[str, Rows], series: ReadSeries) -> None:
    more = set(series.channels) - {*expected, *file.decoys, *file.truth.key}
    assert not more, f"channels beside those of the file: {more}"
    others = [line for line in series.rejected if line.strip('"') != FOOTER]
    assert not others, f"quarantined: {others[0]}"
    times = sorted({at for rows in expected.values() for at in rows})
    assert list(series.rows) == times, _difference(times, list(series.rows))
    for name, rows in expected.items():
        place = series.channels.index(name)
        for at, values in series.rows.items():
            right, read = rows.get(at, [None])[0], values[place]
            assert (right is None) == (read is None), (name, at, right, read)
            assert right is None or math.isclose(right, read or 0.0, rel_tol=1e-9), (name, at)


def _difference(expected: list[int], found: list[int]) -> str:
    right, read = (np.array(some, dtype="datetime64[us]") for some in (expected, found))
    missing, added = np.setdiff1d(right, read), np.setdiff1d(read, right)
    return (
        f"{len(expected)} instants expected, {len(found)} read; missing {missing[:3]} "
        f"({len(missing)}), added {added[:3]} ({len(added)})"
    )
