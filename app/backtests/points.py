"""The points of a backtest: arrays in the database, rows for clients."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from app.db import finite_or_none
from app.times import to_wire
from models.series import Rows, Times, Values

if TYPE_CHECKING:
    from models.backtest import BacktestResult

COLUMNS = (
    "origin",
    "time",
    "lead",
    "target",
    "value",
    "actual",
    "error",
    "naive_error",
    "seasonal_naive_error",
)


@dataclass(frozen=True, slots=True)
class Points:
    """What was said from every origin, and what came.

    Args:
        origins: `(origins,)`.
        times: `(origins, leads)`.
        leads: `(leads,)`.
        targets: `(targets,)`, names.
        values: `(origins, leads, targets)`, as the next three.
        actual: What came.
        naive: What the naive forecast said.
        seasonal_naive: What the seasonal naive forecast said.
    """

    origins: Times
    times: Times
    leads: Rows
    targets: "np.ndarray[Any, np.dtype[np.str_]]"
    values: Values
    actual: Values
    naive: Values
    seasonal_naive: Values

    @classmethod
    def of(cls, result: "BacktestResult") -> Self:
        """The points of a result."""
        return cls(
            origins=result.origins,
            times=result.times,
            leads=result.leads,
            targets=np.array(result.targets),
            values=result.values,
            actual=result.actual,
            naive=result.naive,
            seasonal_naive=result.seasonal_naive,
        )

    def to_bytes(self) -> bytes:
        """NumPy's zip of arrays."""
        target = io.BytesIO()
        arrays: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        np.savez_compressed(target, allow_pickle=False, **arrays)
        return target.getvalue()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """What `to_bytes` wrote; nothing in it is ever run."""
        with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in cls.__slots__})

    def __len__(self) -> int:
        return int(self.values.size)

    def rows(self, first: int = 0, stop: int | None = None) -> Iterator[tuple[Any, ...]]:
        """Points by number, in the order of origin, lead and target; fields as in `COLUMNS`."""
        numbers = np.arange(first, len(self) if stop is None else min(stop, len(self)))
        at = origin, lead, target = np.unravel_index(numbers, self.values.shape)
        actual = self.actual[at]
        errors = (each[at] - actual for each in (self.values, self.naive, self.seasonal_naive))
        columns = (self.values[at], actual, *errors)
        yield from zip(
            map(to_wire, self.origins[origin]),
            map(to_wire, self.times[origin, lead]),
            self.leads[lead].tolist(),
            self.targets[target].tolist(),
            *(map(finite_or_none, column.tolist()) for column in columns),
            strict=True,
        )

    def csv(self) -> Iterator[str]:
        """All points as the lines of a CSV file; what is missing is left empty."""
        line = io.StringIO()
        writer = csv.writer(line)
        writer.writerow(COLUMNS)
        for row in self.rows():
            writer.writerow(row)
            if line.tell() > 65_536:
                yield line.getvalue()
                line.seek(0)
                line.truncate()
        yield line.getvalue()
