"""Known-future inputs: values of declared channels, and holidays, at the steps ahead.

They are inputs of the network's head, together with the recurrent stack's output, as in MQ-RNN
(Wen et al. 2017, arXiv 1711.11053). So the recurrent state never depends on the future.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from models.arrays import Floats, RowIndices, Times, Values
from models.calendars.calendar import Calendar
from models.errors import DataError
from models.features.features import FeaturePipeline


@dataclass(frozen=True, slots=True)
class FutureReader:
    """Makes the known-future inputs of single rows.

    Args:
        pipeline: Defines the known-future channels and holidays.
        leads: `(leads,)`, steps ahead, increasing.
        calendar: The times at which rows are expected.
    """

    pipeline: FeaturePipeline
    leads: npt.NDArray[np.int64]
    calendar: Calendar

    @property
    def width(self) -> int:
        """Number of inputs: leads times the known numbers of a step."""
        return len(self.leads) * self.pipeline.future_width

    def inputs(self, time: np.datetime64, known: Values | None) -> Floats:
        """The known-future inputs of a row.

        Args:
            time: The row's time, UTC.
            known: `(leads, known-future channels)` in original units; None without
                such channels.

        Returns:
            `(1, leads * known of a step)` of float32.

        Raises:
            DataError: If a value is missing.
        """
        columns = self.pipeline.known_columns
        shape = (len(self.leads), len(columns))
        given = np.empty((shape[0], 0)) if known is None else known
        if given.shape != shape or not np.isfinite(given).all():
            raise DataError(
                "A forecast needs a finite value of every known-future channel at every lead, "
                f"of the shape (leads, channels) = {shape}. Received: "
                f"{'none' if known is None else given.shape}"
            )
        rows = np.full((shape[0], self.pipeline.columns), np.nan)
        rows[:, columns] = given
        step = self.calendar.index_at_or_before(np.array([time]))
        flags = self.pipeline.flags(self.calendar.labels(step + self.leads))
        return _joined(self.pipeline.known(rows), flags)[np.newaxis]

    def table(self, tracks: Iterable[tuple[Times, Floats, Calendar]]) -> "FutureTable":
        """The known-future inputs of all rows of tracks; see `FutureTable.of`."""
        return FutureTable.of(self.pipeline, self.leads, tracks)


@dataclass(frozen=True, slots=True)
class FutureTable:
    """The known-future inputs of every row, gathered when a batch needs them.

    Args:
        leads: `(leads,)`, steps ahead.
        known: `(rows, known)` of float32, the known-future channels' inputs at each row.
        ends: `(tracks,)`, the row after the last one of each track.
        flags: `(places, flags)` of float32, holiday flags of the calendar's steps.
        places: `(rows,)`, the position of each row's step in `flags`.
    """

    leads: npt.NDArray[np.int64]
    known: Floats
    ends: RowIndices
    flags: Floats
    places: RowIndices

    @classmethod
    def of(
        cls,
        pipeline: FeaturePipeline,
        leads: npt.NDArray[np.int64],
        tracks: Iterable[tuple[Times, Floats, Calendar]],
    ) -> Self:
        """Lay out the rows of all tracks.

        Args:
            pipeline: Defines the known-future channels and holidays.
            leads: Steps ahead.
            tracks: For each track, its row times, the result of `FeaturePipeline.known` for its
                rows, and its calendar.
        """
        known, lengths, flags, places, first_place = [], [], [], [], 0
        for times, inputs, calendar in tracks:
            known.append(inputs)
            lengths.append(len(times))
            steps, found = _flags_of_steps(pipeline, times, calendar, int(leads[-1]))
            flags.append(found)
            places.append(steps + first_place)
            first_place += len(found)
        return cls(
            leads=leads,
            known=np.concatenate(known),
            ends=np.cumsum(lengths),
            flags=np.concatenate(flags),
            places=np.concatenate(places),
        )

    @classmethod
    def joined(cls, tables: Sequence[Self]) -> Self | None:
        """Concatenate the tables of several series; None if there are none."""
        if not tables:
            return None
        first_rows = np.cumsum([0, *(len(table.known) for table in tables)])
        first_places = np.cumsum([0, *(len(table.flags) for table in tables)])
        return cls(
            leads=tables[0].leads,
            known=np.concatenate([table.known for table in tables]),
            ends=np.concatenate(
                [table.ends + first for table, first in zip(tables, first_rows, strict=False)]
            ),
            flags=np.concatenate([table.flags for table in tables]),
            places=np.concatenate(
                [table.places + first for table, first in zip(tables, first_places, strict=False)]
            ),
        )

    @property
    def width(self) -> int:
        """Number of inputs of a row: leads times the known numbers of a step."""
        return int(len(self.leads) * (self.known.shape[1] + self.flags.shape[1]))

    def inputs(self, rows: RowIndices) -> Floats:
        """The known-future inputs of rows `(...)`.

        Returns:
            `(..., leads * known of a step)` of float32, lead after lead; a target time past the
            end of the track has the training mean.
        """
        ahead = rows[..., np.newaxis] + self.leads
        inside = self._inside(rows)
        known = self.known[np.where(inside, ahead, 0)] * inside[..., np.newaxis]
        flags = self.flags[self.places[rows][..., np.newaxis] + self.leads]
        return _joined(known, flags)

    def complete(self, rows: RowIndices) -> npt.NDArray[np.bool_]:
        """Whether all known-future values at the rows' target times exist."""
        if self.known.shape[1] == 0:
            return np.ones(rows.shape, bool)
        complete: npt.NDArray[np.bool_] = np.all(self._inside(rows), axis=-1)
        return complete

    def _inside(self, rows: RowIndices) -> npt.NDArray[np.bool_]:
        ends = self.ends[np.searchsorted(self.ends, rows, side="right")]
        inside: npt.NDArray[np.bool_] = rows[..., np.newaxis] + self.leads < ends[..., np.newaxis]
        return inside


def _joined(known: Floats, flags: Floats) -> Floats:
    """Join inputs `(..., leads, numbers)` into the head's inputs `(..., leads * numbers)`."""
    both: Floats = np.concatenate([known, flags], axis=-1)
    return both.reshape(*both.shape[:-2], -1)


def _flags_of_steps(
    pipeline: FeaturePipeline, times: Times, calendar: Calendar, farthest: int
) -> tuple[RowIndices, Floats]:
    """Each row's position in the flags, and the flags of all steps up to the farthest lead."""
    if pipeline.holidays is None or len(times) == 0:
        return np.zeros(len(times), np.int64), np.empty((farthest + 1, 0), np.float32)
    # The calendar's steps, not the observed rows: at the time of a forecast it is not known that
    # a later session will be called off.
    steps = calendar.index_at_or_before(times)
    first, last = int(steps.min()), int(steps.max()) + farthest
    return steps - first, pipeline.flags(calendar.labels(np.arange(first, last + 1)))
