"""Find the table in a file: the lines before it, its header, names and number of columns."""

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from app.parsing.errors import FileTooLarge, MissingColumns, MixedDelimiters, NotATable
from app.parsing.findings import Findings
from app.parsing.lines import Lines, Mask, Numbers, TextLines
from app.parsing.names import name_of_cell
from app.parsing.sources.delimiters import CANDIDATES, count_fields, fields_of, split_fields
from app.parsing.sources.preambles import lines_above_names
from app.parsing.sources.stated_clocks import stated_clock
from app.parsing.times.column_names import is_time_name
from app.parsing.values.cells import CellKind, kind_of

SAMPLE_ROWS = 100
SAMPLE_FIELDS = 10_000
LEAST_SAMPLE_ROWS = 10
MOST_FIELDS = 5_000
MOST_HEADER_LINES = 3
COMMENTS = "#%"
# With a larger share of rows of other lengths, the lines are not a table with a few bad rows.
MOST_WRONG_SHARE = 1 / 3
NUMERIC = (CellKind.NUMBER, CellKind.MAYBE_MOMENT)


@dataclass(frozen=True, slots=True)
class Layout:
    """A table in a file.

    Args:
        names: The columns' names; an empty text where the file has none.
        header_lines: The number of lines that hold names.
        kinds: The usual kind of each column's fields.
        body: The rows, all with as many fields as there are names.
        rows_read: The number of rows, including unusable ones.
        settings: What the file says about columns, by index: units and the like.
        labels: Columns that hold labels by the format of the file, even if they look like numbers.
        clock: The clock that lines above the table name; empty if they name none.
    """

    names: tuple[str, ...]
    header_lines: int
    kinds: tuple[CellKind, ...]
    body: Lines
    rows_read: int
    settings: dict[int, dict[str, Any]] = field(default_factory=dict)
    labels: frozenset[int] = frozenset()
    clock: str = ""


@dataclass(frozen=True, slots=True)
class TextLayout(Layout):
    """A table in a text."""

    body: TextLines


