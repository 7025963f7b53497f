"""Times and numbers of a regular CSV file, read piece after piece."""

from typing import Any

import numpy as np
import numpy.typing as npt

from app.parsing import arrow
from app.parsing.arrow import to_floats, to_mask
from app.parsing.columns import ChosenColumns
from app.parsing.options import ReadOptions
from app.parsing.sources.layout import Layout
from app.parsing.times.fields import Integers, apply_format
from app.parsing.times.formats import DECIMAL_YEARS, ORDERS, TimeFormat, compile_format
from app.parsing.times.joined import joined
from app.parsing.times.periods import is_fiscal
from app.parsing.times.texts import Column
from app.parsing.times.timestamps import Moments, guess_any
from app.parsing.values.cells import NULLS
from app.parsing.values.matrix import Matrix
from app.parsing.values.numbers import is_point_proven

# Longer than any piece, so that each is parsed as one block.
BLOCK_BYTES = 24 * 1024 * 1024
# What the rows of a regular file do not contain, beside single carriage returns.
FOREIGN = {
    b'"': "quotes",
    b"\n#": "comments",
    b"\n%": "comments",
    b"\0": "NUL",
    b"\x1a": "end-of-file characters",
}


class Irregular(Exception):
    """The file has to be read as a whole; the message says why."""


class PieceReader:
    """Collects the times and numbers of a file's pieces.

    Args:
        layout: The file's columns.
        chosen: Which of them are in use.
        delimiter: What separates the fields.
        options: What the sender says about the file.
        size_bytes: The size of all pieces together.
    """

    def __init__(
        self,
        layout: Layout,
        chosen: ChosenColumns,
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
        self._offsets: list[Integers] = []
        self._ruled_out: list[TimeFormat] = []
        self._is_point_proven = delimiter == "," or options.decimal is not None

    def add(self, piece: bytes) -> None:
        """Read a piece of whole lines.

        Raises:
            Irregular: If it holds anything that only a reader of whole files understands.
        """
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
            Irregular: If more than one format reads all of them, or if nothing proves that a
                point separates decimals.
        """
        if self._times is None or len(self._times) != 1 or not self._is_point_proven:
            raise Irregular("its dates or numbers can be read in two ways")
        ((form, times),) = self._times.items()
        if any(other.order == form.order for other in self._ruled_out):
            raise Irregular("its dates are written in several formats")
        valid = np.ones(self.rows, dtype=bool)
        has_offset = np.full(self.rows, bool({"z", "epoch"} & set(form.directives)))
        offsets = np.concatenate(self._offsets) if self._offsets else None
        offsets = offsets if offsets is not None and offsets.any() else None
        return Moments(np.concatenate(times), has_offset, valid, (form.text,), offsets)

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
                    column_names=names, block_size=BLOCK_BYTES, use_threads=False
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=self._delimiter, ignore_empty_lines=False, quote_char=False
                ),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=used, column_types=dict.fromkeys(used, pa.string())
                ),
            )
        except pa.ArrowInvalid as error:
            raise Irregular(f"after row {self.rows}: {error}") from error
        if len(table) != piece.count(b"\n") + (not piece.endswith(b"\n")):
            raise Irregular("its lines cannot be separated")
        return {int(name): table[name].combine_chunks() for name in used}

    def _add_times(self, columns: list[Any]) -> None:
        column = Column(self._joined(columns))
        if self._times is None:
            self._times = {form: [] for form in self._formats(column.text(0))}
        for form in list(self._times):
            reading = apply_format(column, form)
            if reading.valid.all():
                self._times[form].append(reading.times)
                if reading.offsets is not None:
                    self._offsets.append(reading.offsets)
            else:
                del self._times[form]
                self._ruled_out.append(form)
        if not self._times:
            raise Irregular(f"not all times after row {self.rows} are written in one format")

    def _joined(self, columns: list[Any]) -> Any:
        import pyarrow.compute as pc

        for column in columns[1:]:
            if pc.any(pc.match_substring_regex(column, r"^\s*\d{1,6}\s*$")).as_py():
                raise Irregular("its times of day have no colons")
        return joined(columns, pad=False)

    def _formats(self, text: str) -> list[TimeFormat]:
        """The formats that the first time may be written in."""
        asked = self._options.timestamp_format or self._chosen.time_format
        if asked is not None and asked not in ORDERS:
            found = [compile_format(asked)]
        else:
            found = guess_any(text)
        if asked in ORDERS:
            found = [form for form in found if form.order == ORDERS[asked]][:1] or found[:1]
        if any(_needs_all_rows(form) for form in found):
            raise Irregular("its years have two digits, are decimal numbers or fiscal years")
        return found


def _needs_all_rows(form: TimeFormat) -> bool:
    """Whether the times of one piece alone do not show how the years are counted."""
    return "y" in form.directives or form.text in DECIMAL_YEARS or is_fiscal(form.text)


def _numbers(name: str, texts: Any) -> npt.NDArray[np.float64]:
    """A channel's numbers in one piece; words for missing values are NaN."""
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
        raise Irregular(f"the channel {name!r} has fields that are not plain numbers") from error
    not_finite = ~np.isfinite(values)
    if not_finite.any() and (
        np.isinf(values).any() or not to_mask(_is_missing(texts))[not_finite].all()
    ):
        raise Irregular(f"the channel {name!r} has numbers that are not finite")
    return values


def _is_missing(texts: Any) -> Any:
    import pyarrow.compute as pc

    return pc.is_in(pc.utf8_lower(texts), value_set=arrow.texts(sorted(NULLS)))
