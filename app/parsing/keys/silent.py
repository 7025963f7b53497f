"""Find the key of a table whose rows have times of their own, by the steps between them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from app.parsing.keys.evidence import (
    MOST_CANDIDATES,
    MOST_COLUMNS,
    MOST_ROWS,
    Rows,
    changes_of,
    changes_often,
    is_hint,
    is_smoother,
)
from app.parsing.keys.labels import NO_LABEL, Label, combined, counts_from_zero, whole_numbers
from app.parsing.keys.steps import (
    LEAST_GOOD_SHARE,
    LEAST_REGULAR,
    LEAST_STEPS,
    GroupSteps,
    group_steps,
    one_group,
    without_weekends,
)
from app.parsing.lines import Mask
from app.parsing.times.fields import Integers
from app.parsing.values.cells import CellKind

SURE_REGULAR = 0.8
DAY = 86_400_000_000
# Days, weeks and years: a label that comes again after one of these is a part of the time.
CYCLES = (DAY, 7 * DAY, 365 * DAY, 366 * DAY)
# Columns with such names may name a part of each of these.
OF_TIME = re.compile(
    r"shift|schicht|turno|season|saison|estaci|tari|peak|daypart|part.?of|day|tag$|week|month|hour"
    r"|period|slot|phase|cycle"
)
CYCLE_TOLERANCE = 0.02
LEAST_ROUNDS = 5
LEAST_GROUP = 5
MOST_STEP_RATIO = 50
LEAST_JUMP_STEPS = 3
# Clocks are set forward or back by half an hour or one hour.
SHORTEST_SHIFT = 1_800_000_000
LONGEST_SHIFT = 3_600_000_000
LEAST_GAIN = 0.25
NEEDLESS_GAIN = 0.02


def find_silent_key(
    rows: Rows, labels: Sequence[Label], *, is_part: bool = False
) -> tuple[Label, ...] | None:
    """Columns that separate rows that hardly ever meet at one time, if evidence shows it.

    Args:
        rows: The rows.
        labels: Columns that may be the key.
        is_part: Whether the rows are those of one value of a key that is already found.
    """
    if len(rows.times) < 2 * LEAST_STEPS:
        return None
    blocks = _block_key(rows.times, labels)
    if blocks is not None:
        return blocks
    originals = {label.number: label for label in labels}
    rows, labels = _sample(rows, labels)
    # Jumps over weekends do not show several series.
    whole = one_group(without_weekends(rows.times))
    usual = sorted(
        (one for one in labels if (one.codes != NO_LABEL).all()),
        key=lambda one: (not one.is_text, not is_hint(one)),
    )[:MOST_CANDIDATES]
    for size in range(1, MOST_COLUMNS + 1):
        for columns in combinations(usual, size):
            if _is_key(rows, _as_one(columns), whole, is_part=is_part) and _is_least(rows, columns):
                return tuple(originals[label.number] for label in columns)
    by_values = (one for one in usual if _separates_values(rows, one, whole))
    found = next(by_values, None)
    return None if found is None else (originals[found.number],)


def _separates_values(rows: Rows, label: Label, whole: GroupSteps) -> bool:
    """Whether a text that changes often separates values of rows that come irregularly."""
    if not (label.is_text and changes_often(label)) or whole.overall >= LEAST_REGULAR:
        return False
    sizes = np.bincount(label.codes, minlength=label.count)
    return sizes.min() >= LEAST_GROUP and is_smoother(rows, label)


def _is_least(rows: Rows, columns: tuple[Label, ...]) -> bool:
    """Whether fewer of the columns would not make more regular series."""
    if len(columns) == 1:
        return True
    whole = group_steps(rows.times, combined(columns)).overall
    fewer = (combined(some) for some in combinations(columns, len(columns) - 1))
    return all(group_steps(rows.times, some).overall <= whole + NEEDLESS_GAIN for some in fewer)


def _as_one(columns: tuple[Label, ...]) -> Label:
    """Several columns as one label, whose values are the combinations that occur."""
    if len(columns) == 1:
        return columns[0]
    used, codes = np.unique(combined(columns), return_inverse=True)
    kind = next((one.kind for one in columns if not one.is_text), CellKind.TEXT)
    texts = tuple(map(str, used.tolist())) if kind != CellKind.TEXT else ("",) * len(used)
    return Label(columns[0].number, columns[0].name, kind, codes, texts)


def extend(rows: Rows, key: tuple[Label, ...], labels: Sequence[Label]) -> tuple[Label, ...]:
    """The key with the columns that separate the rows of its largest series further."""
    given = len(key)
    others = [label for label in labels if label not in key]
    while others and len(key) < MOST_COLUMNS:
        groups = combined(key)
        sizes = np.unique(groups[groups != NO_LABEL], return_counts=True)
        is_largest = groups == sizes[0][np.argmax(sizes[1])]
        found = find_silent_key(
            rows.where(is_largest), _labels_of(others, is_largest), is_part=True
        )
        if found is None:
            break
        numbers = {label.number for label in found}
        key = (*key, *(label for label in others if label.number in numbers))
        others = [label for label in others if label.number not in numbers]
    return _without_needless(rows, key[:MOST_COLUMNS], 0 if given < 2 else given)


def _without_needless(rows: Rows, key: tuple[Label, ...], kept: int) -> tuple[Label, ...]:
    """The key without columns, such as flags, without which its series are more regular."""
    for place in range(kept, len(key)):
        fewer = key[:place] + key[place + 1 :]
        if len(fewer) < 2:
            return key
        now, then = _separation(rows.times, key), _separation(rows.times, fewer)
        if then[0] <= now[0] and then[1] > now[1] + NEEDLESS_GAIN:
            return _without_needless(rows, fewer, kept)
    return key


def _separation(times: Integers, key: tuple[Label, ...]) -> tuple[int, float]:
    """The rows that meet others under a key, and the share of regular steps."""
    found = group_steps(times, combined(key))
    return len(times) - int(found.sizes.sum()), found.overall


def splits_worse(times: Integers, label: Label) -> bool:
    """Whether rows are regular together and irregular apart."""
    whole, split = one_group(times), group_steps(times, label.codes)
    return whole.overall > 0.8 and split.overall < 0.5


def _block_key(times: Integers, labels: Sequence[Label]) -> tuple[Label, ...] | None:
    """The fewest columns whose series stand one after the other, in the file or else in time."""
    found = _block_key_in_order(times, labels)
    if found is not None or (np.diff(times) >= 0).all():
        return found
    order = np.argsort(times, kind="stable")
    in_time = [replace(label, codes=label.codes[order]) for label in labels]
    found = _block_key_in_order(times[order], in_time)
    numbers = {label.number for label in found or ()}
    return tuple(label for label in labels if label.number in numbers) or None


def _block_key_in_order(times: Integers, labels: Sequence[Label]) -> tuple[Label, ...] | None:
    # A column that changes more often has no blocks, alone or with others.
    most = len(times) / LEAST_GROUP
    lasting = [one for one in labels if len(changes_of(one.codes)) < most][:MOST_CANDIDATES]
    for size in range(1, MOST_COLUMNS + 1):
        for columns in combinations(lasting, size):
            if _is_block_key(times, columns):
                return columns
    return None


def _is_block_key(times: Integers, columns: tuple[Label, ...]) -> bool:
    if any((one.codes == NO_LABEL).any() for one in columns):
        return False
    label = _as_one(columns)
    sizes = np.bincount(np.maximum(label.codes, 0), minlength=label.count)
    if sizes.min() < LEAST_GROUP:
        return False
    if not _in_blocks(times, label) or _names_the_year(times, label):
        return False
    steps = group_steps(times, label.codes).steps
    return bool(steps.max() <= MOST_STEP_RATIO * max(1, steps.min()))


def _sample(rows: Rows, labels: Sequence[Label]) -> tuple[Rows, list[Label]]:
    """The rows in the middle of a large file's time."""
    if len(rows.times) <= MOST_ROWS:
        return rows, list(labels)
    order = np.argsort(rows.times, kind="stable")
    first = (len(order) - MOST_ROWS) // 2
    chosen = np.zeros(len(order), dtype=bool)
    chosen[order[first : first + MOST_ROWS]] = True
    return rows.where(chosen), _labels_of(labels, chosen)


