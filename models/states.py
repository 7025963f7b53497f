"""States: what a forecaster keeps of a series between observations, as plain bytes."""

import json
import struct
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.errors import ArtefactError
from models.intervals import Adaptation
from models.scaling import Floats
from models.series import Values

MAGIC = b"STC2"
_HEADER_LENGTH = struct.Struct("<I")
_DTYPES = ("<f4", "<f8")


@dataclass(frozen=True, slots=True)
class State:
    """What is kept of the past: constant in size, whatever the length of the series.

    Args:
        time: The last grid time consumed, or None before the first.
        rows: Grid rows consumed.
        tail: `(memory_rows, channels)`, the last rows in original units with gaps filled.
        recurrent: The network's states, `(1, units)` each; none for a windowed network.
        window: `(span, features)`, the last inputs of a windowed network; else no rows.
        adaptation: How the widths of intervals have adapted; None without intervals.
        output: `(leads * targets * quantiles,)`, what the network says at `time`; None before
            the first.
    """

    time: np.datetime64 | None
    rows: int
    tail: Values
    recurrent: tuple[Floats, ...]
    window: Floats
    adaptation: Adaptation | None
    output: Floats | None

    @property
    def finite(self) -> bool:
        """Whether every number of the network and its intervals is one: nothing else may be kept.

        A missing value may stand in `tail`, and a forecast that waits for its truth in
        `adaptation`.
        """
        arrays: list[Values | Floats] = [*self.recurrent, self.window]
        if self.output is not None:
            arrays.append(self.output)
        if self.adaptation is not None:
            arrays.append(self.adaptation.log_factors)
        return all(bool(np.isfinite(each).all()) for each in arrays)

    def to_bytes(self) -> bytes:
        """Serialise: a JSON header and the arrays' little-endian bytes."""
        arrays: list[Values | Floats] = [self.tail, self.window, *self.recurrent]
        if self.output is not None:
            arrays.append(self.output)
        if self.adaptation is not None:
            kept = self.adaptation
            arrays += [kept.log_factors, kept.issued, kept.said, kept.base]
        ordered = [np.ascontiguousarray(a, a.dtype.newbyteorder("<")) for a in arrays]
        header = {
            "time": None
            if self.time is None
            else int(self.time.astype("datetime64[us]").astype(np.int64)),
            "rows": self.rows,
            "has_output": self.output is not None,
            "has_adaptation": self.adaptation is not None,
            "arrays": [[a.dtype.str, list(a.shape)] for a in ordered],
        }
        text = json.dumps(header).encode()
        parts = [MAGIC, _HEADER_LENGTH.pack(len(text)), text, *(a.tobytes() for a in ordered)]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """The state that `to_bytes` serialised.

        Raises:
            ArtefactError: If the bytes are not a state.
        """
        try:
            header, arrays = _unpack(stored)
            time = None if header["time"] is None else np.datetime64(header["time"], "us")
            adaptation = None
            if header["has_adaptation"]:
                *arrays, log_factors, issued, said, base = arrays
                adaptation = Adaptation(log_factors, issued, said, base)
            output = arrays.pop() if header["has_output"] else None
            tail, window, *recurrent = arrays
            return cls(time, header["rows"], tail, tuple(recurrent), window, adaptation, output)
        except (ValueError, KeyError, IndexError, TypeError, struct.error) as error:
            raise ArtefactError(f"The stored state is damaged: {error}") from error


def _unpack(stored: bytes) -> tuple[dict[str, Any], list[Any]]:
    if stored[: len(MAGIC)] != MAGIC:
        raise ValueError(f"it must begin with {MAGIC!r}")
    (length,) = _HEADER_LENGTH.unpack_from(stored, len(MAGIC))
    position = len(MAGIC) + _HEADER_LENGTH.size + length
    header = json.loads(stored[len(MAGIC) + _HEADER_LENGTH.size : position])
    arrays = []
    for dtype, shape in header["arrays"]:
        if dtype not in _DTYPES:
            raise ValueError(f"its arrays must be of {_DTYPES}, not {dtype}")
        count = int(np.prod(shape))
        arrays.append(np.frombuffer(stored, dtype, count, position).reshape(shape))
        position += count * np.dtype(dtype).itemsize
    return header, arrays
