"""Rows for charts: a limited number, chosen so that a line through them looks the same."""

from collections.abc import Iterator

import numpy as np

from app.series.selecting import Observations

# Pieces are put together and thinned again when this many times the points have come.
MOST_TIMES = 20


def thinned_pieces(pieces: Iterator[Observations], max_points: int, columns: int) -> Observations:
    """At most `max_points` of the rows of all pieces, without ever holding all of them."""
    kept = [Observations.none(columns)]
    for piece in pieces:
        kept.append(thinned(piece, max_points))
        if sum(map(len, kept)) > MOST_TIMES * max_points:
            kept = [thinned(Observations.joined(kept), max_points)]
    return thinned(Observations.joined(kept), max_points)


def thinned(found: Observations, max_points: int) -> Observations:
    """At most `max_points` of the rows; all are real ones.

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
