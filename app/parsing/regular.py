"""Read very large CSV files in pieces, provided that they are regular.

A file is regular if every row has the same number of fields, every time is valid in exactly one
format on all rows, and every field of a channel is a plain number or a word for a missing value.
Any other file (quotes in its rows, comments, decimal commas, rows to quarantine, two-digit years,
...) is left to the reader of whole files, so that both readers give the same result.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import IO, Any

import numpy as np

from app.parsing.arrow import texts
from app.parsing.clocks.file_clock import zone_column
from app.parsing.clocks.interval_columns import LONGEST_STEP
from app.parsing.columns import ChosenColumns, choose_columns, column_names
from app.parsing.errors import UnreadableFile
from app.parsing.findings import Findings
from app.parsing.keys.evidence import LEAST_CHANGES_SHARE
from app.parsing.keys.several_series import SYMBOL_NAME
from app.parsing.keys.steps import TOLERANCE
from app.parsing.lines import Lines
from app.parsing.mixed_columns import require_unmixed
from app.parsing.options import ReadOptions
from app.parsing.pieces import Irregular, PieceReader
from app.parsing.reading_record import ReadingRecord
from app.parsing.sources import arrow_files
from app.parsing.sources.clock_columns import clock_columns, cover_a_day
from app.parsing.sources.delimiters import WHITESPACE, split_fields
from app.parsing.sources.grids import is_plain, split_text
from app.parsing.sources.layout import Layout, find_layout, sample_rows
from app.parsing.sources.unpacking import CONTROL_CHARACTERS, HEAD_BYTES, MARKUP
from app.parsing.sources.year_tables import month_columns
from app.parsing.times.column_names import is_time_name
from app.parsing.times.fields import Integers
from app.parsing.times.guesses import guess_epoch
from app.parsing.times.texts import Column
from app.parsing.times.timestamps import Moments, read_moments
from app.parsing.values.cells import CellKind
from app.parsing.values.matrix import Matrix

FIRST_BYTES = 1024 * 1024
PIECE_BYTES = 8 * 1024 * 1024
# The delimiter is detected in this many lines.
LEAST_LINES = 600
# Repetitions, or unusual steps, that a file of one series may have.
MOST_REPEATED_SHARE = 0.1
MOST_JUMPS_SHARE = 0.02
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class RegularFile:
    """A regular file: its layout, its columns in use, and the numbers of all rows.

    `matrix` is in a temporary file, with one row for each channel.
    """

    layout: Layout
    chosen: ChosenColumns
    moments: Moments
    matrix: Matrix

    def require_one_series(self, times: Integers) -> None:
        """Refuse a file whose rows may be of several series.

        Raises:
            Irregular: If times repeat or jump, and another column may name the series of a row.
        """
        repeated = int((np.diff(np.sort(times)) == 0).sum())
        texts = [n for n, kind in enumerate(self.layout.kinds) if kind == CellKind.TEXT]
        reason = None
        if repeated and (texts or repeated > MOST_REPEATED_SHARE * len(times)):
            reason = f"{repeated} rows have the time of another row"
        elif texts and not self.chosen.asked and _jumps(times):
            reason = "its times jump: give `split=` or `columns=` if it has several series"
        if reason:
            self.matrix.close()
            raise Irregular(reason)


def _jumps(times: Integers) -> bool:
    """Whether time goes back, or more than a few steps are unusual."""
    steps = np.diff(times)
    usual = np.median(steps)
    is_unusual = np.abs(steps - usual) > TOLERANCE * abs(usual)
    return bool((np.sign(steps) != np.sign(usual)).any() or is_unusual.mean() > MOST_JUMPS_SHARE)


def read_regular(
    content: IO[bytes],
    options: ReadOptions,
    findings: Findings,
    record: ReadingRecord,
    report_progress: Callable[[float], None],
) -> RegularFile:
    """Read a regular file in pieces; `report_progress` is called with the share that is read.

    Raises:
        Irregular: If it is not regular.
    """
    head = _head(content)
    if options.start or options.cadence or options.wide or options.sheet:
        raise Irregular("`start`, `cadence`, `wide` and `sheet` need the whole file")
    try:
        layout, chosen, delimiter = _first_rows(head, options, findings, record)
    except UnreadableFile as error:
        raise Irregular(error.detail) from error
    start = _offset(head, int(layout.body.numbers[0]))
    size = content.seek(0, 2)
    reader = PieceReader(layout, chosen, delimiter, options, size - start)
    offsets, row_counts = [start], [0]
    try:
        for piece in _pieces(content, start):
            reader.add(piece)
            offsets.append(offsets[-1] + len(piece))
            row_counts.append(reader.rows)
            report_progress(offsets[-1] / size)
        moments = reader.moments()
    except BaseException:
        reader.matrix.close()
        raise
    numbers = np.arange(reader.rows) + int(layout.body.numbers[0])
    body = Lines(FileTexts(content, offsets, row_counts), numbers)
    whole = replace(layout, body=body, rows_read=len(body))
    return RegularFile(whole, chosen, moments, reader.matrix)


def _head(content: IO[bytes]) -> bytes:
    content.seek(0)
    head = content.read(FIRST_BYTES)
    if len(head) == FIRST_BYTES:
        head = head[: head.rfind(b"\n") + 1]
        if head.count(b"\n") < LEAST_LINES:
            raise Irregular("its lines are very long")
    if arrow_files.format_of(head) is not None:
        raise Irregular("it is not CSV")
    return head


def _first_rows(
    head: bytes, options: ReadOptions, findings: Findings, record: ReadingRecord
) -> tuple[Layout, ChosenColumns, str]:
    """The layout, the columns in use and the delimiter, from the first lines."""
    text = _text(head.removeprefix(BYTE_ORDER_MARK))
    record.dialect |= {"format": "csv", "encoding": "utf-8"}
    lines, delimiter = split_text(text, options, findings, record)
    if delimiter == WHITESPACE or options.decimal == ",":
        raise Irregular("its fields are separated by blanks, or its decimal separator is a comma")
    layout = find_layout(lines, delimiter, options.header, findings)
    if findings.rejected or any(issue.code != "preamble" for issue in findings.issues):
        raise Irregular("there are comments, blank or broken rows among the first ones")
    layout = replace(layout, names=column_names(layout, options, findings))
    record.dialect["header_lines"] = layout.header_lines
    count = sample_rows(len(layout.names))
    rows = [split_fields(text, delimiter) for text in layout.body.texts[:count]]
    require_unmixed(layout, rows, options)
    if month_columns(layout, rows, record.lines[0].text):
        raise Irregular("its columns are months")
    if options.wide is None and cover_a_day(list(clock_columns(layout.names).values())):
        raise Irregular("its columns are the times of a day")
    if options.period:
        raise Irregular("its times are numbers of periods")
    chosen = choose_columns(layout, rows, options)
    _require_plain_columns(layout, chosen, rows[0])
    _require_one_time(chosen, rows[0])
    _require_steady_texts(layout, chosen, rows)
    if zone_column(layout.names, layout.kinds, rows, chosen) is not None:
        raise Irregular("a column names the clock of each row")
    return layout, chosen, delimiter


def _require_plain_columns(layout: Layout, chosen: ChosenColumns, first_row: list[str]) -> None:
    for number in chosen.channels if not chosen.asked else ():
        if is_time_name(layout.names[number]) and guess_epoch(first_row[number]):
            raise Irregular("two columns may hold the time")
    for name, kind in zip(layout.names, layout.kinds, strict=True):
        if kind == CellKind.TEXT and SYMBOL_NAME.fullmatch(name.lower()):
            raise Irregular("a column holds symbols")


def _require_one_time(chosen: ChosenColumns, first_row: list[str]) -> None:
    """Refuse a column of seconds since 1970 near the time: it may end the row's interval."""
    epochs = [first_row[number] for number in chosen.channels if guess_epoch(first_row[number])]
    if chosen.asked or not epochs:
        return
    time = " ".join(first_row[number] for number in chosen.time)
    try:
        moments = [read_moments(Column(texts([text])), None) for text in (time, *epochs)]
    except UnreadableFile as error:
        raise Irregular("its time may be read in two ways, and so may another column") from error
    times = np.array([int(one.times[0]) for one in moments])
    if (np.abs(times[1:] - times[0]) <= LONGEST_STEP).any():
        raise Irregular("a column may be the end of each row's interval")


