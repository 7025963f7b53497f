"""Encode observations as JSON, CSV, Arrow and Parquet, while they are read."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.pagination import encode_cursor
from app.parsing import arrow
from app.parsing.names import cell_of_name
from app.series.channels import ChannelList
from app.series.observation_schemas import Form
from app.series.selection import Observations
from models.arrays import Times, Values

PIECE_ROWS = 20_000
MEDIA_TYPES: dict[Form, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
FILE_EXTENSIONS: dict[Form, str] = {"csv": "csv", "arrow": "arrows", "parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class SeriesMetadata:
    """The description of a series in a file: its channels and settings."""

    channels: ChannelList
    series: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """The columns after the time."""
        return [channel["name"] for channel in self.channels]


def as_json(metadata: SeriesMetadata, found: Observations, *, limit: int | None) -> str:
    """Columns, rows and the cursor of the next page; `found` has one more row if there is one."""
    more = limit is not None and len(found) > limit
    times, values = found.times[:limit], found.values[:limit]
    next_page = encode_cursor(int(times[-1].astype(np.int64))) if more else None
    content = {
        "columns": ["time", *metadata.names],
        "rows": wire_rows(times, values),
        "revision": metadata.series["revision"],
        "next": next_page,
    }
    return json.dumps(content, separators=(",", ":"), allow_nan=False)


def wire_rows(times: Times, values: Values) -> list[list[Any]]:
    """Rows of a time and its values; a missing value is None."""
    rows = np.empty((len(times), 1 + values.shape[1]), dtype=object)
    rows[:, 0] = wire_times(times)
    rows[:, 1:] = values
    rows[:, 1:][np.isnan(values)] = None
    listed: list[list[Any]] = rows.tolist()
    return listed


def as_csv(metadata: SeriesMetadata, pieces: Iterator[Observations]) -> Iterator[bytes]:
    """Lines of `time,channel,...`; a missing value is an empty field."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    header = io.StringIO()
    names = [cell_of_name(name) for name in metadata.names]
    csv.writer(header, lineterminator="\n").writerow(["time", *names])
    yield header.getvalue().encode()
    # Times and numbers contain nothing that would need quotes.
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="none")
    for piece in pieces:
        for start in range(0, len(piece), PIECE_ROWS):
            part = piece.where(slice(start, start + PIECE_ROWS))
            columns = [arrow.texts(wire_times(part.times)), *map(arrow.floats, part.values.T)]
            target = io.BytesIO()
            table = pa.table(columns, names=["time", *metadata.names])
            arrow_csv.write_csv(table, target, options)
            yield target.getvalue()


def as_arrow(metadata: SeriesMetadata, pieces: Iterator[Observations]) -> Iterator[bytes]:
    """An Arrow IPC stream; missing values are null."""
    import pyarrow as pa

    return _written(metadata, pieces, pa.ipc.new_stream)


def as_parquet(metadata: SeriesMetadata, pieces: Iterator[Observations]) -> Iterator[bytes]:
    """A Parquet file with a row group for each piece; missing values are null."""
    import pyarrow.parquet as pq

    return _written(metadata, pieces, pq.ParquetWriter)


def wire_times(times: Times) -> list[str]:
    """ISO 8601 with `Z`, and with a fraction only where it is not zero."""
    seconds = times.astype("datetime64[s]")
    if (seconds == times).all():
        return [f"{text}Z" for text in np.datetime_as_string(seconds).tolist()]
    texts = np.datetime_as_string(times).tolist()
    return [f"{text.removesuffix('.000000')}Z" for text in texts]


def _written(
    metadata: SeriesMetadata, pieces: Iterator[Observations], opened: Callable[..., Any]
) -> Iterator[bytes]:
    schema = _schema(metadata)
    sink = _Sink()
    with opened(sink, schema) as writer:
        for piece in pieces:
            if len(piece):
                writer.write_table(_table(piece, schema))
                yield sink.taken()
    yield sink.taken()


def _schema(metadata: SeriesMetadata) -> Any:
    import pyarrow as pa

    fields = [
        pa.field(channel["name"], pa.float64(), metadata=arrow.settings_to_metadata(channel))
        for channel in metadata.channels
    ]
    time = pa.field("time", pa.timestamp("us", tz="UTC"))
    return pa.schema([time, *fields], metadata={arrow.SERIES: json.dumps(metadata.series)})


def _table(found: Observations, schema: Any) -> Any:
    import pyarrow as pa

    columns = [arrow.moments(found.times), *map(arrow.floats, found.values.T)]
    return pa.Table.from_arrays(columns, schema=schema)


class _Sink(io.RawIOBase):
    """A file whose content is read while it is written."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        piece = bytes(content)
        self._pieces.append(piece)
        self._written_bytes += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._written_bytes

    def taken(self) -> bytes:
        """The content that was written since the last call."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


WRITERS: dict[Form, Callable[[SeriesMetadata, Iterator[Observations]], Iterator[bytes]]] = {
    "csv": as_csv,
    "arrow": as_arrow,
    "parquet": as_parquet,
}
