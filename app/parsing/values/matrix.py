"""Numbers of very large files, in a temporary file instead of memory."""

from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt

from app.parsing.errors import disk_error
from models.arrays import Values

VALUE_BYTES = 8


class Matrix:
    """One row of numbers for each channel, filled from the start.

    The file has the length that all rows may need; parts that are never written take no space on
    the disk.
    """

    def __init__(self, channels: int, most_rows: int) -> None:
        self.channels = channels
        self.most_rows = most_rows
        try:
            self._file = TemporaryFile()  # noqa: SIM115 - it lives as long as the numbers
        except OSError as error:
            raise disk_error(error) from error

    def put(self, row: int, columns: list[npt.NDArray[np.float64]]) -> None:
        """Write rows, starting at index `row`."""
        try:
            for channel, values in enumerate(columns):
                self._put_channel(channel, row, values)
            self._file.flush()
        except OSError as error:
            raise disk_error(error) from error

    def take(self, values: Values, rows: npt.NDArray[np.int64]) -> None:
        """Fill it with the given rows of `values`."""
        try:
            for channel in range(self.channels):
                self._put_channel(channel, 0, values[rows, channel])
            self._file.flush()
        except OSError as error:
            raise disk_error(error) from error

    def take_channels(self, values: Values, places: list[int]) -> None:
        """Fill it with the given columns of `values`."""
        try:
            for channel, place in enumerate(places):
                self._put_channel(channel, 0, values[:, place])
            self._file.flush()
        except OSError as error:
            raise disk_error(error) from error

    def _put_channel(self, channel: int, row: int, values: npt.NDArray[np.float64]) -> None:
        self._file.seek((channel * self.most_rows + row) * VALUE_BYTES)
        self._file.write(np.ascontiguousarray(values).data)

    def values(self, rows: int) -> Values:
        """The first rows, one column for each channel, after all are written.

        The file is closed; its space is freed when the array is.
        """
        self._file.truncate(self.channels * self.most_rows * VALUE_BYTES)
        whole: Any = np.memmap(
            self._file, dtype=np.float64, mode="r+", shape=(self.channels, self.most_rows)
        )
        self.close()
        return np.asarray(whole[:, :rows].T)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def taken(values: Values, rows: npt.NDArray[np.int64]) -> Values:
    """The given rows, in a temporary file of their own."""
    matrix = Matrix(values.shape[1], len(rows))
    matrix.take(values, rows)
    return matrix.values(len(rows))


def taken_channels(values: Values, places: list[int]) -> Values:
    """The given columns, in a temporary file of their own."""
    matrix = Matrix(len(places), len(values))
    matrix.take_channels(values, places)
    return matrix.values(len(values))
