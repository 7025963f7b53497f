"""Observations on the wire: JSON, CSV and Arrow."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from app.pagination import encode_cursor
from app.series import arrow
from app.series.observations import Observations
from models.series import Times, Values

PIECE_ROWS = 20_000
ARROW_STREAM = "application/vnd.apache.arrow.stream"


def as_json(found: Observations, *, limit: int | None) -> str:
    """Columns, rows and the cursor of the next page; `found` has one row more if there is one."""
    more = limit is not None and len(found.times) > limit
    times, values = found.times[:limit], found.values[:limit]
    next_page = encode_cursor(int(times[-1].astype(np.int64))) if more else None
    content = {
        "columns": ["time", *found.channels],
        "rows": wire_rows(times, values),
        "revision": found.revision,
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


def as_csv(found: Observations) -> Iterator[bytes]:
    """Lines of `time,channel,...`, piece by piece; a missing value is an empty field."""
    import pyarrow.csv as arrow_csv

    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(["time", *found.channels])
    yield header.getvalue().encode()
    # Times and numbers hold nothing that would need quotes.
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="none")
    for start in range(0, len(found.times), PIECE_ROWS):
        part = slice(start, start + PIECE_ROWS)
        target = io.BytesIO()
        arrow_csv.write_csv(
            _table(found, arrow.texts(wire_times(found.times[part])), part), target, options
        )
        yield target.getvalue()


def as_arrow(found: Observations) -> bytes:
    """An Arrow IPC stream; missing values are null."""
    import pyarrow as pa

    table = _table(found, arrow.moments(found.times), slice(None))
    target = io.BytesIO()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    return target.getvalue()


def wire_times(times: Times) -> list[str]:
    """ISO 8601 with `Z`, with a fraction only where there is one."""
    seconds = times.astype("datetime64[s]")
    if (seconds == times).all():
        return [f"{text}Z" for text in np.datetime_as_string(seconds).tolist()]
    texts = np.datetime_as_string(times).tolist()
    return [f"{text.removesuffix('.000000')}Z" for text in texts]


def _table(found: Observations, times: Any, part: slice) -> Any:
    import pyarrow as pa

    columns = [arrow.floats(column[part]) for column in found.values.T]
    return pa.table([times, *columns], names=["time", *found.channels])
