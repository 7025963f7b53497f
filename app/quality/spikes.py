"""Find single values that are far away from both neighbours, by a robust score."""

import numpy as np

from app.quality.sample import (
    EXAMPLES,
    SAMPLE_ROWS,
    Channel,
    Column,
    Finding,
    Integers,
    Mask,
    Sample,
    listed,
)

# Boris Iglewicz and David Hoaglin, "How to Detect and Handle Outliers" (1993): the modified
# z-score 0.6745 x / MAD marks an outlier above 3.5; where the MAD is 0, the mean absolute deviation
# times 1.253314 replaces it. The MAD is that of the steps from row to row, because next to a new
# level the deviations from one median would look like jumps.
_THRESHOLD = 3.5
_OF_NORMAL = 0.6745
_OF_MEAN = 1.253314
# Gusts and showers have long tails: the scale is at least the 99th percentile of the jumps.
_TAIL = 0.99
# A channel with a larger share of spikes is one that jumps by nature.
_MOST_SHARE = 0.001
_MOST_FEW = 3
_LEAST_ROWS = 12
# Blocks that fit into the processor's cache are several times as fast as whole columns.
_BLOCK_ROWS = 16_384


Spikes = tuple[Integers, Column]


def spike_findings(sample: Sample, found: list[Spikes]) -> list[Finding]:
    """One finding for all channels; the highest scores are its examples."""
    scored = [
        (score, row, column)
        for column, (rows, scores) in enumerate(found)
        for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
    ]
    if not scored:
        return []
    scored.sort(key=lambda one: -one[0])
    counts = {sample.names[n]: str(len(rows)) for n, (rows, _) in enumerate(found) if len(rows)}
    message = (
        f"Values that jump away from both neighbours and back: {listed(counts)}. The highest "
        f"modified z-score is {scored[0][0]:.3g}; above {_THRESHOLD:g} is a spike."
    )
    places = tuple((row, column) for _, row, column in scored[:EXAMPLES])
    return [Finding("spike", message, len(scored), places)]


def find_spikes(channel: Channel, is_near: Mask) -> Spikes:
    """Rows of spikes and their scores.

    The score measures a value's distance from the median of itself and its two neighbours, which
    is 0 at steps and on slopes.
    """
    values = channel.values
    nothing = np.empty(0, dtype=np.int64), np.empty(0)
    if len(channel.present) < _LEAST_ROWS or channel.is_constant:
        return nothing
    scale = _scale(values, is_near)
    blocks = [
        _above(values[start : start + _BLOCK_ROWS + 2], is_near, start, _THRESHOLD * scale)
        for start in range(0, len(values) - 2, _BLOCK_ROWS)
    ]
    rows = np.concatenate([rows for rows, _ in blocks])
    jumps = np.concatenate([jumps for _, jumps in blocks])
    rows, jumps = _highest(rows, jumps)
    if not len(rows) or len(rows) > max(_MOST_SHARE * len(channel.present), _MOST_FEW):
        return nothing
    return rows, jumps / scale


def _highest(rows: Integers, jumps: Column) -> Spikes:
    """The spikes without their neighbours, which jump only in comparison with these."""
    beside = np.diff(rows) == 1
    lower = np.zeros(len(rows), dtype=bool)
    lower[1:] |= beside & (jumps[1:] < jumps[:-1])
    lower[:-1] |= beside & (jumps[:-1] < jumps[1:])
    return rows[~lower], jumps[~lower]


def _above(values: Column, is_near: Mask, start: int, least: float) -> Spikes:
    # A jump is at most as large as the smaller of the steps to it and back: few rows remain.
    steps = np.diff(values)
    large = np.flatnonzero(np.abs(steps, out=steps) > least)
    rows = large[1:][np.diff(large) == 1]
    jumps = _jumps(values, rows)
    kept = (jumps > least) & is_near[rows + start - 1] & is_near[rows + start]
    return rows[kept] + start, jumps[kept]


def _jumps(values: Column, rows: Integers) -> Column:
    """Distances from the median of three; NaN where one of the three is missing."""
    before, here, after = values[rows - 1], values[rows], values[rows + 1]
    low, high = np.minimum(before, after), np.maximum(before, after)
    return np.asarray(np.maximum(np.maximum(here - high, low - here), 0.0))


def _scale(values: Column, is_near: Mask) -> float:
    """A robust scale of the steps and jumps, from rows spread evenly over the channel."""
    inner = len(values) - 2
    rows = np.arange(0, inner, max(inner // SAMPLE_ROWS, 1)) + 1
    rows = rows[is_near[rows - 1] & is_near[rows]]
    jumps = _jumps(values, rows)
    is_there = ~np.isnan(jumps)
    if not is_there.any():
        return np.inf
    jumps, rows = np.sort(jumps[is_there]), rows[is_there]
    steps = np.abs(values[rows] - values[rows - 1])
    # The largest few may be the spikes themselves.
    tail = jumps[min(int(_TAIL * len(jumps)), max(len(jumps) - 1 - _MOST_FEW, 0))]
    scale = max(float(np.median(steps)) / _OF_NORMAL, float(tail))
    # If even the mean is 0 the sampled rows have no steps: any jump is one among very many rows.
    return scale or _OF_MEAN * float(steps.mean()) or float(np.finfo(float).tiny)
