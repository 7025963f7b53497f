"""Errors of reading a file; `app/parsing_problems.py` makes a problem of each for HTTP.

ParsingError
├── FileTooLarge          more bytes, lines, rows or columns than the limits allow
├── UnreadableFile        the file cannot be read, or not in one way only
│   ├── DamagedFile       a broken or locked archive, a broken Parquet, Arrow or JSON file
│   ├── NotATable         empty, binary, another format, or rows without common fields
│   ├── MissingColumns    a column of times or of numbers, or a price of bars, is missing
│   ├── UnreadableTimes   most times cannot be read
│   ├── TooManyBadRows    more than half of the rows cannot be used
│   ├── SeveralSeries     rows of several series, and `split` does not name their key
│   ├── ConflictingRows   rows of one time contradict each other
│   ├── SeveralTables     several tables in one file, and `sheet` is not given
│   ├── CountedPeriods    a column counts the periods of each day, and `period` is not given
│   ├── AmbiguousFile     nothing in the file proves one of two ways to read it
│   │   ├── AmbiguousTimes    the order of day and month
│   │   ├── AmbiguousZone     an abbreviation of several clocks
│   │   ├── AmbiguousNumbers  decimal separators or thousands separators
│   │   └── MixedDelimiters   rows with different delimiters
│   └── OptionInvalid     an option has a value that cannot work
│       └── UnknownColumn     an option names a column that the file does not have
└── DiskError             a file cannot be kept on the disk while it is read
    ├── TemporaryDiskFull
    └── TemporaryFolderUnavailable
"""

import errno
import logging
from collections.abc import Sequence

from models.errors import Problem

logger = logging.getLogger(__name__)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ParsingError(Exception):
    """A file was not read.

    Args:
        detail: A message for the sender: the rule, and what was received.
        errors: The options that are wrong, if any.
    """

    def __init__(self, detail: str, errors: Sequence[Problem] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)


class FileTooLarge(ParsingError):
    """The file has more bytes, lines, rows or columns than the limits allow."""


class UnreadableFile(ParsingError):
    """The file cannot be read, or not in one way only."""


class DamagedFile(UnreadableFile):
    """The archive, or the Parquet, Arrow or JSON file, is broken or locked."""


class NotATable(UnreadableFile):
    """The file is empty, binary, in another format, or its rows have no common fields."""


class MissingColumns(UnreadableFile):
    """The file lacks a column of times, a column of numbers, or a price of bars."""


class UnreadableTimes(UnreadableFile):
    """Most times cannot be read."""


class TooManyBadRows(UnreadableFile):
    """More than half of the rows cannot be used."""


class SeveralSeries(UnreadableFile):
    """The file holds rows of several series, and `split` does not name all columns of their key."""


class ConflictingRows(UnreadableFile):
    """Rows of one time contradict each other, and `duplicates` does not say which one counts."""


class SeveralTables(UnreadableFile):
    """The file holds several tables, and `sheet` is not given."""


class CountedPeriods(UnreadableFile):
    """A column counts the periods of each day, and `period` is not given."""


class AmbiguousFile(UnreadableFile):
    """The file can be read in two ways, and nothing in it proves one of them."""


class AmbiguousTimes(AmbiguousFile):
    """No row proves the order of day and month."""


class AmbiguousZone(AmbiguousFile):
    """The file names its clock by an abbreviation that means several."""


class AmbiguousNumbers(AmbiguousFile):
    """No field proves whether a comma or a point separates decimals or thousands."""


class MixedDelimiters(AmbiguousFile):
    """Rows of the file have different delimiters."""


class OptionInvalid(UnreadableFile):
    """An option has a value that cannot work."""


class UnknownColumn(OptionInvalid):
    """An option names a column that the file does not have."""


class DiskError(ParsingError):
    """A file cannot be kept on the disk while it is read."""


class TemporaryDiskFull(DiskError):
    """The disk for temporary files is full."""


class TemporaryFolderUnavailable(DiskError):
    """The folder for temporary files cannot be used."""


def disk_error(error: OSError) -> DiskError:
    """The error for a temporary file that cannot be written."""
    logger.error("the folder for temporary files (TMPDIR) cannot be used: %s", error)
    if error.errno in FULL:
        return TemporaryDiskFull("The disk for temporary files is full. Nothing was stored.")
    reason = error.strerror or "it cannot be written"
    return TemporaryFolderUnavailable(f"The folder for temporary files cannot be used: {reason}.")
