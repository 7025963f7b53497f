"""Lags of a dataset's rows, gathered when a batch needs them, within each track."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.arrays import Floats, RowIndices, Values
from models.features.highway import Highway, LagReader

# Numbers of lags gathered at once: they fit into the processor's cache.
NUMBERS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class LagTable:
    """The values from which the lags of every row are computed.

    Args:
        reader: Computes lags; in the unit of the first track.
        windows: `(padded rows, targets, lags + 1)`, a view in which each track is preceded by
            as many empty rows as there are lags.
        first_rows: `(tracks,)`, the first row of each track.
    """

    reader: LagReader
    windows: Values
    first_rows: RowIndices

    @classmethod
    def of(cls, readers: Sequence[LagReader], base: Values, first_rows: Sequence[int]) -> Self:
        """Lay out the values of all tracks.

        Args:
            readers: The lag reader of each track; they differ only in their unit.
            base: `(rows, targets)`, the last observed value at each row, in original units.
            first_rows: The first row of each track, from 0.
        """
        lags = readers[0].lags
        empty = np.full((lags, base.shape[1]), np.nan)
        tracks = zip(readers, np.split(base, first_rows[1:]), strict=True)
        parts = [part for reader, track in tracks for part in (empty, reader.scaled(track))]
        windows = sliding_window_view(np.concatenate(parts), lags + 1, axis=0)
        return cls(readers[0], windows, np.array(first_rows, np.int64))

    def inputs(self, rows: RowIndices) -> Floats:
        """Lags of rows, `(rows, targets, lags)`; see `LagReader.inputs`."""
        track = np.searchsorted(self.first_rows, rows, side="right") - 1
        return self.reader.inputs(self.windows[rows + track * self.reader.lags])

    def pieces(self, rows: RowIndices) -> Iterator[tuple[slice, Floats]]:
        """Lags of many rows in pieces: the slice of `rows`, and its lags."""
        size = max(1, NUMBERS_AT_ONCE // (self.windows.shape[1] * self.windows.shape[2]))
        for first in range(0, len(rows), size):
            piece = slice(first, first + size)
            yield piece, self.inputs(rows[piece])


@dataclass(frozen=True, slots=True)
class LaidHighway:
    """A highway over the rows of a dataset."""

    highway: Highway
    table: LagTable

    @classmethod
    def over(
        cls,
        highway: Highway,
        readers: Sequence[LagReader],
        base: Values,
        first_rows: Sequence[int],
    ) -> Self:
        """Lay a highway over the values of all tracks; see `LagTable.of`."""
        return cls(highway, LagTable.of(readers, base, first_rows))

    def outputs(self, rows: RowIndices) -> Floats:
        """The highway's outputs at rows `(...)`: `(..., leads * targets)` of float32."""
        flat = rows.reshape(-1)
        targets, _, leads = self.highway.weights.shape
        found = np.empty((len(flat), leads * targets), np.float32)
        for piece, lags in self.table.pieces(flat):
            found[piece] = self.highway.outputs(lags)
        return found.reshape(*rows.shape, -1)