def find_layout(
    lines: TextLines,
    delimiter: str,
    header: bool | None,
    findings: Findings,
    *,
    single_column: bool = False,
) -> TextLayout:
    """Separate preamble, header and rows; rows with a wrong number of fields are quarantined.

    A table has at least two columns unless `single_column` is true, as in files without times.

    Raises:
        NotATable: If there is only one column, no row, or no usual number of fields.
        MixedDelimiters: If lines above the rows have another delimiter.
    """
    counts = count_fields(lines.texts, delimiter)
    fields = _usual_fields(counts, lines, delimiter, single_column=single_column)
    start = first = _after_comments(lines, counts == fields, delimiter)
    table = lines.slice(start)
    fitting = np.flatnonzero(counts[start:] == fields)[: sample_rows(fields)].tolist()
    sample = [split_fields(table.texts[row], delimiter) for row in fitting]
    # The first rows may be names and are not used.
    kinds = usual_kinds(sample[min(MOST_HEADER_LINES, len(sample) // 2) :], fields)
    if above := 0 if header is False else lines_above_names(sample, partial(_is_data, kinds=kinds)):
        start, sample = start + fitting[above], sample[above:]
        table = lines.slice(start)
    header_lines = _header_lines(sample, kinds, header)
    if header is None:
        _refuse_mixed_header(lines.slice(first, start + header_lines), delimiter, fields)
    names = _joined_names(sample[:header_lines], fields)
    if not header_lines and start and header is not False:
        names = _names_before(lines.texts[start - 1], delimiter, kinds) or names
    named_before = not header_lines and any(names)
    _report_preamble(lines.slice(0, start - named_before), findings)
    is_row = _without_comments(table.slice(header_lines), findings)
    body = table.slice(header_lines).where(is_row)
    rows = _fitted(body, counts[start + header_lines :][is_row], delimiter, kinds, findings)
    return TextLayout(
        names,
        header_lines + named_before,
        kinds,
        rows,
        len(body),
        clock=stated_clock(lines.texts[: start + header_lines]),
    )


def _after_comments(lines: TextLines, has_usual_fields: Mask, delimiter: str) -> int:
    """The index of the table's first line; a comment can only be its header directly above it."""
    comments = 0
    while comments < len(lines) and lines.texts[comments][0] in COMMENTS:
        comments += 1
    names_follow = comments < len(lines) and _is_text(
        split_fields(lines.texts[comments], delimiter)
    )
    while comments and has_usual_fields[comments - 1] and not names_follow:
        comments -= 1
    if not has_usual_fields[comments:].any():
        comments = 0
    return comments + int(np.argmax(has_usual_fields[comments:]))


def _is_text(cells: list[str]) -> bool:
    """Whether no field is a number or a moment."""
    return all(kind_of(cell) in (CellKind.TEXT, CellKind.NOTHING) for cell in cells)


def _usual_fields(counts: Numbers, lines: TextLines, delimiter: str, *, single_column: bool) -> int:
    several = counts[counts > (0 if single_column else 1)]
    if not len(several):
        numbers = sum(kind_of(text.strip()) in NUMERIC for text in lines.texts[:SAMPLE_ROWS])
        if numbers > min(len(lines), SAMPLE_ROWS) / 2:
            raise MissingColumns(
                f"The file has one column only when it is read with `delimiter={delimiter}`, and "
                "not a time. Give the right one with `delimiter=`, or say when the rows are with "
                "`start=` and `cadence=`, such as start=2024-01-01 and cadence=1h."
            )
        raise NotATable(
            f"The file has one column only when it is read with `delimiter={delimiter}`: a "
            "series needs a time and at least one value. Give the right one with "
            f"`delimiter=`. The first line is: {lines.texts[0][:100]!r}"
        )
    fields = _most_frequent(several)
    if fields > MOST_FIELDS:
        raise FileTooLarge(f"The file must have at most {MOST_FIELDS} columns. Received: {fields}")
    return fields


def _most_frequent(counts: Numbers) -> int:
    """The most frequent number; of several that are as frequent, the one that comes first."""
    times = np.bincount(counts)
    is_most = times == times.max()
    return int(counts[np.argmax(is_most[counts])])


def sample_rows(fields: int) -> int:
    """The number of rows in a sample: fewer of a wide file, because every field is classified."""
    return max(min(SAMPLE_ROWS, SAMPLE_FIELDS // fields), LEAST_SAMPLE_ROWS)


def usual_kinds(rows: list[list[str]], fields: int) -> tuple[CellKind, ...]:
    """The most frequent kind of each column's fields."""
    return tuple(_most_common([row[column] for row in rows]) for column in range(fields))


def _most_common(cells: list[str]) -> CellKind:
    counts = Counter(kind_of(cell) for cell in cells)
    counts.pop(CellKind.NOTHING, None)
    if not counts:
        return CellKind.NOTHING
    numeric = sum(counts[kind] for kind in NUMERIC)
    kind, times = counts.most_common(1)[0]
    return CellKind.NUMBER if numeric > times else kind


def _header_lines(sample: list[list[str]], kinds: tuple[CellKind, ...], header: bool | None) -> int:
    if header is False:
        return 0
    # If no line looks like data, the first is the header and the others are rows.
    leading = sample[: MOST_HEADER_LINES + 1]
    found = next((number for number, row in enumerate(leading) if _is_data(row, kinds)), 1)
    return max(found, 1) if header else found


def _is_data(row: list[str], kinds: tuple[CellKind, ...]) -> bool:
    """Whether a line is a row: its time is a time, or its numbers are numbers."""
    cells = [kind_of(cell) for cell in row]
    for kind in (CellKind.MOMENT, CellKind.MAYBE_MOMENT, CellKind.NUMBER):
        if kind in kinds:
            return any(
                cell == kind for cell, usual in zip(cells, kinds, strict=True) if usual == kind
            )
    return False


def _refuse_mixed_header(lines: TextLines, delimiter: str, fields: int) -> None:
    """Refuse lines that were taken for names and are rows with another delimiter."""
    for number, text in zip(lines.numbers.tolist(), lines.texts, strict=True):
        others = (mark for mark in CANDIDATES if mark != delimiter and mark in text)
        other = next(
            (mark for mark in others if fields_of(text, mark) == fields),
            None,
        )
        if fields > 2 and other is not None:
            raise MixedDelimiters(
                f"The file mixes separators: line {number} ({text[:100]!r}) has {fields} fields "
                f"with {other!r}, as others have with {delimiter!r}. Send them as two files, or "
                "say with `header=true` that the line holds names."
            )


def _joined_names(rows: list[list[str]], fields: int) -> tuple[str, ...]:
    """Names from one or more header lines.

    They come from the line that names all columns and the time, such as `time,a,b`; else from the
    first line if its names are unique; else from all lines joined, such as `Close AAPL`.
    """
    for row in rows:
        cells = tuple(name_of_cell(cell) for cell in row)
        if all(cells) and len(set(cells)) == fields and any(map(is_time_name, cells)):
            return cells
    columns = [[row[column] for row in rows if row[column]] for column in range(fields)]
    first = [parts[0] if parts else "" for parts in columns]
    named = [name for name in first if name]
    if len(set(named)) < len(named):
        first = [" ".join(dict.fromkeys(parts)) for parts in columns]
    return tuple(name_of_cell(name) for name in first)


def _names_before(text: str, delimiter: str, kinds: tuple[CellKind, ...]) -> tuple[str, ...]:
    """Names from a header with one field more or less than the rows; empty if it is none."""
    cells = [name_of_cell(cell) for cell in split_fields(text.lstrip(f"{COMMENTS} "), delimiter)]
    while len(cells) > len(kinds) and not cells[-1]:
        cells.pop()
    if len(cells) == len(kinds) - 1:
        # Rows that end in a separator, or whose first column is an index without a name.
        cells = [*cells, ""] if kinds[-1] == CellKind.NOTHING else ["", *cells]
    is_header = len(cells) == len(kinds) and not _is_data(cells, kinds)
    return tuple(cells) if is_header else ()


def _report_preamble(lines: TextLines, findings: Findings) -> None:
    if len(lines):
        message = f"{len(lines)} lines before the table were skipped."
        findings.report("preamble", message, len(lines), lines.examples())


def _without_comments(lines: TextLines, findings: Findings) -> Mask:
    """The lines that are rows, not comments."""
    comments = lines.texts.begin_with(COMMENTS.encode())
    if comments.all():
        raise NotATable("The file has a header and no rows.")
    if comments.any():
        count = int(comments.sum())
        message = f"{count} lines that begin with # or % were skipped."
        findings.report("comments", message, count, lines.examples(comments))
    return ~comments


def _fitted(
    body: TextLines,
    counts: Numbers,
    delimiter: str,
    kinds: tuple[CellKind, ...],
    findings: Findings,
) -> TextLines:
    """The rows with the usual number of fields; missing or extra empty fields are tolerated."""
    wrong = counts != len(kinds)
    if not wrong.any():
        return body
    fitted = {}
    for row in np.flatnonzero(wrong).tolist():
        text = _with_fields(body.texts[row], delimiter, kinds)
        if text is not None:
            fitted[row], wrong[row] = text, False
    _require_a_table(counts, wrong, len(kinds), delimiter)
    for row in np.flatnonzero(wrong).tolist():
        reason = (
            f"{counts[row]} fields instead of {len(kinds)}"
            if counts[row]
            else "open or misplaced quotes"
        )
        findings.reject(int(body.numbers[row]), "wrong_field_count", reason, body.texts[row])
    return replace(body, texts=body.texts.with_texts(fitted)).where(~wrong)


def _with_fields(text: str, delimiter: str, kinds: tuple[CellKind, ...]) -> str | None:
    if len(delimiter) != 1 or '"' in text:
        return None
    cells = text.split(delimiter)
    fields = len(kinds)
    if len(cells) > fields and not any(cell.strip() for cell in cells[fields:]):
        return delimiter.join(cells[:fields])
    rest_is_empty = all(kind == CellKind.NOTHING for kind in kinds[len(cells) :])
    if len(cells) < fields and rest_is_empty:
        return text + delimiter * (fields - len(cells))
    return None


def _require_a_table(counts: Numbers, wrong: Mask, fields: int, delimiter: str) -> None:
    if wrong.sum() <= MOST_WRONG_SHARE * len(wrong):
        return
    seen = ", ".join(
        f"{times} rows with {count} fields"
        for count, times in Counter(counts.tolist()).most_common(5)
    )
    raise NotATable(
        f"The rows have no common number of fields when they are read with "
        f"`delimiter={delimiter}`: {seen}. Give the right one with `delimiter=`, or repair "
        f"the {int(wrong.sum())} rows that do not have {fields} fields."
    )
