"""Rows of single cells, as of a sheet or of arrays in JSON: find their header and columns."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from app.parsing.errors import DamagedFile, FileTooLarge, MissingColumns, NotATable
from app.parsing.findings import Findings
from app.parsing.lines import MOST_LINES, LineTexts, TextLines
from app.parsing.options import ReadOptions
from app.parsing.reading_record import ReadingRecord
from app.parsing.sources.delimiters import to_columns
from app.parsing.sources.layout import MOST_FIELDS, Layout, find_layout

DELIMITER = "\t"
BREAKS = str.maketrans(dict.fromkeys("\t\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029", " "))


def read_cells(
    rows: Iterable[tuple[int, list[str]]],
    options: ReadOptions,
    findings: Findings,
    record: ReadingRecord,
    *,
    limit_bytes: int,
) -> tuple[Layout, list[Any]]:
    """The table in rows of cells, each with its number in the file; all have the same length.

    Raises:
        FileTooLarge: If they are too many, or take more memory than the limit.
        NotATable: If there is no row.
    """
    texts, numbers, size = [], [], 0
    for number, cells in rows:
        text = DELIMITER.join(map(_field, cells))
        size += len(text)
        texts.append(text)
        numbers.append(number)
        if size > limit_bytes or len(texts) > MOST_LINES or len(cells) > MOST_FIELDS:
            raise FileTooLarge(
                f"The file must have at most {MOST_LINES} rows of {MOST_FIELDS} columns and be at "
                f"most {limit_bytes} bytes long once unpacked."
            )
    if not texts:
        raise NotATable("The file has no rows.")
    if options.start is None and not any(DELIMITER in text for text in texts):
        raise MissingColumns(
            "The table has one column and not a time. Say when its rows are with `start=` and "
            "`cadence=`, such as start=2024-01-01 and cadence=1h."
        )
    lines = TextLines(LineTexts.of_lines(texts), np.array(numbers, dtype=np.int64))
    record.lines = list(lines.slice(0, record.MOST_LINES).examples())
    # Corrected rows of the file are sent as text with this delimiter.
    record.dialect["delimiter"] = DELIMITER
    single = options.start is not None
    layout = find_layout(lines, DELIMITER, options.header, findings, single_column=single)
    record.dialect["header_lines"] = layout.header_lines
    return layout, to_columns(layout.body, DELIMITER, len(layout.names))


def _field(cell: str) -> str:
    """A cell on one line, quoted where it holds a quote."""
    if not cell.isascii() and not _is_whole(cell):
        raise DamagedFile(
            f"A cell holds half a character (a lone surrogate): {cell.encode(errors='replace')!r}"
        )
    cell = cell.translate(BREAKS).strip()
    return '"' + cell.replace('"', '""') + '"' if '"' in cell else cell


def _is_whole(cell: str) -> bool:
    """Whether a text can be stored, which one with half a surrogate pair cannot."""
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True
