"""Convert the points of a backtest: to bytes for the database, to rows and CSV for clients."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from app.csv_cells import neutralize
from app.db import finite_or_none
from app.times import to_wire
from models.backtesting.points import ClassPoints, Column, Points, ValuePoints

POINT_CLASSES: tuple[type[Points], ...] = (ValuePoints, ClassPoints)
# A field with several numbers has one CSV column for each, such as `probability_up`.
CSV_PREFIXES = {"probabilities": "probability"}


def to_bytes(points: Points) -> bytes:
    """The points as a NumPy archive (`.npz`)."""
    target = io.BytesIO()
    arrays: dict[str, Any] = {name: getattr(points, name) for name in _arrays_of(type(points))}
    np.savez_compressed(target, allow_pickle=False, **arrays)
    return target.getvalue()


def from_bytes(stored: bytes) -> Points:
    """The points that `to_bytes` wrote; pickled objects are refused."""
    with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
        kind = next(each for each in POINT_CLASSES if _arrays_of(each) == set(arrays.files))
        return kind(**{name: arrays[name] for name in arrays.files})


def rows(points: Points, first: int = 0, stop: int | None = None) -> Iterator[dict[str, Any]]:
    """The points from position `first` up to `stop` as JSON values, by origin, lead and target."""
    last = len(points) if stop is None else min(stop, len(points))
    columns = points.columns(first, last)
    for row in zip(*map(_plain, columns.values()), strict=True):
        yield dict(zip(columns, row, strict=True))


def csv_lines(points: Points) -> Iterator[str]:
    """All points as the lines of a CSV file; missing values are empty."""
    line = io.StringIO()
    writer = csv.writer(line)
    for number, row in enumerate(rows(points)):
        flat = _flat(row)
        if number == 0:
            writer.writerow(flat)
        writer.writerow(map(neutralize, flat.values()))
        if line.tell() > 65_536:
            yield line.getvalue()
            line.seek(0)
            line.truncate()
    yield line.getvalue()


def _arrays_of(kind: type[Points]) -> set[str]:
    return {field.name for field in fields(kind)}


def _plain(column: Column) -> Iterable[Any]:
    """The values of a column in their JSON form, row by row."""
    if isinstance(column, dict):
        parts = zip(*map(_plain, column.values()), strict=True)
        return (dict(zip(column, row, strict=True)) for row in parts)
    if _holds(column, np.datetime64):
        return map(to_wire, column)
    if _holds(column, np.floating):
        return map(finite_or_none, column.tolist())
    found: list[Any] = column.tolist()
    return found


def _holds(column: npt.NDArray[Any], kind: type[np.generic]) -> bool:
    return np.issubdtype(column.dtype, kind)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        prefix = CSV_PREFIXES.get(name)
        flat |= (
            {f"{prefix}_{part}": each for part, each in value.items()} if prefix else {name: value}
        )
    return flat
