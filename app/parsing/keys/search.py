"""Find the key of a table: the columns under which rows are unique and times are regular."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from app.parsing.keys.labels import NO_LABEL, Label, combined
from app.parsing.keys.steps import LEAST_STEPS, GroupSteps, group_steps, one_group
from app.parsing.times.fields import Integers

MOST_COLUMNS = 3
# Of larger files the rows around the middle one of those that repeat a time are looked at.
MOST_ROWS = 200_000
# Under a key hardly any row repeats another one's time.
MOST_LEFT_SHARE = 0.1
MOST_LEFT_OF_ALL = 0.02
# A group is complete, or has steps of its own.
LEAST_COVERAGE = 0.6
LEAST_REGULAR = 0.6
LEAST_GOOD_SHARE = 0.75
DAY = 86_400_000_000
# Days, weeks and years: a label that comes again after one of these is a part of the time.
CYCLES = (DAY, 7 * DAY, 365 * DAY, 366 * DAY)
CYCLE_TOLERANCE = 0.02
LEAST_ROUNDS = 5
LEAST_JUMP_STEPS = 3
LEAST_JUMP = 3 * 3_600_000_000 + 1
LEAST_GAIN = 0.25
SMOOTH_RATIO = 0.5

NAME_HINT = re.compile(
    r".*(symbol|ticker|instrument|isin|cusip|pair|asset|coin|stock|currency|id|code|name|key"
    r"|station|site|sensor|device|entity|location|place|city|country|region|state|store|shop"
    r"|item|product|sku|customer|meter|node|channel|metric|variable|parameter|indicator|series"
    r"|tag|plant|pump|machine|line|route|vehicle|house|building|pollutant|species|measure)s?"
)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that evidence is taken from, in the order of the file, without exact repetitions.

    `values` are the channels' numbers of the same rows, as far as they are plain ones.
    """

    times: Integers
    values: Callable[[], Sequence[Any]]

    @property
    def repeated(self) -> int:
        """The rows that have the time of another row."""
        return len(self.times) - len(np.unique(self.times))


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
    rows, (labels, given) = _around_conflicts(rows, labels, given)
    conflicts = _left(rows.times, given) if given else rows.repeated
    if not conflicts:
        return None
    for size in range(1, MOST_COLUMNS + 1 - len(given)):
        found = [
            (score, columns)
            for columns in combinations(labels, size)
            if (score := _score(rows, (*given, *columns), conflicts)) is not None
        ]
        if found:
            best = max(found, key=lambda one: (one[0], _preference(one[1])))
            return (*given, *best[1])
    return None


def find_silent_key(rows: Rows, labels: Sequence[Label]) -> Label | None:
    """A column that separates rows that hardly ever meet at one time, if evidence shows it."""
    if len(rows.times) < 2 * LEAST_STEPS:
        return None
    whole = one_group(rows.times)
    for label in sorted(labels, key=lambda one: (not one.is_text, not _is_hint(one))):
        if (label.codes == NO_LABEL).any() or _names_the_year(rows.times, label):
            continue
        if np.bincount(label.codes, minlength=label.count).min() < LEAST_STEPS:
            continue
        if _is_key(rows, label, whole):
            return label
    return None


def _is_key(rows: Rows, label: Label, whole: GroupSteps) -> bool:
    if _in_blocks(rows.times, label):
        return True
    split = group_steps(rows.times, label.codes)
    if (split.regular >= LEAST_REGULAR).mean() < LEAST_GOOD_SHARE:
        return (
            label.is_text
            and whole.overall < LEAST_REGULAR
            and _changes_often(label)
            and _is_smoother(rows, label)
        )
    gains = split.overall - whole.overall >= LEAST_GAIN
    if gains and split.overall >= LEAST_REGULAR:
        return label.is_text or _is_smoother(rows, label)
    return _in_turn(rows, label, split) and (label.is_text or _is_smoother(rows, label))


def splits_worse(times: Integers, label: Label) -> bool:
    """Whether rows are regular together and irregular apart."""
    whole, split = one_group(times), group_steps(times, label.codes)
    return whole.overall > 0.8 and split.overall < 0.5


def _score(rows: Rows, columns: tuple[Label, ...], conflicts: int) -> float | None:
    """How well columns serve as the key; None if they do not."""
    groups = combined(columns)
    if (groups == NO_LABEL).mean() > MOST_LEFT_OF_ALL:
        return None
    left = _left(rows.times, columns)
    if left > MOST_LEFT_SHARE * conflicts or left > MOST_LEFT_OF_ALL * len(rows.times):
        return None
    found = group_steps(rows.times, groups)
    if found.sizes.mean() < 2 or _is_clock_change(rows.times, groups, conflicts):
        return None
    is_good = found.coverage >= LEAST_COVERAGE
    if all(label.is_text for label in columns):
        # Measured numbers may come again in regular steps by chance.
        is_good |= (found.regular >= LEAST_REGULAR) & (found.sizes > LEAST_STEPS)
    share = min(is_good.mean(), (is_good * found.sizes).sum() / found.sizes.sum())
    if share >= LEAST_GOOD_SHARE:
        return float(share) + float(found.coverage.mean())
    is_one_text = len(columns) == 1 and columns[0].is_text and _changes_often(columns[0])
    if is_one_text and (found.sizes >= LEAST_STEPS).mean() >= LEAST_GOOD_SHARE:
        not_worse = found.regular.mean() >= one_group(rows.times).overall - 0.05
        if not_worse and (_is_hint(columns[0]) or _is_smoother(rows, columns[0])):
            return 0.0
    return None


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
        sum(_is_hint(label) for label in columns),
        -int(np.prod([float(label.count) for label in columns])),
    )


