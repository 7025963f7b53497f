"""Read Parquet and Arrow files as columns: times as text, numbers unchanged."""

import struct
from typing import IO, Any

import numpy as np

from app.parsing import arrow
from app.parsing.errors import DamagedFile, FileTooLarge, NotATable
from app.parsing.findings import Findings
from app.parsing.lines import MOST_LINES, Lines, RowTexts
from app.parsing.names import clean_name
from app.parsing.sources.arrow_messages import unpacked_bytes
from app.parsing.sources.layout import MOST_FIELDS, Layout, sample_rows, usual_kinds
from app.parsing.times.column_names import is_time_name

PARQUET, ARROW_FILE, ARROW_STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
FORMATS = {PARQUET: "parquet", ARROW_FILE: "arrow", ARROW_STREAM: "arrow"}
ARROW_FILE_HEADER_BYTES = 8
VALUE_BYTES = 8
NUMBER_TYPES = ("integer", "floating", "decimal")
TEXT_TYPES = ("date", "time", "string", "large_string", "null")


def format_of(head: bytes) -> str | None:
    """`parquet` or `arrow`, by a file's first bytes; None for any other format."""
    return next((name for magic, name in FORMATS.items() if head.startswith(magic)), None)


def read_arrow(
    file: IO[bytes], file_format: str, findings: Findings, *, limit_bytes: int
) -> tuple[Layout, list[Any]]:
    """The columns of a Parquet file, an Arrow file or an Arrow stream.

    Raises:
        FileTooLarge: If it would take more memory than the limit once unpacked.
        DamagedFile: If it is damaged.
        NotATable: If it has no row or no flat column.
    """
    import pyarrow as pa

    file.seek(0)
    content = pa.py_buffer(file.read())
    read = _from_parquet if file_format == "parquet" else _from_messages
    try:
        table = read(content, limit_bytes)
        table.validate(full=True)
        columns = [
            _plain(name, column, limit_bytes)
            for name, column in zip(table.column_names, table.columns, strict=True)
        ]
    except pa.ArrowMemoryError:
        # It is an ArrowException, but says nothing about the file.
        raise
    except (pa.ArrowException, OSError, ValueError, IndexError, struct.error) as error:
        message = str(error).splitlines()[0][:200] if str(error) else "no reason given"
        raise DamagedFile(f"The file is a damaged {file_format} file: {message}") from error
    return _layout(table.schema, columns, findings)


def _from_parquet(content: Any, limit_bytes: int) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    opened = pq.ParquetFile(pa.BufferReader(content))
    metadata, schema = opened.metadata, opened.schema_arrow
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    unpacked = sum(group.total_byte_size for group in groups)
    rows = max(metadata.num_rows, sum(group.num_rows for group in groups))
    _require_size(rows, metadata.num_columns, unpacked, limit_bytes)
    # Texts are read as a dictionary, which stores a long text that is on all rows once.
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    flat = [field.name for field in schema if not pa.types.is_nested(field.type)]
    # `pq.read_table` would import pandas.
    opened = pq.ParquetFile(pa.BufferReader(content), read_dictionary=texts)
    if not groups:
        return opened.read(columns=flat, use_threads=False)
    tables: list[Any] = []
    unpacked = 0
    for number in range(len(groups)):
        tables.append(opened.read_row_group(number, columns=flat, use_threads=False))
        # The sizes above are what the file says; these are those of what was unpacked.
        unpacked += tables[-1].nbytes
        _require_size(0, 0, unpacked, limit_bytes)
    return pa.concat_tables(tables)


def _from_messages(content: Any, limit_bytes: int) -> Any:
    """The batches one by one; the size of each is checked before it is unpacked."""
    import pyarrow as pa

    is_file = content[: len(ARROW_FILE)].to_pybytes() == ARROW_FILE
    stream = content.slice(ARROW_FILE_HEADER_BYTES) if is_file else content
    unpacked = 0
    for message in pa.ipc.MessageReader.open_stream(pa.BufferReader(stream)):
        unpacked += unpacked_bytes(message)
        _require_size(0, 0, unpacked, limit_bytes)
    table = pa.ipc.open_stream(pa.BufferReader(stream)).read_all()
    _require_size(table.num_rows, table.num_columns, unpacked, limit_bytes)
    return table


