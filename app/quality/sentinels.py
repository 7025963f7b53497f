"""Find placeholders for missing values: known numbers, repeated ones, impossible zeros."""

import numpy as np

from app.quality.missing_marks import Mark, merged
from app.quality.sample import EXAMPLES, Channel, Column, Finding, Integers, Mask, Sample, listed
from app.quality.units import has_no_zero

PLACEHOLDERS = np.array(
    (
        *(-9999.0, -9999.9, -99999.0, -999.0, -999.9, -999.99, -8888.0, -7999.0, -200.0, -99.0),
        *(-99.9, 999.0, 999.9, 999.99, 9999.0, 9999.9, 9999.99, 99999.0, 99999.9, 999999.0),
        *(1e20, -1e20),
    )
)
# A number that is not a known placeholder must occur more often and be farther away from values
# that differ from each other: states and rare events are not placeholders.
_LEAST_TIMES = 3
_LEAST_DIFFERENT = 10
_FAR = 3.0
_MOST_BELOW_ZERO = 0.01


SentinelCounts = dict[float, int]


def find_sentinels(channel: Channel, *, is_market: bool) -> SentinelCounts:
    """The suspicious numbers of a channel, and how often each occurs."""
    no_zero = has_no_zero(channel.name, channel.known.get("unit"), is_market=is_market)
    if channel.is_empty or not _is_suspicious(channel, no_zero):
        return {}
    numbers, counts = np.unique(channel.present, return_counts=True)
    known = np.isin(numbers, PLACEHOLDERS)
    if no_zero:
        known |= numbers == 0
    suspects = known | _repeated_ends(numbers, counts, known)
    others, times = numbers[~suspects], counts[~suspects]
    if not len(others):
        return {}
    spread = _spread(others, times)
    return {
        float(number): int(count)
        for number, count, is_known in zip(
            numbers[suspects], counts[suspects], known[suspects], strict=True
        )
        if (is_known and _stands_out(number, count, others, times, spread))
        or (count >= _LEAST_TIMES and _is_far(number, others, spread))
    }


def sentinel_findings(sample: Sample, found: list[SentinelCounts]) -> list[Finding]:
    """One finding for each number; its suggestion makes all such numbers of a channel missing."""
    numbers = dict.fromkeys(number for one in found for number in one)
    return [_finding(sample, number, found) for number in numbers]


def _is_suspicious(channel: Channel, no_zero: bool) -> bool:
    """A fast test whether the channel may have placeholders; most channels have none."""
    ends = (channel.lowest, channel.highest)
    if np.isin(ends, PLACEHOLDERS).any() or (no_zero and channel.lowest <= 0):
        return True
    inner = channel.sample[(channel.sample > ends[0]) & (channel.sample < ends[1])]
    if not len(inner):
        return False
    low, high = inner[len(inner) // 100], inner[-1 - len(inner) // 100]
    return bool(max(low - ends[0], ends[1] - high) > _FAR * (high - low))


def _repeated_ends(numbers: Column, counts: Integers, known: Mask) -> Mask:
    """A mask of the lowest and highest number that is not a known placeholder, if repeated."""
    ends = np.zeros(len(numbers), dtype=bool)
    unknown = np.flatnonzero(~known)
    if len(unknown) > _LEAST_DIFFERENT:
        ends[unknown[[0, -1]]] = True
    return np.asarray(ends & (counts >= _LEAST_TIMES))


def _spread(others: Column, times: Integers) -> float:
    """The distance from the 1st to the 99th percentile of the other values, without outliers."""
    below = np.cumsum(times) / times.sum()
    low, high = np.searchsorted(below, [0.01, 0.99])
    return float(others[min(high, len(others) - 1)] - others[low])


def _stands_out(number: float, count: int, others: Column, times: Integers, spread: float) -> bool:
    """Whether a known placeholder is far from all other values, or negative among positive ones."""
    gap = float(np.abs(others - number).min())
    if number < 0 and gap >= abs(number) / 2:
        below_zero = times[others < 0].sum() / times.sum()
        if below_zero < _MOST_BELOW_ZERO:
            return True
    if number == 0:
        return gap > spread or bool(others[0] > 0 and count >= _LEAST_TIMES and gap > spread / 2)
    # A number that occurs once may be one of a few very large values.
    usual = spread if count > 1 else float(others[-1] - others[0])
    return gap > max(usual, 1.0)


def _is_far(number: float, others: Column, spread: float) -> bool:
    if number == 0 or len(others) < _LEAST_DIFFERENT:
        return False
    gap = float(np.abs(others - number).min())
    return gap > _FAR * spread and gap > others[-1] - others[0]


def _finding(sample: Sample, number: float, found: list[SentinelCounts]) -> Finding:
    columns = [column for column, one in enumerate(found) if number in one]
    where = listed({sample.names[n]: f"{found[n][number]} times" for n in columns})
    message = (
        f"{number:g} looks like a placeholder for a missing value: {where}. It was kept as a "
        f'number; to make it missing, give those channels `"missing": [{number:g}]`.'
    )
    places = [
        (int(row), column)
        for column in columns
        for row in np.flatnonzero(sample.values[:, column] == number)[:EXAMPLES]
    ]
    return Finding(
        "sentinel",
        message,
        sum(found[n][number] for n in columns),
        tuple(sorted(places)[:EXAMPLES]),
        {sample.names[n]: {"missing": _missing(sample, n, found[n])} for n in columns},
    )


def _missing(sample: Sample, column: int, found: SentinelCounts) -> list[Mark]:
    """The channel's present missing-value marks and all placeholders that were found in it."""
    present = sample.known.get(sample.names[column], {}).get("missing", [])
    return merged(present, list(found))
