"""Very large CSV files, read in pieces: only those in which nothing at all is irregular.

What the reader proves over a whole file is proven here piece by piece: every row has as many
fields as the first ones, every time is valid in one format and in no other on all rows, every
number is a number as it stands or a word for a missing value. Whatever else a file may hold (quotes
in its rows, comments, decimal commas, rows to keep aside, two-digit years, ...) is left to the
reader of whole files, so that no file is read in two ways.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from app.errors import Invalid
from app.parsing import arrow
from app.parsing.arrow import to_floats, to_mask
from app.parsing.columns import Chosen, choose_columns, column_names
from app.parsing.findings import Findings
from app.parsing.lines import Lines
from app.parsing.options import ReadOptions
from app.parsing.progress import Progress
from app.parsing.several_series import SYMBOL_NAME
from app.parsing.sources import arrow_files, json_rows
from app.parsing.sources.delimiters import WHITESPACE, split_fields
from app.parsing.sources.grids import split_text
from app.parsing.sources.layout import Layout, find_layout, sample_rows
from app.parsing.sources.unpacking import CONTROL_CHARACTERS, HEAD_BYTES, MARKUP
from app.parsing.sources.year_tables import month_columns
from app.parsing.time_columns import joined
from app.parsing.times.column_names import is_time_name
from app.parsing.times.fields import Integers, apply_format
from app.parsing.times.formats import ORDERS, TimeFormat, compile_format
from app.parsing.times.guesses import guess_epoch
from app.parsing.times.texts import Column
from app.parsing.times.timestamps import Moments, guess_any
from app.parsing.values.cells import NULLS, CellKind
from app.parsing.values.matrix import Matrix
from app.parsing.values.numbers import is_point_proven

FIRST_BYTES = 1024 * 1024
PIECE_BYTES = 8 * 1024 * 1024
# As many lines as the separator is looked for in.
LEAST_LINES = 600
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What a row of a regular file does not hold, beside carriage returns of their own.
FOREIGN = {
    b'"': "quotes",
    b"\n#": "comments",
    b"\n%": "comments",
    b"\0": "NUL",
    b"\x1a": "end-of-file signs",
}


class Irregular(Exception):
    """The file has to be read as a whole; the message says why."""


@dataclass(frozen=True, slots=True)
class Regular:
    """A regular file: its layout, its columns in use, and the numbers of all rows.

    `matrix` lies in a temporary file, one row for each of the channels.
    """

    layout: Layout
    chosen: Chosen
    moments: Moments
    matrix: Matrix

    def require_one_series(self, repeated: int) -> None:
        """Leave files whose rows may be of several series to who can tell.

        Raises:
            Irregular: If times are repeated so that another column may tell the rows apart.
        """
        texts = [n for n, kind in enumerate(self.layout.kinds) if kind == CellKind.TEXT]
        if repeated and (texts or repeated > len(self.layout.body) / 3):
            self.matrix.close()
            raise Irregular(f"{repeated} rows have the time of another row")


def read_regular(
    content: IO[bytes],
    options: ReadOptions,
    findings: Findings,
    progress: Progress,
    tell: Callable[[float], None],
) -> Regular:
    """Read a regular file in pieces; `tell` is called with the share that is done.

    Raises:
        Irregular: If it is not regular.
    """
    head = _head(content)
    try:
        layout, chosen, delimiter = _first_rows(head, options, findings, progress)
    except Invalid as error:
        raise Irregular(error.detail) from error
    start = _offset(head, int(layout.body.numbers[0]))
    size = content.seek(0, 2)
    reader = _Reader(layout, chosen, delimiter, options, size - start)
    offsets, row_counts = [start], [0]
    try:
        for piece in _pieces(content, start):
            reader.add(piece)
            offsets.append(offsets[-1] + len(piece))
            row_counts.append(reader.rows)
            tell(offsets[-1] / size)
        moments = reader.moments()
    except BaseException:
        reader.matrix.close()
        raise
    numbers = np.arange(reader.rows) + int(layout.body.numbers[0])
    body = Lines(FileTexts(content, offsets, row_counts), numbers)
    whole = replace(layout, body=body, rows_read=len(body))
    return Regular(whole, chosen, moments, reader.matrix)


def _head(content: IO[bytes]) -> bytes:
    content.seek(0)
    head = content.read(FIRST_BYTES)
    if len(head) == FIRST_BYTES:
        head = head[: head.rfind(b"\n") + 1]
        if head.count(b"\n") < LEAST_LINES:
            raise Irregular("its lines are very long")
    if arrow_files.format_of(head) is not None:
        raise Irregular("it is no CSV")
    return head


def _first_rows(
    head: bytes, options: ReadOptions, findings: Findings, progress: Progress
) -> tuple[Layout, Chosen, str]:
    """What the first lines say of all."""
    text = _text(head.removeprefix(BYTE_ORDER_MARK))
    progress.dialect |= {"format": "csv", "encoding": "utf-8"}
    lines, delimiter = split_text(text, options, findings, progress)
    if delimiter == WHITESPACE or options.decimal == ",":
        raise Irregular("its fields are separated by blanks, or its decimal sign is a comma")
    layout = find_layout(lines, delimiter, options.header, findings)
    if findings.rejected or any(issue.code != "preamble" for issue in findings.issues):
        raise Irregular("there are comments, blank or broken rows among the first ones")
    layout = replace(layout, names=column_names(layout, options, findings))
    progress.dialect["header_lines"] = layout.header_lines
    count = sample_rows(len(layout.names))
    rows = [split_fields(text, delimiter) for text in layout.body.texts[:count]]
    if month_columns(layout, rows, progress.lines[0].text):
        raise Irregular("its columns are months")
    chosen = choose_columns(layout, rows, options)
    _require_plain_columns(layout, chosen, rows[0])
    return layout, chosen, delimiter


def _require_plain_columns(layout: Layout, chosen: Chosen, first_row: list[str]) -> None:
    for number in chosen.channels if not chosen.asked else ():
        if is_time_name(layout.names[number]) and guess_epoch(first_row[number]):
            raise Irregular("two columns may hold the time")
    for name, kind in zip(layout.names, layout.kinds, strict=True):
        if kind == CellKind.TEXT and SYMBOL_NAME.fullmatch(name.lower()):
            raise Irregular("a column holds symbols")


def _text(content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise Irregular("it is not written in UTF-8") from error
    foreign = (CONTROL_CHARACTERS.search(text, 0, HEAD_BYTES), MARKUP.match(text))
    if any(foreign) or json_rows.START.match(text) or not text.strip():
        raise Irregular("it is no CSV")
    return text


def _offset(head: bytes, line: int) -> int:
    """Where a line begins, counted from 1."""
    if head.count(b"\r") != head.count(b"\r\n"):
        raise Irregular("lines end in carriage returns")
    place = 0
    for _ in range(line - 1):
        place = head.index(b"\n", place) + 1
    return place


def _pieces(content: IO[bytes], start: int) -> Iterator[bytes]:
    """The rows in pieces of whole lines; the blank lines at the end are left out."""
    content.seek(start)
    rest = b""
    while new := content.read(PIECE_BYTES):
        piece = rest + new
        end = piece.rfind(b"\n") + 1
        # Blank lines may be the last ones: the next piece tells.
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
    """The rows of a file as text: read again when a report shows them."""

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


class _Reader:
    """Times and numbers of one piece after another."""

    def __init__(
        self,
        layout: Layout,
        chosen: Chosen,
        delimiter: str,
        options: ReadOptions,
        size_bytes: int,
    ) -> None:
        self.rows = 0
        self.matrix = Matrix(len(chosen.channels), size_bytes // len(layout.names) + 1)
        self._layout = layout
        self._chosen = chosen
        self._delimiter = delimiter
        self._options = options
        self._times: dict[TimeFormat, list[Integers]] | None = None
        self._ruled_out: list[TimeFormat] = []
        self._is_point_proven = delimiter == "," or options.decimal is not None

    def add(self, piece: bytes) -> None:
        """Read some whole lines."""
        for mark, what in FOREIGN.items():
            if mark in piece:
                raise Irregular(f"its rows hold {what}")
        if b"\r" in piece:
            piece = piece.replace(b"\r\n", b"\n")
        if b"\r" in piece or piece.startswith((b"#", b"%")):
            raise Irregular("its rows hold comments, or lines end in carriage returns")
        columns = self._columns(piece)
        self._add_times([columns[number] for number in self._chosen.time])
        texts = [columns[number] for number in self._chosen.channels]
        if not self._is_point_proven:
            self._is_point_proven = is_point_proven(texts)
        names = self._chosen.channels.values()
        values = [_numbers(*one) for one in zip(names, texts, strict=True)]
        self.matrix.put(self.rows, values)
        self.rows += len(values[0])

    def moments(self) -> Moments:
        """The times of all rows.

        Raises:
            Irregular: If more than one format reads all of them, or none can tell what a point is.
        """
        if self._times is None or len(self._times) != 1 or not self._is_point_proven:
            raise Irregular("its dates or numbers can be read in two ways")
        ((form, times),) = self._times.items()
        if any(other.order == form.order for other in self._ruled_out):
            raise Irregular("its dates are written in several forms")
        valid = np.ones(self.rows, dtype=bool)
        has_offset = np.full(self.rows, bool({"z", "epoch"} & set(form.directives)))
        return Moments(np.concatenate(times), has_offset, valid, (form.text,))

    def _columns(self, piece: bytes) -> dict[int, Any]:
        """The columns in use as Arrow strings."""
        import pyarrow as pa
        import pyarrow.csv as arrow_csv

        names = [str(number) for number in range(len(self._layout.names))]
        used = [str(number) for number in (*self._chosen.time, *self._chosen.channels)]
        try:
            table = arrow_csv.read_csv(
                pa.py_buffer(piece),
                read_options=arrow_csv.ReadOptions(
                    column_names=names, block_size=3 * PIECE_BYTES, use_threads=False
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=self._delimiter, ignore_empty_lines=False, quote_char=False
                ),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=used, column_types=dict.fromkeys(used, pa.string())
                ),
            )
        except pa.ArrowInvalid as error:
            raise Irregular(f"behind row {self.rows}: {error}") from error
        if len(table) != piece.count(b"\n") + (not piece.endswith(b"\n")):
            raise Irregular("its lines cannot be told apart")
        return {int(name): table[name].combine_chunks() for name in used}

    def _add_times(self, columns: list[Any]) -> None:
        column = Column(self._joined(columns))
        if self._times is None:
            self._times = {form: [] for form in self._formats(column.text(0))}
        for form in list(self._times):
            reading = apply_format(column, form)
            if reading.valid.all():
                self._times[form].append(reading.times)
            else:
                del self._times[form]
                self._ruled_out.append(form)
        if not self._times:
            raise Irregular(f"not all times behind row {self.rows} are written in one form")

    def _joined(self, columns: list[Any]) -> Any:
        import pyarrow.compute as pc

        for column in columns[1:]:
            if pc.any(pc.match_substring_regex(column, r"^\s*\d{1,6}\s*$")).as_py():
                raise Irregular("its clocks have no colons")
        return joined(columns, pad=False)

    def _formats(self, text: str) -> list[TimeFormat]:
        """The formats that the first time may be written in."""
        asked = self._options.timestamp_format or self._chosen.time_format
        if asked is not None and asked not in ORDERS:
            return [compile_format(asked)]
        found = guess_any(text)
        if asked is not None:
            found = [form for form in found if form.order == ORDERS[asked]][:1] or found[:1]
        if any("y" in form.directives for form in found):
            raise Irregular("its years have two digits")
        return found


def _numbers(name: str, texts: Any) -> npt.NDArray[np.float64]:
    """A piece of a channel; words for missing values are NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        try:
            values = to_floats(texts, np.nan)
        except pa.ArrowInvalid:
            texts = pc.utf8_trim_whitespace(texts)
            present = pc.if_else(_is_missing(texts), pa.nulls(1, pa.string())[0], texts)
            values = to_floats(present, np.nan)
    except pa.ArrowInvalid as error:
        raise Irregular(f"the channel {name!r} has fields that are no plain numbers") from error
    not_finite = ~np.isfinite(values)
    if not_finite.any() and (
        np.isinf(values).any() or not to_mask(_is_missing(texts))[not_finite].all()
    ):
        raise Irregular(f"the channel {name!r} has numbers that are not finite")
    return values


def _is_missing(texts: Any) -> Any:
    import pyarrow.compute as pc

    return pc.is_in(pc.utf8_lower(texts), value_set=arrow.texts(sorted(NULLS)))
