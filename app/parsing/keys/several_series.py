"""Detect files that hold rows of several series, by the columns that name them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from app.parsing.arrow import to_floats
from app.parsing.columns import ChosenColumns
from app.parsing.duplicates import are_few
from app.parsing.errors import SeveralSeries
from app.parsing.keys.conflicts import find_conflict_key
from app.parsing.keys.evidence import Rows, is_hint
from app.parsing.keys.labels import NO_LABEL, Label, coded, combined, find_label, whole_numbers
from app.parsing.keys.silent import extend, find_silent_key, splits_worse
from app.parsing.lines import Mask
from app.parsing.options import MOST_PARTS, ReadOptions
from app.parsing.rows import CheckedRows
from app.parsing.sources.grids import Grid
from app.parsing.sources.layout import Layout
from app.parsing.times.fields import Integers
from app.parsing.values.cells import CellKind
from models.arrays import Values

SYMBOL_NAME = re.compile(
    r"[^a-z]*(symbol|ticker|instrument|isin|cusip|pair|asset|coin|stock|currency)s?[^a-z]*"
)
VARIABLE_NAME = re.compile(
    r".*(variable|metric|parameter|indicator|measure|measurement|quantity|type|element|field"
    r"|pollutant|observation|item)s?([_ ]?(name|id|code))?"
)
SHOWN_VALUES = 3
MOST_VALUE_COLUMNS = 5
LEAST_LABELLED_SHARE = 0.98


def refuse_several_series(
    grid: Grid,
    chosen: ChosenColumns,
    times: Integers,
    rows: CheckedRows,
    *,
    options: ReadOptions,
    given: tuple[int, ...] = (),
) -> None:
    """Refuse a file with rows of several series, or of more than the `given` columns name.

    Raises:
        SeveralSeries: With the columns that name them, their number and some of their values.
    """
    found, by_conflicts = _find_key(grid, chosen, times, rows, options=options, given=given)
    if found:
        raise SeveralSeries(_message(found, grid.layout, chosen, by_conflicts=by_conflicts))


def _find_key(
    grid: Grid,
    chosen: ChosenColumns,
    times: Integers,
    rows: CheckedRows,
    *,
    options: ReadOptions,
    given: tuple[int, ...],
) -> tuple[tuple[Label, ...] | None, bool]:
    """The columns of the key, if more than the given ones, and whether conflicts show it."""
    layout, columns = grid.layout, grid.columns
    labels = _labels(columns, layout, chosen, rows.usable)
    if not labels:
        return None, False
    kept = times[rows.usable]
    # Sorting times that are nearly in order takes a tenth of the time of `np.unique`.
    repeated = int((np.diff(np.sort(kept, kind="stable")) == 0).sum())
    if repeated:
        is_first = _first_of_equal_rows(columns, chosen, kept, rows.usable)
        kept = kept[is_first]
        labels = [_where(label, is_first) for label in labels]
    else:
        is_first = np.ones(len(kept), dtype=bool)
    values = _values_of(columns, chosen, rows.usable, is_first)
    evidence = Rows(kept, values)
    named = tuple(label for label in labels if label.number in given)
    if len(named) < len(given):
        named = tuple(
            _where(_plain_label(columns, layout, n, rows.usable), is_first) for n in given
        )
    others = [label for label in labels if label.number not in given]
    if repeated and options.duplicates is None:
        found, by_conflicts = _key_of_meeting_rows(evidence, others, named, chosen)
        if found:
            return found, by_conflicts
    if named:
        whole = extend(evidence, named, _provable(others))
        return (whole if len(whole) > len(named) else None), False
    return _silent_key(evidence, others, chosen), False


def _key_of_meeting_rows(
    rows: Rows, labels: list[Label], named: tuple[Label, ...], chosen: ChosenColumns
) -> tuple[tuple[Label, ...] | None, bool]:
    """The key of rows of which some have the same time, and whether these show it.

    Few such rows may be corrections: then the steps of all rows are better evidence.
    """
    if not named and are_few(rows.repeated, len(rows.times)):
        found = _silent_key(rows, labels, chosen)
        if found:
            return found, False
    found = find_conflict_key(rows, _separating(labels, rows), named)
    return (extend(rows, found, _provable(labels)) if found else None), True


def _separating(labels: list[Label], rows: Rows) -> list[Label]:
    """Columns that may separate rows of the same time.

    Any measured number separates a correction from what it corrects: where few rows meet, numbers
    need the name of a key or the evidence of steps.
    """
    if are_few(rows.repeated, len(rows.times)):
        return [label for label in labels if label.is_text or is_hint(label)]
    return labels


def _silent_key(rows: Rows, labels: list[Label], chosen: ChosenColumns) -> tuple[Label, ...] | None:
    """A key without rows of the same time; a column named as one of symbols needs least proof."""
    found = None if chosen.asked else _with_labels(rows, _provable(labels))
    if found is None:
        symbols = [one for one in labels if one.is_text and SYMBOL_NAME.fullmatch(one.name.lower())]
        found = next(((one,) for one in symbols if not splits_worse(rows.times, one)), None)
    return None if found is None else extend(rows, found, _provable(labels))


def _with_labels(rows: Rows, labels: list[Label]) -> tuple[Label, ...] | None:
    """The silent key of the rows that have labels, where hardly any are missing."""
    present = [label.codes != NO_LABEL for label in labels]
    few_missing = [mask for mask in present if mask.mean() >= LEAST_LABELLED_SHARE]
    if all(mask.all() for mask in few_missing):
        return find_silent_key(rows, labels)
    whole = np.logical_and.reduce(few_missing)
    found = find_silent_key(rows.where(whole), [_where(label, whole) for label in labels])
    numbers = [label.number for label in found or ()]
    return tuple(label for label in labels if label.number in numbers) or None


def _provable(labels: list[Label]) -> list[Label]:
    """Columns that may be a key although no two times are the same."""
    return [label for label in labels if label.is_text or whole_numbers(label)]


def _labels(columns: list[Any], layout: Layout, chosen: ChosenColumns, usable: Mask) -> list[Label]:
    used = {*chosen.time, chosen.zone}
    if len(chosen.channels) == 1:
        # Without its only channel nothing of a series would be left.
        used |= set(chosen.channels)
    others = [number for number in range(len(columns)) if number not in used]
    found = (
        find_label(columns[n], n, layout.names[n], layout.kinds[n], usable)
        for n in others
        if layout.kinds[n] == CellKind.TEXT or not (chosen.asked and n in chosen.channels)
    )
    return [label for label in found if label is not None]


def _plain_label(columns: list[Any], layout: Layout, number: int, usable: Mask) -> Label:
    codes, texts = coded(columns[number])
    return Label(number, layout.names[number], layout.kinds[number], codes[usable], texts)


def _where(label: Label, mask: Mask) -> Label:
    return Label(label.number, label.name, label.kind, label.codes[mask], label.texts)


def _first_of_equal_rows(
    columns: list[Any], chosen: ChosenColumns, times: Integers, usable: Mask
) -> Mask:
    """The rows without those that repeat a whole row of the same time."""
    order = np.argsort(times, kind="stable")
    meets = np.diff(times[order]) == 0
    in_group = np.append(meets, False) | np.append(False, meets)
    suspects = np.sort(order[in_group])
    places = np.flatnonzero(usable)[suspects]
    keys = [times[suspects]]
    for number, column in enumerate(columns):
        if number not in chosen.time:
            keys.append(_codes_at(column, places))
    unique = np.unique(np.stack(keys, axis=1), axis=0, return_index=True)[1]
    is_first = np.ones(len(times), dtype=bool)
    is_first[suspects] = False
    is_first[suspects[unique]] = True
    return is_first


def _codes_at(column: Any, places: Integers) -> Integers:
    import pyarrow as pa

    buffers = [None, pa.py_buffer(np.ascontiguousarray(places, dtype=np.int64))]
    return coded(column.take(pa.Array.from_buffers(pa.int64(), len(places), buffers)))[0]


def _values_of(
    columns: list[Any], chosen: ChosenColumns, usable: Mask, mask: Mask
) -> Callable[[], Mapping[int, Values]]:
    """The numbers of the first channels, read only if they are needed as evidence.

    A comma is taken for a decimal separator: as evidence, numbers without thousands are enough.
    """

    def read() -> Mapping[int, Values]:
        numbers = list(chosen.channels)[:MOST_VALUE_COLUMNS]
        found = ((number, _numbers(columns[number])) for number in numbers)
        return {number: values[usable][mask] for number, values in found if values is not None}

    return read


def _numbers(column: Any) -> Values | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        if pa.types.is_string(column.type):
            trimmed = pc.utf8_trim_whitespace(column)
            trimmed = pc.replace_substring_regex(trimmed, r"^([+-]?\d*),(\d+)$", r"\1.\2")
            is_number = pc.match_substring_regex(
                trimmed, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
            )
            column = pc.if_else(is_number, trimmed, pa.nulls(1, pa.string())[0])
        return to_floats(column, np.nan)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _message(
    key: tuple[Label, ...],
    layout: Layout,
    chosen: ChosenColumns,
    *,
    by_conflicts: bool,
) -> str:
    groups = combined(key)
    codes = np.unique(groups[groups != NO_LABEL])
    shown = ", ".join(repr(_text(key, int(code))) for code in codes[:SHOWN_VALUES])
    more = ", ..." if len(codes) > SHOWN_VALUES else ""
    names = [label.name for label in key]
    what = (
        f"the column {names[0]!r} has {len(codes)} values"
        if len(key) == 1
        else f"the columns {' and '.join(map(repr, names))} have {len(codes)} combinations"
    )
    remedies = _remedies(key, len(codes), layout, chosen, by_conflicts=by_conflicts)
    return (
        f"The file holds several series: {what} ({shown}{more}) that distinguish the rows. "
        f"{remedies}"
    )


def _text(key: tuple[Label, ...], code: int) -> str:
    """The values that one combination stands for."""
    parts: list[str] = []
    for label in reversed(key):
        code, place = divmod(code, label.count)
        parts.append(label.texts[place])
    return ", ".join(reversed(parts))


def _remedies(
    key: tuple[Label, ...],
    count: int,
    layout: Layout,
    chosen: ChosenColumns,
    *,
    by_conflicts: bool,
) -> str:
    split = f"`split={','.join(_parameter(label, layout) for label in key)}`"
    if count > MOST_PARTS:
        return (
            f"At most {MOST_PARTS} series can be made of one upload: send the file in parts, each "
            f"with {split}."
        )
    sentences = [f"Add {split} to make {count} series, one for each."]
    values = [n for n in chosen.channels if n not in {label.number for label in key}]
    if len(values) == 1 and any(label.is_text for label in key):
        sentences.append(_pivot(key, _name(values[0], layout), layout))
    if by_conflicts and len(key) == 1:
        sentences.append("If it is one series after all, say with `duplicates=` which rows count.")
    elif len(key) == 1 and not SYMBOL_NAME.fullmatch(key[0].name.lower()):
        sentences.append("If it is one series after all, name its channels with `columns=`.")
    return " ".join(sentences)


def _pivot(key: tuple[Label, ...], value: str, layout: Layout) -> str:
    """The other remedy of a tidy table: its values as channels, of one series or of several."""
    texts = [label for label in key if label.is_text]
    named = [label for label in texts if VARIABLE_NAME.fullmatch(label.name.lower())]
    variable = (named or texts)[-1]
    pivot = f"`pivot={_parameter(variable, layout)}` with `value={value}`"
    rest = [_parameter(label, layout) for label in key if label is not variable]
    if not rest:
        return f"Or add {pivot} to make one series with a channel for each."
    return f"Or add {pivot} and `split={','.join(rest)}` to make channels of {variable.name!r}."


def _parameter(label: Label, layout: Layout) -> str:
    return _name(label.number, layout)


def _name(number: int, layout: Layout) -> str:
    """The column as the parameters name it: by its number if its name does not do."""
    name = layout.names[number]
    is_plain = "," not in name and name == name.strip() and "`" not in name
    return name if is_plain else str(number + 1)
