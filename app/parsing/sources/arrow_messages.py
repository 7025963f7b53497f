"""Find the size of an Arrow message once unpacked, from its header and before it is unpacked.

The header is a flatbuffer: https://arrow.apache.org/docs/format/Columnar.html (Message.fbs).
"""

import struct
from typing import Any

DICTIONARY_BATCH, RECORD_BATCH = 2, 3
_HEADER_TYPE, _HEADER = 1, 2
_DICTIONARY_DATA = 1
_BUFFERS, _COMPRESSION = 2, 3
_BUFFER_BYTES = 16
_PREFIX_BYTES = 8


def unpacked_bytes(message: Any) -> int:
    """The size of a message's buffers; a compressed buffer begins with its unpacked size."""
    head, body = message.metadata.to_pybytes(), message.body
    root = struct.unpack_from("<I", head, 0)[0]
    kind = _field(head, root, _HEADER_TYPE)
    header = _field(head, root, _HEADER)
    if kind is None or header is None or head[kind] not in (DICTIONARY_BATCH, RECORD_BATCH):
        return 0
    batch = _follow(head, header)
    if head[kind] == DICTIONARY_BATCH:
        data = _field(head, batch, _DICTIONARY_DATA)
        if data is None:
            return 0
        batch = _follow(head, data)
    if body is None or _field(head, batch, _COMPRESSION) is None:
        return body.size if body is not None else 0
    return sum(_unpacked(body, offset, length) for offset, length in _buffers(head, batch))


def _unpacked(body: Any, offset: int, length: int) -> int:
    if length < _PREFIX_BYTES or offset < 0 or offset + length > body.size:
        return 0
    size = struct.unpack("<q", body.slice(offset, _PREFIX_BYTES).to_pybytes())[0]
    return int(size) if size >= 0 else length


def _buffers(head: bytes, batch: int) -> list[tuple[int, int]]:
    field = _field(head, batch, _BUFFERS)
    if field is None:
        return []
    vector = _follow(head, field)
    count = struct.unpack_from("<I", head, vector)[0]
    return [
        struct.unpack_from("<qq", head, vector + 4 + number * _BUFFER_BYTES)
        for number in range(count)
    ]


def _field(head: bytes, table: int, number: int) -> int | None:
    """The position of a field of a flatbuffer table; None if the table does not have it."""
    vtable = table - struct.unpack_from("<i", head, table)[0]
    size = struct.unpack_from("<H", head, vtable)[0]
    entry = 4 + 2 * number
    offset = struct.unpack_from("<H", head, vtable + entry)[0] if entry < size else 0
    return table + offset if offset else None


def _follow(head: bytes, place: int) -> int:
    return int(place + struct.unpack_from("<I", head, place)[0])