def _labels_of(labels: Sequence[Label], mask: Mask) -> list[Label]:
    """The labels of some rows, without values that these do not have."""
    found = []
    for label in labels:
        used, codes = np.unique(label.codes[mask], return_inverse=True)
        if len(used) > 1 and used[0] != NO_LABEL:
            texts = tuple(label.texts[code] for code in used.tolist())
            found.append(replace(label, codes=codes, texts=texts))
    return found


def _is_key(rows: Rows, label: Label, whole: GroupSteps, *, is_part: bool) -> bool:
    sizes = np.bincount(label.codes, minlength=label.count)
    if sizes.min() < LEAST_GROUP or _names_the_year(rows.times, label):
        return False
    split = group_steps(rows.times, label.codes)
    if split.steps.max() > MOST_STEP_RATIO * max(1, split.steps.min()):
        return False
    if (split.regular >= LEAST_REGULAR).mean() < LEAST_GOOD_SHARE:
        return False
    return _is_more_regular(rows, label, whole, split) or (
        _in_turn(rows, label) and _is_no_part_of_time(rows, label, split, is_part=is_part)
    )


def _is_more_regular(rows: Rows, label: Label, whole: GroupSteps, split: GroupSteps) -> bool:
    """Whether rows have regular steps, or are spread over their time, only when apart."""
    gains = (
        split.overall - whole.overall >= LEAST_GAIN
        or split.overall_span - whole.overall_span >= LEAST_GAIN
    )
    if not gains or split.overall < LEAST_REGULAR:
        return False
    return label.is_text or split.overall >= SURE_REGULAR or is_smoother(rows, label)


