"""What is known of the steps ahead: values of declared channels, and holidays.

They go to the network's head, beside the recurrent stack's output, as in MQ-RNN (Wen et al.
2017, arXiv 1711.11053). So the recurrent state never depends on the future.
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
    """What is known of the steps ahead of one row after another.

    Args:
        pipeline: What says which channels and holidays are known.
        leads: `(leads,)`, steps ahead, increasing.
        calendar: When rows come.
    """

    pipeline: FeaturePipeline
    leads: npt.NDArray[np.int64]
    calendar: Calendar

    @property
    def width(self) -> int:
        """The number of inputs: leads times what is known of a step."""
        return len(self.leads) * self.pipeline.future_width

    def inputs(self, time: np.datetime64, known: Values | None) -> Floats:
        """What is known at the target times of a row.

        Args:
            time: The row's own time, UTC.
            known: `(leads, known-future channels)` in original units; None if there are no
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
        """What is known of the steps ahead of all rows of some tracks; see `FutureTable.of`."""
        return FutureTable.of(self.pipeline, self.leads, tracks)


@dataclass(frozen=True, slots=True)
class FutureTable:
    """What is known of the steps ahead of every row, gathered when a batch needs it.

    Args:
        leads: `(leads,)`, steps ahead.
        known: `(rows, inputs)`, what known-future channels say of each row.
        ends: `(tracks,)`, the row after the last one of each track.
        flags: `(places, flags)`, holiday flags of the calendar's steps.
        places: `(rows,)`, where in `flags` the step of each row is.
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
            pipeline: What says which channels and holidays are known.
            leads: Steps ahead.
            tracks: Of each track the times of its rows, what `FeaturePipeline.known` says of
                them and when its rows come.
        """
        known, lengths, flags, places, first_place = [], [], [], [], 0
        for times, own, calendar in tracks:
            known.append(own)
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
        """Those of several series one after the other; None if there is none."""
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
        """The number of inputs of a row: leads times what is known of a step."""
        return int(len(self.leads) * (self.known.shape[1] + self.flags.shape[1]))

    def inputs(self, rows: RowIndices) -> Floats:
        """What is known at the target times of rows `(...)`.

        Returns:
            `(..., leads * known of a step)` of float32, lead after lead; a target time past the
            end of the track stands at the training mean.
        """
        ahead = rows[..., np.newaxis] + self.leads
        inside = self._inside(rows)
        known = self.known[np.where(inside, ahead, 0)] * inside[..., np.newaxis]
        flags = self.flags[self.places[rows][..., np.newaxis] + self.leads]
        return _joined(known, flags)

    def complete(self, rows: RowIndices) -> npt.NDArray[np.bool_]:
        """Whether everything that must be known of the steps ahead of rows is there."""
        if self.known.shape[1] == 0:
            return np.ones(rows.shape, bool)
        complete: npt.NDArray[np.bool_] = np.all(self._inside(rows), axis=-1)
        return complete

    def _inside(self, rows: RowIndices) -> npt.NDArray[np.bool_]:
        ends = self.ends[np.searchsorted(self.ends, rows, side="right")]
        inside: npt.NDArray[np.bool_] = rows[..., np.newaxis] + self.leads < ends[..., np.newaxis]
        return inside


def _joined(known: Floats, flags: Floats) -> Floats:
    """The head's inputs of rows: `(..., leads, numbers)` of each to `(..., leads * numbers)`."""
    both: Floats = np.concatenate([known, flags], axis=-1)
    return both.reshape(*both.shape[:-2], -1)


def _flags_of_steps(
    pipeline: FeaturePipeline, times: Times, calendar: Calendar, farthest: int
) -> tuple[RowIndices, Floats]:
    """The place of each row, and the flags of all steps from the first to those ahead."""
    if pipeline.holidays is None or len(times) == 0:
        return np.zeros(len(times), np.int64), np.empty((farthest + 1, 0), np.float32)
    # The calendar's own steps, not the rows that came: a session that was called off is
    # known of afterwards only.
    steps = calendar.index_at_or_before(times)
    first, last = int(steps.min()), int(steps.max()) + farthest
    return steps - first, pipeline.flags(calendar.labels(np.arange(first, last + 1)))
