"""Keep workbooks within limits before they are read.

A workbook is a zip archive of XML, and its reader allocates every cell between the first and the
last one. A small file may therefore claim a sheet of billions of cells.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO
from xml.etree import ElementTree as ET

from app.parsing.errors import DamagedFile, FileTooLarge, NotATable
from app.parsing.sources.packed_sizes import require_ratio

PIECE_BYTES = 1024 * 1024
OVERLAP_BYTES = 64
# What the reader allocates for each cell.
CELL_BYTES = 32
ZIP_MAGIC = b"PK\x03\x04"
# The workbook names its sheets' parts, so that any part may be a sheet.
SHEETS = re.compile(r".*\.xml", re.IGNORECASE)
STRINGS = "xl/sharedstrings.xml"
PLACE = re.compile(rb"""\br\s*=\s*["']([A-Z]{0,3})(\d{1,7})["']""")
STRING_CELL = re.compile(rb"""\bt\s*=\s*["']s["']""")
STRING_END = b"</si>"
ODS_TYPE = b"application/vnd.oasis.opendocument.spreadsheet"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
ODS_CELLS = (f"{TABLE}table-cell", f"{TABLE}covered-table-cell")
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, KeyError),
    *(OSError, EOFError, ValueError, RuntimeError),
)


def workbook_format(file: IO[bytes]) -> str:
    """`xlsx` or `ods`.

    Raises:
        NotATable: If it is another document of an office suite.
        DamagedFile: If the archive is damaged.
    """
    form = office_format(file)
    if form is None:
        raise NotATable("The file is a zip archive, not a workbook: send its table as CSV.")
    if form not in ("xlsx", "ods"):
        raise NotATable(f"The file is {form}, not a table: save the table as xlsx or CSV.")
    return form


def office_format(file: IO[bytes]) -> str | None:
    """`xlsx`, `ods`, or the name of another document in a zip archive; None for other archives."""
    file.seek(0)
    if file.read(len(ZIP_MAGIC)) != ZIP_MAGIC:
        return None
    try:
        with zipfile.ZipFile(file) as archive:
            return _format(archive)
    except DAMAGE as error:
        raise DamagedFile(f"The file is a damaged or locked zip archive: {error}") from error


def _format(archive: zipfile.ZipFile) -> str | None:
    names = {name.lower() for name in archive.namelist()}
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "[content_types].xml" in names:
        binary = any(name.endswith(".bin") and name.startswith("xl/") for name in names)
        return "a binary workbook (xlsb)" if binary else "an Office document"
    if "mimetype" in names and "content.xml" in names:
        with archive.open("mimetype") as opened:
            return "ods" if opened.read(200).startswith(ODS_TYPE) else "an OpenDocument text"
    return None


def require_bounded(file: IO[bytes], form: str, limit_bytes: int) -> None:
    """Refuse a workbook that would take more memory than the limit.

    Raises:
        FileTooLarge: If it would.
        DamagedFile: If it is damaged.
    """
    bounded = _Bounded(limit_bytes, packed_bytes=file.seek(0, 2))
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            bounded.require_announced(archive)
            if form == "ods":
                bounded.add_ods(archive)
            else:
                bounded.add_xlsx(archive)
    except (*DAMAGE, ET.ParseError) as error:
        raise DamagedFile(f"The file is a damaged or locked workbook ({form}): {error}") from error


class _Bounded:
    """The bytes that a workbook takes so far."""

    def __init__(self, limit_bytes: int, *, packed_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._packed_bytes = packed_bytes
        self.unpacked_bytes = 0
        self._sheets_bytes = 0

    def require_announced(self, archive: zipfile.ZipFile) -> None:
        """What the archive says of its parts; reading checks that it is true."""
        announced = sum(info.file_size for info in archive.infolist())
        self._require(announced)
        require_ratio(announced, self._packed_bytes)

    def add_xlsx(self, archive: zipfile.ZipFile) -> None:
        """The XML of all parts; the cells of each sheet, and their shared texts."""
        longest = texts = 0
        for info in archive.infolist():
            if info.filename.lower() == STRINGS:
                longest = self._longest_string(archive, info)
            elif SHEETS.fullmatch(info.filename):
                texts += self._add_sheet(archive, info)
            else:
                for _ in self._pieces(archive, info):
                    pass
        self._require(texts * longest)

    def add_ods(self, archive: zipfile.ZipFile) -> None:
        """The cells of each sheet, where those that repeat count as often as they do."""
        for info in archive.infolist():
            for _ in self._pieces(archive, info):
                pass
        rows = width = pending = 0
        with archive.open("content.xml") as opened:
            for _, element in ET.iterparse(opened):  # noqa: S314 - its size is bounded
                if element.tag == f"{TABLE}table-row":
                    repeated, filled = _ods_row(element)
                    pending += repeated
                    if filled:
                        rows, pending, width = rows + pending, 0, max(width, filled)
                        self._require(self._sheets_bytes + rows * width * CELL_BYTES)
                    element.clear()
                elif element.tag == f"{TABLE}table":
                    self._sheets_bytes += rows * width * CELL_BYTES
                    rows = width = pending = 0
                    element.clear()

    def _pieces(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
        """A part unpacked in pieces, each with the end of the one before it."""
        before = b""
        with archive.open(info) as opened:
            while piece := opened.read(PIECE_BYTES):
                self.unpacked_bytes += len(piece)
                self._require(self.unpacked_bytes)
                require_ratio(self.unpacked_bytes, self._packed_bytes)
                yield before + piece
                before = piece[-OVERLAP_BYTES:]

    def _add_sheet(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
        """Check the cells between the first and the last; the number of those of shared texts."""
        rows: set[int] = set()
        columns: set[bytes] = set()
        cells = texts = size = 0
        for piece in self._pieces(archive, info):
            found = PLACE.findall(piece)
            cells += piece.count(b"<c")
            texts += len(STRING_CELL.findall(piece))
            columns.update(column for column, _ in found)
            rows.update((min(numbers), max(numbers)) if (numbers := _numbers(found)) else ())
            height = max(rows) - min(rows) + 1 if rows else cells
            width = max(map(_column_number, columns), default=0) or cells
            size = height * width * CELL_BYTES
            self._require(self._sheets_bytes + size)
        self._sheets_bytes += size
        return texts

    def _longest_string(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
        longest = length = 0
        for piece in self._pieces(archive, info):
            first, *ends = piece.split(STRING_END)
            length += len(first)
            longest = max(longest, length, *map(len, ends), 0)
            length = len(ends[-1]) if ends else length
        return longest

    def _require(self, size_bytes: int) -> None:
        if size_bytes > self.limit_bytes:
            raise FileTooLarge(
                f"The workbook must take at most {self.limit_bytes} bytes once unpacked, with "
                f"{CELL_BYTES} bytes for every cell between the first and the last. Save the sheet "
                "as CSV."
            )


def _numbers(found: list[tuple[bytes, bytes]]) -> list[int]:
    return [int(row) for _, row in found]


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _ods_row(element: ET.Element) -> tuple[int, int]:
    """How often a row repeats, and the number of its cells up to the last with a value."""
    width = filled = 0
    for cell in element:
        if cell.tag in ODS_CELLS:
            width += int(cell.get(f"{TABLE}number-columns-repeated", "1"))
            filled = width if len(cell) else filled
    return int(element.get(f"{TABLE}number-rows-repeated", "1")), filled
