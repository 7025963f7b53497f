"""How regular the times of groups of rows are."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.parsing.times.fields import Integers

Shares = npt.NDArray[np.float64]

# A step is regular if it differs from its group's usual one by at most this share.
TOLERANCE = 0.25
# Fewer steps do not show whether a group is regular.
LEAST_STEPS = 3


@dataclass(frozen=True, slots=True)
class GroupSteps:
    """For each group: its rows, its usual step, and the share of steps that equal it.

    `coverage` is the share of the file's times, from the group's first to its last, at which the
    group has a row.
    """

    sizes: Integers
    steps: Integers
    regular: Shares
    coverage: Shares

    @property
    def overall(self) -> float:
        """The share of regular steps of all groups together."""
        steps = np.maximum(self.sizes - 1, 0)
        return float((self.regular * steps).sum() / max(1, steps.sum()))


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
    usual, regular = _regular(times, starts, sizes)
    return GroupSteps(sizes, usual, regular, coverage)


def _regular(times: Integers, starts: Integers, sizes: Integers) -> tuple[Integers, Shares]:
    """The usual step of each group, and the share of its steps that equal it."""
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
    found = np.bincount(numbers, weights=is_usual, minlength=len(starts))
    return usual, np.where(has_steps, found / np.maximum(counts, 1), 0.0)


def one_group(times: Integers) -> GroupSteps:
    """The steps of all rows together."""
    return group_steps(times, np.zeros(len(times), dtype=np.int64))
