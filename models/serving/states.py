"""The state that a forecaster stores between observations of a series, as plain bytes."""

import json
import struct
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.arrays import Floats, Times, Values
from models.errors import ArtefactError
from models.grid.grid import Grid
from models.serving.interval_tracker import Adaptation

MAGIC = b"STC3"
_HEADER_LENGTH = struct.Struct("<I")
_DTYPES = ("<f4", "<f8", "<i8")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows whose known future is not observed yet, with the network's state before them.

    Args:
        times: `(rows,)`, grid times, UTC; at most as many as the farthest lead.
        values: `(rows, channels)` in original units; NaN is missing.
        tail: `(memory_rows, channels)`, the filled rows before them.
        recurrent: The network's states before them, `(1, units)` each; empty for a windowed
            network.
        window: `(span, features)`, a windowed network's inputs before them; else no rows.
    """

    times: Times
    values: Values
    tail: Values
    recurrent: tuple[Floats, ...]
    window: Floats

    def followed_by(self, rows: Grid) -> Grid:
        """The waiting rows followed by newer ones."""
        if len(self.times) == 0:
            return rows
        return Grid(
            np.concatenate([self.times, rows.times]), np.concatenate([self.values, rows.values])
        )


@dataclass(frozen=True, slots=True)
class State:
    """The stored past of a series: its size does not depend on the series' length.

    Args:
        time: The last grid time consumed, UTC; None before the first.
        rows: Number of grid rows consumed.
        tail: `(memory_rows, channels)` of float64, the last rows in original units with gaps
            filled.
        recurrent: The network's states, `(1, units)` of float32 each; empty for a windowed
            network.
        window: `(span, features)` of float32, a windowed network's last inputs; else no rows.
        adaptation: How far the widths of intervals have adapted; None without intervals.
        output: `(leads * targets * quantiles,)` of float32, the network's outputs at `time`;
            None before the first row, and if they depend on known-future values.
        waiting: Rows whose forecasts are scored late; None if forecasts are scored at once, or
            if the widths never move.

    Example:
        `forecaster` is a small forecaster of an hourly series, as `Forecaster.from_bundle`
        returns it.

        >>> import numpy as np
        >>> from models.serving.batching import run_one
        >>> times = np.datetime64("2024-01-01", "us") + np.arange(3) * np.timedelta64(1, "h")
        >>> values = np.array([[1.0], [2.0], [3.0]])
        >>> state = run_one(forecaster.advance(forecaster.initial_state(), times, values))
        >>> state.rows, str(state.time)
        (3, '2024-01-01T02:00:00.000000')
        >>> state.tail
        array([[3.]])

        Stored and loaded again, it continues as if it had stayed in memory.

        >>> content = state.to_bytes()
        >>> State.from_bytes(content).recurrent[0].shape, State.from_bytes(content).finite
        ((1, 1), True)
    """

    time: np.datetime64 | None
    rows: int
    tail: Values
    recurrent: tuple[Floats, ...]
    window: Floats
    adaptation: Adaptation | None
    output: Floats | None
    waiting: Waiting | None = None

    @property
    def finite(self) -> bool:
        """Whether all numbers of the network and its intervals are finite; others are not stored.

        NaN is allowed in `tail` and `waiting`, where it is a missing value, and in `adaptation`
        outside of the log factors, where it is a forecast that cannot be scored.
        """
        arrays: list[Values | Floats] = [*self.recurrent, self.window]
        if self.waiting is not None:
            arrays += [*self.waiting.recurrent, self.waiting.window]
        if self.output is not None:
            arrays.append(self.output)
        if self.adaptation is not None:
            arrays.append(self.adaptation.log_factors)
        return all(bool(np.isfinite(each).all()) for each in arrays)

    def to_bytes(self) -> bytes:
        """Serialise as a JSON header followed by the arrays' little-endian bytes."""
        parts = {
            name: [np.ascontiguousarray(a, a.dtype.newbyteorder("<")) for a in arrays]
            for name, arrays in self._arrays().items()
        }
        header = {
            "time": None if self.time is None else int(_microseconds(self.time)),
            "rows": self.rows,
            "arrays": {
                name: [[a.dtype.str, list(a.shape)] for a in arrays]
                for name, arrays in parts.items()
            },
        }
        text = json.dumps(header).encode()
        content = [array.tobytes() for arrays in parts.values() for array in arrays]
        return b"".join([MAGIC, _HEADER_LENGTH.pack(len(text)), text, *content])

    def _arrays(self) -> dict[str, list[Any]]:
        """The arrays of each part; none for a part that is absent."""
        late, adapted = self.waiting, self.adaptation
        return {
            "past": [self.tail, self.window, *self.recurrent],
            "output": [] if self.output is None else [self.output],
            "adaptation": []
            if adapted is None
            else [
                adapted.log_factors,
                adapted.issued,
                adapted.predicted,
                adapted.base,
                adapted.actual,
            ],
            "waiting": []
            if late is None
            else [_microseconds(late.times), late.values, late.tail, late.window, *late.recurrent],
        }

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """The state that `to_bytes` serialised.

        Raises:
            ArtefactError: If the bytes are not a state of this format.
        """
        try:
            header, arrays = _unpack(stored)
            tail, window, *recurrent = arrays["past"]
            return cls(
                time=None if header["time"] is None else np.datetime64(header["time"], "us"),
                rows=header["rows"],
                tail=tail,
                recurrent=tuple(recurrent),
                window=window,
                adaptation=Adaptation(*arrays["adaptation"]) if arrays["adaptation"] else None,
                output=arrays["output"][0] if arrays["output"] else None,
                waiting=_waiting(*arrays["waiting"]) if arrays["waiting"] else None,
            )
        except (ValueError, KeyError, IndexError, TypeError, struct.error) as error:
            raise ArtefactError(f"The stored state is damaged: {error}") from error


def _waiting(
    times: Any, values: Values, tail: Values, window: Floats, *recurrent: Floats
) -> Waiting:
    return Waiting(times.astype("datetime64[us]"), values, tail, recurrent, window)


def _microseconds(times: Any) -> Any:
    """UTC times as microseconds since 1970."""
    return times.astype("datetime64[us]").astype(np.int64)


def _unpack(stored: bytes) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    if stored[: len(MAGIC)] != MAGIC:
        raise ValueError(f"it must begin with {MAGIC!r}")
    (length,) = _HEADER_LENGTH.unpack_from(stored, len(MAGIC))
    position = len(MAGIC) + _HEADER_LENGTH.size + length
    header = json.loads(stored[len(MAGIC) + _HEADER_LENGTH.size : position])
    found: dict[str, list[Any]] = {}
    for name, described in header["arrays"].items():
        found[name] = []
        for dtype, shape in described:
            if dtype not in _DTYPES:
                raise ValueError(f"its arrays must be of {_DTYPES}, not {dtype}")
            count = int(np.prod(shape))
            found[name].append(np.frombuffer(stored, dtype, count, position).reshape(shape))
            position += count * np.dtype(dtype).itemsize
    return header, found
