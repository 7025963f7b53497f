"""Downsampling for charts: choose rows so that a line through them looks the same."""

from collections.abc import Iterator

import numpy as np

from app.series.selection import Observations

# Pieces are joined and downsampled again when they hold this many times the requested points.
MOST_TIMES = 20


def downsample_pieces(
    pieces: Iterator[Observations], max_points: int, columns: int
) -> Observations:
    """At most `max_points` of the rows of all pieces, which are never all in memory."""
    chosen = [Observations.none(columns)]
    for piece in pieces:
        chosen.append(downsample(piece, max_points))
        if sum(map(len, chosen)) > MOST_TIMES * max_points:
            chosen = [downsample(Observations.joined(chosen), max_points)]
    return downsample(Observations.joined(chosen), max_points)


def downsample(found: Observations, max_points: int) -> Observations:
    """At most `max_points` of the rows; rows are chosen, not averaged.

    Every channel chooses its share by MinMaxLTTB (arXiv 2305.00332).
    """
    if len(found) <= max_points:
        return found
    from tsdownsample import MinMaxLTTBDownsampler

    share = max(max_points // max(found.values.shape[1], 1), 3)
    chosen = [np.array([0, len(found) - 1])]
    for column in found.values.T:
        present = np.flatnonzero(~np.isnan(column))
        if len(present) <= share:
            chosen.append(present)
        else:
            places = MinMaxLTTBDownsampler().downsample(
                found.times[present], np.ascontiguousarray(column[present]), n_out=share
            )
            chosen.append(present[places])
    rows = np.unique(np.concatenate(chosen))
    if len(rows) > max_points:
        rows = rows[np.linspace(0, len(rows) - 1, max_points).astype(np.int64)]
    return found.where(rows)
