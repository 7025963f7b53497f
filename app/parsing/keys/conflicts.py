"""Find the key of a table whose rows have times of other rows: it separates those."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from app.parsing.keys.evidence import (
    MOST_CANDIDATES,
    MOST_COLUMNS,
    MOST_ROWS,
    Rows,
    changes_often,
    is_hint,
    is_smoother,
)
from app.parsing.keys.labels import NO_LABEL, Label, combined
from app.parsing.keys.steps import (
    LEAST_GOOD_SHARE,
    LEAST_REGULAR,
    LEAST_STEPS,
    GroupSteps,
    group_steps,
    one_group,
)
from app.parsing.times.fields import Integers

# Under a key hardly any row has the time of another one.
MOST_LEFT_SHARE = 0.2
# But a few corrections may be left even where hardly any other rows meet.
CORRECTIONS_SHARE = 0.03
MOST_LEFT_WITH_FEW = 0.5
MOST_LEFT_OF_ALL = 0.1
MOST_WITHOUT_LABEL = 0.02
FEW_CONFLICTS = 0.02
LEAST_COVERAGE = 0.6
LEAST_MEAN_SIZE = 1.5
DAY = 86_400_000_000


def find_conflict_key(
    rows: Rows, labels: Sequence[Label], given: Sequence[Label] = ()
) -> tuple[Label, ...] | None:
    """The fewest columns that separate rows of the same time into complete or regular series.

    Args:
        rows: The rows.
        labels: Columns that may be part of the key.
        given: Columns that certainly are.
    """
    if not rows.repeated:
        return None
    whole = {label.number: label for label in (*labels, *given)}
    rows, labels, given = _around_conflicts(rows, labels, given)
    conflicts = _left(rows.times, given) if given else rows.repeated
    if not conflicts or (given and _are_few(conflicts, rows)):
        return None
    for size in range(1, MOST_COLUMNS + 1 - len(given)):
        found = [
            (score, columns)
            for columns in combinations(labels, size)
            if (score := _score(rows, (*given, *columns), conflicts)) is not None
        ]
        if found:
            best = max(found, key=lambda one: (one[0], _preference(one[1])))
            return tuple(whole[label.number] for label in (*given, *best[1]))
    return None


def _score(rows: Rows, columns: tuple[Label, ...], conflicts: int) -> float | None:
    """How well columns serve as the key; None if they do not."""
    groups = combined(columns)
    if (groups == NO_LABEL).mean() > MOST_WITHOUT_LABEL:
        return None
    left = _left(rows.times, columns)
    corrections = min(CORRECTIONS_SHARE * len(rows.times), MOST_LEFT_WITH_FEW * conflicts)
    allowed = max(MOST_LEFT_SHARE * conflicts, corrections)
    if left > min(allowed, MOST_LEFT_OF_ALL * len(rows.times)):
        return None
    found = group_steps(rows.times, groups)
    if found.sizes.mean() < LEAST_MEAN_SIZE or _is_clock_change(rows.times, groups, conflicts):
        return None
    share = _good_share(found, columns)
    if share >= LEAST_GOOD_SHARE:
        return share + float(found.coverage.mean())
    return 0.0 if len(columns) == 1 and _is_own_series(rows, columns[0], found) else None


def _good_share(found: GroupSteps, columns: tuple[Label, ...]) -> float:
    """The share of series, or of rows, whichever is less, that are complete or regular."""
    is_good = found.coverage >= LEAST_COVERAGE
    if all(label.is_text for label in columns):
        # Measured numbers may come again in regular steps by chance.
        is_good |= (found.regular >= LEAST_REGULAR) & (found.sizes > LEAST_STEPS)
    of_rows = (is_good * found.sizes).sum() / found.sizes.sum()
    return float(min(is_good.mean(), of_rows))


def _is_own_series(rows: Rows, label: Label, found: GroupSteps) -> bool:
    """Whether a text names series of irregular rows, such as those of vehicles."""
    if not (label.is_text and changes_often(label)):
        return False
    if (found.sizes >= LEAST_STEPS).mean() < LEAST_GOOD_SHARE:
        return False
    is_not_worse = found.regular.mean() >= one_group(rows.times).overall - 0.05
    return bool(is_not_worse) and (is_hint(label) or is_smoother(rows, label))


def _are_few(left: int, rows: Rows) -> bool:
    """Whether the rows that meet others under a key are repetitions within its series."""
    return left <= min(MOST_LEFT_SHARE * rows.repeated, MOST_LEFT_OF_ALL * len(rows.times))


def _left(times: Integers, columns: Sequence[Label]) -> int:
    """The rows that have time and label of another row."""
    groups = combined(columns)
    ranks = np.unique(times, return_inverse=True)[1]
    keys = ranks * (int(groups.max(initial=0)) + 2) + groups + 1
    return len(times) - len(np.unique(keys))


def _preference(columns: tuple[Label, ...]) -> tuple[int, int, int]:
    """Texts before numbers, usual names before others, few series before many."""
    return (
        sum(label.is_text for label in columns),
        sum(is_hint(label) for label in columns),
        -int(np.prod([float(label.count) for label in columns])),
    )


def _is_clock_change(times: Integers, groups: Integers, conflicts: int) -> bool:
    """Whether two labels only meet in the hours that occur twice in autumn."""
    if conflicts > FEW_CONFLICTS * len(times):
        return False
    order = np.argsort(times, kind="stable")
    meets = np.flatnonzero(np.diff(times[order]) == 0)
    at = times[order][meets]
    runs = np.split(at, np.flatnonzero(np.diff(at) > DAY) + 1)
    return all(int(run[-1] - run[0]) < DAY // 8 for run in runs) and len(np.unique(groups)) <= 3


def _around_conflicts(
    rows: Rows, labels: Sequence[Label], given: Sequence[Label]
) -> tuple[Rows, Sequence[Label], Sequence[Label]]:
    """The rows around the middle one of those that repeat a time, of a large file."""
    if len(rows.times) <= MOST_ROWS:
        return rows, labels[:MOST_CANDIDATES], given
    order = np.argsort(rows.times, kind="stable")
    repeats = np.flatnonzero(np.diff(rows.times[order]) == 0)
    first = max(0, int(repeats[len(repeats) // 2]) - MOST_ROWS // 2)
    chosen = np.sort(order[first : first + MOST_ROWS])
    taken = [replace(label, codes=label.codes[chosen]) for label in labels]
    varied = [label for label in taken if len(np.unique(label.codes)) > 1]
    fixed = [replace(label, codes=label.codes[chosen]) for label in given]
    return rows.where(chosen), varied[:MOST_CANDIDATES], fixed