def _is_hint(label: Label) -> bool:
    return NAME_HINT.fullmatch(re.sub(r"[^a-z]", "", label.name.lower())) is not None


def _is_clock_change(times: Integers, groups: Integers, conflicts: int) -> bool:
    """Whether two labels only meet in the hours that occur twice in autumn."""
    if conflicts > MOST_LEFT_OF_ALL * len(times):
        return False
    order = np.argsort(times, kind="stable")
    meets = np.flatnonzero(np.diff(times[order]) == 0)
    at = times[order][meets]
    runs = np.split(at, np.flatnonzero(np.diff(at) > DAY) + 1)
    return all(int(run[-1] - run[0]) < DAY // 8 for run in runs) and len(np.unique(groups)) <= 3


def _around_conflicts(
    rows: Rows, labels: Sequence[Label], given: Sequence[Label]
) -> tuple[Rows, tuple[list[Label], list[Label]]]:
    """The rows around the middle one of those that repeat a time, of a large file."""
    if len(rows.times) <= MOST_ROWS:
        return rows, (list(labels), list(given))
    order = np.argsort(rows.times, kind="stable")
    repeats = np.flatnonzero(np.diff(rows.times[order]) == 0)
    first = max(0, int(repeats[len(repeats) // 2]) - MOST_ROWS // 2)
    chosen = np.sort(order[first : first + MOST_ROWS])
    times, values = rows.times[chosen], rows.values

    def of(many: Sequence[Label]) -> list[Label]:
        taken = [replace(label, codes=label.codes[chosen]) for label in many]
        return [label for label in taken if len(np.unique(label.codes)) > 1 or label in given]

    return Rows(times, lambda: [column[chosen] for column in values()]), (of(labels), of(given))


def _runs(codes: Integers) -> Integers:
    """The places at which the label differs from that of the row before."""
    return np.flatnonzero(np.diff(codes) != 0) + 1


def _changes_often(label: Label) -> bool:
    return len(_runs(label.codes)) >= 0.3 * len(label.codes)


def _in_blocks(times: Integers, label: Label) -> bool:
    """Whether the series stand one after the other, and time jumps at each change.

    A jump forward must be as long as a few steps and some hours, and jumps of that length must not
    be usual within blocks; a jump back counts whatever its length, unless clocks were set back.
    """
    changes = _runs(label.codes)
    if len(changes) + 1 != label.count:
        return False
    steps = np.diff(times)
    if np.median(steps) < 0:
        steps = -steps
    usual = int(np.median(np.abs(steps)))
    at_changes = steps[changes - 1]
    is_inside = np.ones(len(steps), dtype=bool)
    is_inside[changes - 1] = False
    goes_back = at_changes < -max(LEAST_JUMP, 2 * usual)
    least = max(LEAST_JUMP, LEAST_JUMP_STEPS * usual)
    if not (goes_back | (at_changes > least)).all():
        return False
    smallest = int(np.abs(at_changes).min())
    inside = int((np.abs(steps[is_inside]) >= smallest).sum())
    return inside <= len(changes)


def _in_turn(rows: Rows, label: Label, split: GroupSteps) -> bool:
    """Whether the series come in turn, in a circle that is not a day, a week or a year."""
    count, order = label.count, np.argsort(rows.times, kind="stable")
    codes = label.codes[order]
    if len(codes) < LEAST_ROUNDS * count:
        return False
    is_in_turn = (codes[count:] == codes[:-count]) & (codes[count:] != codes[count - 1 : -1])
    if is_in_turn.mean() < LEAST_REGULAR + 0.2:
        return False
    cycle = float(np.median(split.steps))
    return not any(abs(cycle - one) <= CYCLE_TOLERANCE * one for one in CYCLES)


def _is_smoother(rows: Rows, label: Label) -> bool:
    """Whether values change less from row to row of one label than from row to row of all."""
    order = np.argsort(rows.times, kind="stable")
    apart = np.lexsort((rows.times, label.codes))
    same = np.diff(label.codes[apart]) == 0
    for values in rows.values():
        if np.isnan(values).mean() > 0.5:
            continue
        together = np.nanmedian(np.abs(np.diff(values[order])))
        alone = np.nanmedian(np.abs(np.diff(values[apart]))[same])
        if together > 0 and alone < SMOOTH_RATIO * together:
            return True
    return False


def _names_the_year(times: Integers, label: Label) -> bool:
    """Whether each label holds the year of its first or last row, such as `2019/20`."""
    years = times.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    return all(_has_year(text, years[label.codes == code]) for code, text in _some(label))


def _some(label: Label) -> Iterator[tuple[int, str]]:
    return iter(list(enumerate(label.texts))[:20])


def _has_year(text: str, years: Integers) -> bool:
    found = {int(number) for number in re.findall(r"\d{4}", text)}
    return bool(found & {int(years.min()), int(years.max())})
