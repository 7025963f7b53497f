"""Convert between Arrow, NumPy and texts without loading pandas.

`pa.array`, `pa.scalar` and `to_numpy` import pandas on their first call, only to check whether
they were given one of its objects. That costs a web process 100 MB and half a second; working on
the buffers costs neither.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.arrays import Times

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

BLANK, DELETE = ord(" "), 127

# The key under which the service's own files describe their series, in the schema's metadata.
SERIES = b"statecast"


def to_mask(booleans: Any) -> Mask:
    """Truth values as an array; null is false."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bytes_ = _values(pc.cast(booleans, pa.uint8()), np.uint8)
    if booleans.null_count:
        bytes_ = bytes_ * _valid(booleans).view(np.uint8)
    return bytes_.view(np.bool_)


def to_integers(numbers: Any) -> Numbers:
    """Integers, or texts of digits, as an array; null is 0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    integers = pc.cast(numbers, pa.int64())
    values = _values(integers, np.int64)
    return np.where(_valid(integers), values, 0) if integers.null_count else values


def to_floats(numbers: Any, null: float) -> npt.NDArray[np.float64]:
    """Numbers, or texts of numbers, as an array; null becomes the argument `null`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    floats = pc.cast(numbers, pa.float64())
    values = _values(floats, np.float64)
    return np.where(_valid(floats), values, null) if floats.null_count else values


def texts(values: Sequence[str]) -> Any:
    """An Arrow array of strings."""
    import pyarrow as pa

    encoded = [value.encode() for value in values]
    offsets = np.cumsum([0, *(len(one) for one in encoded)], dtype=np.int32)
    buffers = [pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.StringArray.from_buffers(len(encoded), *buffers)


def trimmed(texts: Any) -> Any:
    """Strings without white space at their ends; not copied if none has any."""
    import pyarrow.compute as pc

    return texts if _have_visible_ends(texts) else pc.utf8_trim_whitespace(texts)


def _have_visible_ends(texts: Any) -> bool:
    """Whether all strings begin and end with visible characters of ASCII."""
    if not len(texts) or texts.null_count:
        return False
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)
    offsets = offsets[texts.offset : texts.offset + len(texts) + 1]
    if (offsets[1:] == offsets[:-1]).any():
        return False
    content = np.frombuffer(texts.buffers()[2], dtype=np.uint8)
    ends = (content.take(offsets[:-1]), content.take(offsets[1:] - 1))
    return all(bool(((end > BLANK) & (end < DELETE)).all()) for end in ends)


def text(value: str) -> Any:
    """An Arrow string."""
    return texts([value])[0]


def floats(values: npt.NDArray[np.float64]) -> Any:
    """An Arrow array of numbers; NaN is null."""
    import pyarrow as pa

    present = np.packbits(~np.isnan(values), bitorder="little")
    buffers = [pa.py_buffer(present), pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.float64(), len(values), buffers)


def indices(places: Numbers) -> Any:
    """An Arrow array of integers, such as the places of some rows."""
    import pyarrow as pa

    buffers = [None, pa.py_buffer(np.ascontiguousarray(places, dtype=np.int64))]
    return pa.Array.from_buffers(pa.int64(), len(places), buffers)


def moments(times: Times) -> Any:
    """An Arrow array of timestamps in UTC."""
    import pyarrow as pa

    buffers = [None, pa.py_buffer(np.ascontiguousarray(times).view(np.int64))]
    return pa.Array.from_buffers(pa.timestamp("us", tz="UTC"), len(times), buffers)


def settings_to_metadata(channel: dict[str, Any]) -> dict[str, str]:
    """A channel's settings as the metadata of an Arrow field."""
    given = {"missing": channel["missing"], "angular": channel["angular"]}
    metadata = {name: json.dumps(value) for name, value in given.items() if value}
    limits = {name: channel.get(name) for name in ("minimum", "maximum")}
    metadata |= {name: json.dumps(limit) for name, limit in limits.items() if limit is not None}
    return metadata | ({"unit": channel["unit"]} if channel["unit"] else {})


def settings_from_metadata(metadata: dict[bytes, bytes] | None) -> dict[str, Any]:
    """The settings that `settings_to_metadata` wrote; entries that cannot be read are ignored."""
    found: dict[str, Any] = {}
    for name, value in (metadata or {}).items():
        try:
            if name == b"unit":
                found["unit"] = value.decode()
            elif name in (b"missing", b"angular", b"minimum", b"maximum"):
                found[name.decode()] = json.loads(value)
        except (ValueError, RecursionError):
            continue
    return found


def _valid(array: Any) -> Mask:
    import pyarrow.compute as pc

    return to_mask(pc.is_valid(array))


def _values(array: Any, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array's numbers without a copy; the values of nulls are undefined."""
    values = np.frombuffer(array.buffers()[1], dtype=dtype)
    return values[array.offset : array.offset + len(array)]
