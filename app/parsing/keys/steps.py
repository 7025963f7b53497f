"""How regular the times of groups of rows are."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.parsing.times.fields import Integers

Shares = npt.NDArray[np.float64]

# A step is regular if it differs from its group's usual one by at most this share.
TOLERANCE = 0.25
DAY = 86_400_000_000
# 1970-01-05 is a Monday.
FIRST_MONDAY, WORKING_DAYS, WEEK = 4 * DAY, 5 * DAY, 7 * DAY
# Fewer steps do not show whether a group is regular.
LEAST_STEPS = 3
# A group is regular, and columns are a key, from these shares on.
LEAST_REGULAR = 0.6
LEAST_GOOD_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class GroupSteps:
    """For each group: its rows, its usual step, and the share of steps that equal it.

    `spans` is the share of its time, from first to last row, that lies in regular steps: small
    where rows come in bursts. `coverage` is the share of the file's times in that time at which
    the group has a row.
    """

    sizes: Integers
    steps: Integers
    regular: Shares
    spans: Shares
    coverage: Shares

    @property
    def overall(self) -> float:
        """The share of regular steps of all groups together."""
        return self._mean(self.regular)

    @property
    def overall_span(self) -> float:
        """The share of time in regular steps of all groups together."""
        return self._mean(self.spans)

    def _mean(self, shares: Shares) -> float:
        steps = np.maximum(self.sizes - 1, 0)
        return float((shares * steps).sum() / max(1, steps.sum()))


def group_steps(times: Integers, groups: Integers) -> GroupSteps:
    """The steps of groups of rows; rows of one time and group count once."""
    order = np.lexsort((times, groups))
    times, groups = times[order], groups[order]
    is_new = np.append(True, (np.diff(groups) != 0) | (np.diff(times) != 0))
    times, groups = times[is_new], groups[is_new]
    ranks = np.unique(times, return_inverse=True)[1]
    starts = np.flatnonzero(np.append(True, np.diff(groups) != 0))
    ends = np.append(starts[1:], len(groups))
    sizes = ends - starts
    coverage = sizes / (ranks[ends - 1] - ranks[starts] + 1)
    return GroupSteps(sizes, *_regular(times, starts, sizes), coverage)


def _regular(times: Integers, starts: Integers, sizes: Integers) -> tuple[Integers, Shares, Shares]:
    """The usual step of each group, and the shares of its steps and its time that equal it."""
    numbers = np.repeat(np.arange(len(starts)), sizes)
    steps = np.diff(times, append=times[-1:])
    inside = np.diff(numbers, append=-1) == 0
    steps, numbers = steps[inside], numbers[inside]
    counts = sizes - 1
    firsts = np.cumsum(counts) - counts
    usual = np.zeros(len(starts), dtype=np.int64)
    has_steps = counts > 0
    by_size = np.lexsort((steps, numbers))
    usual[has_steps] = steps[by_size][(firsts + (counts - 1) // 2)[has_steps]]
    is_usual = np.abs(steps - usual[numbers]) <= TOLERANCE * usual[numbers]
    count = len(starts)
    found = np.bincount(numbers, weights=is_usual, minlength=count)
    spent = np.bincount(numbers, weights=is_usual * steps, minlength=count)
    whole = np.bincount(numbers, weights=steps, minlength=count)
    return usual, found / np.maximum(counts, 1), spent / np.maximum(whole, 1)


def without_weekends(times: Integers) -> Integers:
    """Times without the time of weekends between them, if no row is on one; else as they are."""
    weeks, into_week = np.divmod(times - FIRST_MONDAY, WEEK)
    if (into_week >= WORKING_DAYS).any():
        return times
    return weeks * WORKING_DAYS + into_week


def one_group(times: Integers) -> GroupSteps:
    """The steps of all rows together."""
    return group_steps(times, np.zeros(len(times), dtype=np.int64))