def _require_steady_texts(layout: Layout, chosen: ChosenColumns, rows: list[list[str]]) -> None:
    """Refuse a column of texts that change often: they may name series that come in turn."""
    for number, kind in enumerate(layout.kinds if not chosen.asked else ()):
        cells = [row[number] for row in rows]
        changes = sum(one != other for one, other in pairwise(cells))
        if kind == CellKind.TEXT and changes > LEAST_CHANGES_SHARE * len(cells):
            raise Irregular("a text changes often: name the channels with `columns=`")


def _text(content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise Irregular("it is not written in UTF-8") from error
    foreign = (CONTROL_CHARACTERS.search(text, 0, HEAD_BYTES), MARKUP.match(text))
    if any(foreign) or not is_plain(text) or not text.strip():
        raise Irregular("it is not CSV")
    return text


def _offset(head: bytes, line: int) -> int:
    """The byte at which a line begins; lines are counted from 1."""
    if head.count(b"\r") != head.count(b"\r\n"):
        raise Irregular("lines end in carriage returns")
    place = 0
    for _ in range(line - 1):
        place = head.index(b"\n", place) + 1
    return place


def _pieces(content: IO[bytes], start: int) -> Iterator[bytes]:
    """The rows in pieces of whole lines, without blank lines at the end."""
    content.seek(start)
    rest = b""
    while new := content.read(PIECE_BYTES):
        piece = rest + new
        end = piece.rfind(b"\n") + 1
        # Blank lines are passed on with the next piece, unless they are the file's last.
        while end > 1 and piece[end - 2 : end - 1] in b"\r\n":
            end = piece.rfind(b"\n", 0, end - 1) + 1
        rest = piece[end:]
        if len(rest) > PIECE_BYTES:
            raise Irregular("its lines are very long")
        if end:
            yield piece[:end]
    if rest.strip():
        yield rest


class FileTexts(Sequence[str]):
    """The rows of a file as text, read again from the file when a report shows them."""

    def __init__(self, content: IO[bytes], offsets: list[int], rows: list[int]) -> None:
        self._content = content
        self._spans = list(pairwise(offsets))
        self._rows = np.array(rows)

    def __len__(self) -> int:
        return int(self._rows[-1])

    def __getitem__(self, index: Any) -> Any:
        piece = int(np.searchsorted(self._rows, index, side="right")) - 1
        start, end = self._spans[piece]
        self._content.seek(start)
        lines = self._content.read(end - start).split(b"\n")
        return lines[index - int(self._rows[piece])].decode().removesuffix("\r")