def _require_size(rows: int, columns: int, unpacked_bytes: int, limit_bytes: int) -> None:
    if columns > MOST_FIELDS or rows > MOST_LINES:
        raise FileTooLarge(
            f"The file must have at most {MOST_FIELDS} columns and {MOST_LINES} rows. "
            f"Received: {columns} columns and {rows} rows"
        )
    if max(unpacked_bytes, rows * columns * VALUE_BYTES) > limit_bytes:
        raise FileTooLarge(f"The file must be at most {limit_bytes} bytes long once unpacked.")


def _plain(name: str, column: Any, limit_bytes: int) -> Any:
    """A column as texts or as numbers; None if it holds neither."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, types = column.type, pa.types
    if types.is_dictionary(kind):
        _require_texts(column, limit_bytes)
        return _plain(name, pc.cast(column, kind.value_type), limit_bytes)
    if types.is_timestamp(kind):
        # The type's time zone is for display only: the stored times are UTC.
        shown = pa.timestamp("us", tz="UTC" if kind.tz else None)
        return _texts(pc.cast(column, shown, safe=False))
    if types.is_boolean(kind):
        return _floats(pc.cast(column, pa.uint8()))
    if _is_any(kind, TEXT_TYPES) or (types.is_integer(kind) and is_time_name(name)):
        return _texts(column)
    return _floats(column) if _is_any(kind, NUMBER_TYPES) else None


def _is_any(kind: Any, names: tuple[str, ...]) -> bool:
    import pyarrow as pa

    return any(getattr(pa.types, f"is_{name}")(kind) for name in names)


def _require_texts(column: Any, limit_bytes: int) -> None:
    """Refuse a dictionary whose texts would exceed the limit once each row has its own copy."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for chunk in column.chunks if pa.types.is_string(column.type.value_type) else ():
        lengths = pc.binary_length(chunk.dictionary)
        needed = pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0
        _require_size(0, 0, needed, limit_bytes)


def _texts(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return _whole(pc.coalesce(pc.cast(column, pa.string()), arrow.text("")))


def _floats(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return _whole(pc.cast(column, pa.float64(), safe=False))


def _whole(column: Any) -> Any:
    """One array of all chunks."""
    import pyarrow as pa

    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def _layout(schema: Any, columns: list[Any], findings: Findings) -> tuple[Layout, list[Any]]:
    names = schema.names
    left_out = [name for name, column in zip(names, columns, strict=True) if column is None]
    if left_out:
        message = (
            f"Columns that hold neither numbers nor texts were left out: {', '.join(left_out)}."
        )
        findings.report("other_columns", message, len(left_out))
    fields = [one for one, column in zip(schema, columns, strict=True) if column is not None]
    kept = [column for column in columns if column is not None]
    if not kept or not len(kept[0]):
        raise NotATable("The file has no rows, or no column of numbers or texts.")
    rows = len(kept[0])
    sample = [_row(kept, n) for n in range(min(rows, sample_rows(len(kept))))]
    # Names in files that the service wrote are used unchanged.
    is_ours = arrow.SERIES in (schema.metadata or {})
    layout = Layout(
        names=tuple(one.name if is_ours else clean_name(one.name) for one in fields),
        header_lines=1,
        kinds=usual_kinds(sample, len(kept)),
        body=Lines(RowTexts(kept, np.arange(rows)), np.arange(1, rows + 1)),
        rows_read=rows,
        settings={
            number: arrow.settings_from_metadata(one.metadata) for number, one in enumerate(fields)
        },
    )
    return layout, kept


def _row(columns: list[Any], row: int) -> list[str]:
    cells = (column[row].as_py() for column in columns)
    return ["" if cell is None else str(cell) for cell in cells]