def _is_no_part_of_time(rows: Rows, label: Label, split: GroupSteps, *, is_part: bool) -> bool:
    """Whether labels that come in turn are more than a count of days, weeks or years."""
    if _has_natural_cycle(split):
        may_be_key = is_hint(label) or is_part or not _may_be_part_of_time(label)
        return may_be_key and is_smoother(rows, label)
    # Numbers from 0 on may be states of one machine that come in turn.
    is_named = is_hint(label) and not {"0", "0.0"} & set(label.texts)
    return label.is_text or is_named or is_smoother(rows, label)


def _may_be_part_of_time(label: Label) -> bool:
    """Whether a name or numbers fit a part of a day, a week or a year, such as a shift."""
    if OF_TIME.search(label.name.lower()):
        return True
    return not label.is_text and whole_numbers(label) and counts_from_zero(label.texts)


def _in_blocks(times: Integers, label: Label) -> bool:
    """Whether the series stand one after the other, and time jumps at each change.

    A jump forward must be as long as a few steps and some hours, and jumps of that length must not
    be usual within blocks; a jump back counts whatever its length, unless clocks were set back.
    """
    changes = changes_of(label.codes)
    if len(changes) + 1 != label.count:
        return False
    steps = np.diff(times)
    if np.median(steps) < 0:
        steps = -steps
    between = np.abs(steps[steps != 0])
    usual = int(np.median(between)) if len(between) else 0
    at_changes = steps[changes - 1]
    is_inside = np.ones(len(steps), dtype=bool)
    is_inside[changes - 1] = False
    shifts = np.abs(at_changes - usual)
    is_clock_change = (shifts > 0) & (shifts <= LONGEST_SHIFT) & (shifts % SHORTEST_SHIFT == 0)
    is_jump = (at_changes < 0) | (at_changes > LEAST_JUMP_STEPS * usual)
    may_be_zones = label.count == 2 and label.is_text
    if not (is_jump & ~(is_clock_change & may_be_zones)).all():
        return False
    smallest = int(np.abs(at_changes).min())
    inside = int((np.abs(steps[is_inside]) >= smallest).sum())
    return inside <= len(changes)


def _in_turn(rows: Rows, label: Label) -> bool:
    """Whether the series come in turn, always in the same order."""
    count, order = label.count, np.argsort(rows.times, kind="stable")
    codes = label.codes[order]
    if len(codes) < LEAST_ROUNDS * count:
        return False
    pairs, uses = np.unique(codes[:-1] * count + codes[1:], return_counts=True)
    by_use = np.lexsort((uses, pairs // count))
    is_usual = np.append(np.diff(pairs[by_use] // count) > 0, True)
    usual = by_use[is_usual]
    following = pairs[usual] % count
    is_circle = len(np.unique(following)) == count and (following != pairs[usual] // count).all()
    return bool(is_circle and uses[usual].sum() >= SURE_REGULAR * (len(codes) - 1))


def _has_natural_cycle(split: GroupSteps) -> bool:
    """Whether each label comes again after a day, a week or a year, as parts of times do."""
    cycle = float(np.median(split.steps))
    return any(abs(cycle - one) <= CYCLE_TOLERANCE * one for one in CYCLES)


def _names_the_year(times: Integers, label: Label) -> bool:
    """Whether each label holds the year of its first or last row, such as `2019/20`."""
    years = times.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    return all(_has_year(text, years[label.codes == code]) for code, text in _some(label))


def _some(label: Label) -> Iterator[tuple[int, str]]:
    return iter(list(enumerate(label.texts))[:20])


def _has_year(text: str, years: Integers) -> bool:
    found = {int(number) for number in re.findall(r"\d{4}", text)}
    return bool(found & {int(years.min()), int(years.max())})
