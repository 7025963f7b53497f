"""Unpack a file within limits, and decode it to text."""

import gzip
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO

from app.parsing.errors import DamagedFile, FileTooLarge, NotATable, UnreadableFile, disk_error
from app.parsing.sources.packed_sizes import require_ratio
from app.parsing.sources.workbook_limits import office_format

PIECE_BYTES = 1024 * 1024
# Of a zip archive: other methods unpack a piece of any size at once.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
HEAD_BYTES = 64 * 1024
BINARY = (
    "The file is binary: its first 64 KiB hold control characters. Send CSV, JSON lines, Parquet "
    "or Arrow."
)
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
EMPTY_ZIP_MAGIC = b"PK\x05\x06"

# Formats that are sent by mistake, by their first bytes.
FOREIGN_MAGIC = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"FEA1": "a Feather file of version 1",
    b"ORC": "an ORC file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (xls), or one with a password",
    b"SQLite format 3\0": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\x93NUMPY": "a NumPy file",
    b"\x80\x04\x95": "a Python pickle",
    b"\x80\x05\x95": "a Python pickle",
    b"CDF\x01": "a NetCDF file",
    b"CDF\x02": "a NetCDF file",
    b"GRIB": "a GRIB file",
    b"MATLAB 5.0": "a MATLAB file",
    b"<stata_dta>": "a Stata file",
    b"$FL2@(#)": "an SPSS file",
    b"Obj\x01": "an Avro file",
}
# The errors that the libraries raise for damaged archives.
DAMAGE = (
    *(OSError, EOFError, ValueError, RuntimeError, struct.error),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

# Encodings of tables that are not Unicode. Fewer foreign bytes than this are a degree sign or an
# accent, for which the detection returns a Chinese encoding.
LEAST_FOREIGN_BYTES = 32
LEGACY_ENCODINGS = ["cp1252", "cp1250", "cp1251", "cp932", "gb18030", "euc_kr"]


# Web pages that a download returned instead of the file.
MARKUP = re.compile(r"\ufeff?\s*<(?:!doctype html|html|\?xml)", re.IGNORECASE)


def read_text(unpacked: IO[bytes]) -> tuple[str, str]:
    """The text of a file, and its encoding.

    Raises:
        NotATable: If it is empty, binary, or a web page.
    """
    unpacked.seek(0)
    _refuse_foreign(unpacked.read(HEAD_BYTES))
    unpacked.seek(0)
    text, encoding = _decoded(unpacked.read())
    if not text or text.isspace():
        raise NotATable("The file is empty.")
    if MARKUP.match(text):
        raise NotATable("The file is an HTML or XML page, not a table: send CSV, plain or packed.")
    return text, encoding


@contextmanager
def unpacked(file: IO[bytes], limit_bytes: int) -> Iterator[tuple[IO[bytes], str | None]]:
    """The file's content, and how it was packed; at most `limit_bytes` are written to the disk.

    A packed file may not have more than `MOST_RATIO` times its own size.

    Raises:
        FileTooLarge: If it is larger than the limit once unpacked.
        DamagedFile: If it is damaged or locked.
        NotATable: If it is empty, or an archive of several files.
    """
    file.seek(0)
    magic = file.read(4)
    file.seek(0)
    if not magic:
        raise NotATable("The file is empty. Received: 0 bytes")
    is_packed = magic.startswith((GZIP_MAGIC, ZIP_MAGIC, EMPTY_ZIP_MAGIC))
    if not is_packed or office_format(file) is not None:
        yield file, None
        return
    file_bytes = file.seek(0, 2)
    file.seek(0)
    container = "gzip" if magic.startswith(GZIP_MAGIC) else "zip"
    with TemporaryFile() as target:
        try:
            with _opened(file, container) as packed:
                _copy(packed, target, limit_bytes, packed_bytes=file_bytes)
        except DAMAGE as error:
            if isinstance(error, OSError) and error.errno:
                raise disk_error(error) from error
            raise DamagedFile(
                f"The file is a damaged or locked {container} archive: {error}"
            ) from error
        target.seek(0)
        yield target, container


def is_larger(file: IO[bytes], size_bytes: int) -> bool:
    """Whether a file is larger than this once unpacked; one that cannot be unpacked is not."""
    file.seek(0)
    magic = file.read(4)
    if not magic.startswith((GZIP_MAGIC, ZIP_MAGIC)) or _is_workbook(file):
        return file.seek(0, 2) > size_bytes
    file.seek(0)
    left = size_bytes + 1
    try:
        with _opened(file, "gzip" if magic.startswith(GZIP_MAGIC) else "zip") as packed:
            while left and (piece := packed.read(min(left, PIECE_BYTES))):
                left -= len(piece)
    except (UnreadableFile, *DAMAGE):
        # The error is reported when the file is read.
        return False
    return not left


def _is_workbook(file: IO[bytes]) -> bool:
    try:
        return office_format(file) is not None
    except DamagedFile:
        return False


def _opened(file: IO[bytes], container: str) -> IO[bytes]:
    if container == "gzip":
        # GzipFile has all methods of a binary stream, but not its declared type.
        return gzip.GzipFile(fileobj=file, mode="rb")  # type: ignore[return-value]
    archive = zipfile.ZipFile(file)
    files = [
        info
        for info in archive.infolist()
        if not info.filename.endswith("/") and not info.filename.startswith("__MACOSX/")
    ]
    if len(files) != 1:
        shown = ", ".join(info.filename for info in files[:10]) or "none"
        raise NotATable(f"A zip archive must hold exactly one file. Received {len(files)}: {shown}")
    if files[0].compress_type not in METHODS:
        raise NotATable(
            "A zip archive must be packed with the usual method, deflate. Received: method "
            f"{files[0].compress_type}. Pack the file again, or send it as gzip."
        )
    return archive.open(files[0])


def _copy(source: IO[bytes], target: IO[bytes], limit_bytes: int, *, packed_bytes: int) -> None:
    size_bytes = 0
    while piece := source.read(PIECE_BYTES):
        size_bytes += len(piece)
        if size_bytes > limit_bytes:
            raise FileTooLarge(f"The file must be at most {limit_bytes} bytes long once unpacked.")
        require_ratio(size_bytes, packed_bytes)
        target.write(piece)


def _refuse_foreign(head: bytes) -> None:
    for magic, name in FOREIGN_MAGIC.items():
        if head.startswith(magic):
            raise NotATable(
                f"The file is {name}, not a text table: send CSV, plain or packed, or xlsx."
            )
    if b"\0" in head and not _unicode_encoding(head).startswith("utf-16"):
        raise NotATable(BINARY)


def _decoded(data: bytes) -> tuple[str, str]:
    text, encoding = _as_unicode(data) or _as_legacy(data)
    # DOS ended text files with this character.
    text = text.rstrip("\x1a\0") if text.endswith(("\x1a", "\0")) else text
    if CONTROL_CHARACTERS.search(text, 0, HEAD_BYTES):
        raise NotATable(BINARY)
    return text, encoding


def _as_unicode(data: bytes) -> tuple[str, str] | None:
    encoding = _unicode_encoding(data)
    try:
        return data.decode(encoding), encoding.removesuffix("-sig")
    except UnicodeDecodeError:
        return None


def _unicode_encoding(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    # Without a byte order mark: ASCII in UTF-16 has a zero in every second byte, and only there.
    head = data[:200]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if not even and odd > len(head) * 0.45:
        return "utf-16-le"
    if not odd and even > len(head) * 0.45:
        return "utf-16-be"
    return "utf-8"


def _as_legacy(data: bytes) -> tuple[str, str]:
    """Text in an encoding other than Unicode, guessed from the lines that are not ASCII."""
    from charset_normalizer import from_bytes

    sample = b"\n".join(line for line in data.splitlines()[:5000] if not line.isascii())
    encoding = "cp1252"
    if len(re.findall(rb"[\x80-\xff]", sample)) >= LEAST_FOREIGN_BYTES:
        guess = from_bytes(sample[:HEAD_BYTES], cp_isolation=LEGACY_ENCODINGS).best()
        encoding = guess.encoding if guess else encoding
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"
