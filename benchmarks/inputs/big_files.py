"""CSV files of any size, such as a station with 14 sensors writes them every ten minutes."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from app.parsing import arrow

CHANNELS = 14
PIECE_ROWS = 200_000
BEGIN = np.datetime64("1900-01-01T00:00:00", "s")
STEP = np.timedelta64(60, "s")


def write_csv(path: Path, size_bytes: int) -> int:
    """Write rows of one minute each until the file has `size_bytes`; returns their number."""
    generator = np.random.default_rng(0)
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="none")
    names = ["time", *(f"c{number}" for number in range(CHANNELS))]
    rows = 0
    with path.open("wb") as file:
        file.write(f"{','.join(names)}\n".encode())
        while file.tell() < size_bytes:
            moments = BEGIN + (rows + np.arange(PIECE_ROWS)) * STEP
            texts = arrow.texts(np.datetime_as_string(moments).tolist())
            noise = generator.integers(-9000, 9000, (CHANNELS, PIECE_ROWS)) / 100
            table = pa.table([texts, *(arrow.floats(column) for column in noise)], names=names)
            arrow_csv.write_csv(table, file, options)
            rows += PIECE_ROWS
    return rows
