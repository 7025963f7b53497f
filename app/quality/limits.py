"""Values outside of the limits that a channel's settings give: its `minimum` and `maximum`."""

import numpy as np

from app.quality.sample import EXAMPLES, Channel, Finding, Integers, Sample, listed


def rows_outside(channel: Channel) -> Integers:
    """The rows with values outside of the channel's limits."""
    low: float | None = channel.known.get("minimum")
    high: float | None = channel.known.get("maximum")
    outside = np.zeros(len(channel.values), bool)
    if low is not None and channel.lowest < low:
        outside |= channel.values < low
    if high is not None and channel.highest > high:
        outside |= channel.values > high
    return np.flatnonzero(outside)


def limit_findings(sample: Sample, found: list[Integers]) -> list[Finding]:
    """One finding for the values of all channels that are outside of their limits."""
    if not any(map(len, found)):
        return []
    remarks = {
        sample.names[column]: _remark(sample, column, rows)
        for column, rows in enumerate(found)
        if len(rows)
    }
    places = sorted((int(row), n) for n, rows in enumerate(found) for row in rows[:EXAMPLES])
    message = f"Values outside of their channels' `minimum` and `maximum`: {listed(remarks)}."
    return [Finding("outside_limits", message, sum(map(len, found)), tuple(places[:EXAMPLES]))]


def _remark(sample: Sample, column: int, rows: Integers) -> str:
    """How many values are on each side of the limits, and the farthest of them."""
    known, values = sample.known[sample.names[column]], sample.values[rows, column]
    low, high = known.get("minimum"), known.get("maximum")
    remarks = []
    if low is not None and (below := values[values < low]).size:
        remarks.append(f"{below.size} below {low:g}, the lowest {below.min():g}")
    if high is not None and (above := values[values > high]).size:
        remarks.append(f"{above.size} above {high:g}, the highest {above.max():g}")
    return "; ".join(remarks)
