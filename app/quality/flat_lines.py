"""Find unusually long runs of the same value, as of a sensor that hangs."""

import numpy as np

from app.quality.sample import EXAMPLES, Channel, Finding, Integers, Sample, listed

# Rounded values repeat by chance: a run is long if it is this many times longer than the longest
# one expected by chance, and has at least this many rows.
_TIMES_OF_CHANCE = 3.0
_LEAST_ROWS = 8
_FOUR_TRUE = 0x01010101
# A value that is usual for a channel, such as the zeros of rain or at night, may stay the same. It
# is usual if it makes up this share of the other rows, or has this many other runs of at least this
# share of the length.
_USUAL_SHARE = 0.1
_USUAL_LENGTH = 1 / 3
_USUAL_TIMES = 3


Run = tuple[int, int]


def flat_line_findings(sample: Sample, found: list[list[Run]]) -> list[Finding]:
    """One finding with the number of rows in such runs; the longest are its examples."""
    runs = sorted(
        ((length, start, column) for column, one in enumerate(found) for start, length in one),
        reverse=True,
    )
    if not runs:
        return []
    lengths = {sample.names[n]: [length for _, length in one] for n, one in enumerate(found)}
    where = {
        name: f"{len(one)} times, the longest over {max(one)} rows"
        for name, one in lengths.items()
        if one
    }
    message = f"The value stays the same for unusually long: {listed(where)}."
    places = tuple((start, column) for _, start, column in runs[:EXAMPLES])
    return [Finding("flat_line", message, sum(length for length, _, _ in runs), places)]


def long_runs(channel: Channel) -> list[Run]:
    """First rows and lengths of the runs that are unusual for the channel."""
    if channel.is_empty or channel.is_constant:
        return []
    values = channel.values
    # NaN is not equal to itself: each missing value is a run of one row.
    same = values[1:] == values[:-1]
    # A long run contains four equal neighbours that begin at a multiple of four. Most channels have
    # none, and this test is much faster than finding all runs.
    fours = same[: len(same) // 4 * 4].view(np.uint32)
    if not (fours == _FOUR_TRUE).any():
        return []
    by_chance = np.log(len(values)) / -np.log(np.count_nonzero(same) / len(values))
    longest = max(_TIMES_OF_CHANCE * by_chance, _LEAST_ROWS)
    starts = np.concatenate([[0], np.flatnonzero(~same) + 1])
    lengths = np.diff(starts, append=len(values))
    suspects = np.flatnonzero(lengths > longest)
    if not len(suspects):
        return []
    of_runs = values[starts]
    return [
        (int(starts[run]), int(lengths[run]))
        for value in np.unique(of_runs[suspects])
        for run in suspects[of_runs[suspects] == value]
        if not _is_usual(lengths[of_runs == value], int(lengths[run]), len(channel.present))
    ]


def _is_usual(lengths: Integers, length: int, rows: int) -> bool:
    """Whether a run is usual for its value, compared with the other runs of that value."""
    other_rows = int(lengths.sum()) - length
    if other_rows > _USUAL_SHARE * (rows - length):
        return True
    return int((lengths >= length * _USUAL_LENGTH).sum()) - 1 >= _USUAL_TIMES
