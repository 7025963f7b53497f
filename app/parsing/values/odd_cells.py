"""Odd fields of columns of numbers, such as `T` or `<1`: stored as missing, counted by text."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.parsing import arrow
from app.parsing.arrow import to_mask
from app.parsing.lines import Mask
from app.parsing.rows import CheckedRows
from app.parsing.values.numbers import Numbers
from app.quality.missing_marks import LONGEST_TEXT, Mark, MissingMarks, merged, texts_of

# A comparison with a limit of measurement: `<1`, `> 2420`.
COMPARISON = "^[<>\u2264\u2265]"
# Texts that occur so often in a column are marks with a meaning; others may be damage.
LEAST_REPEATED = 2
SHOWN_TEXTS = 10
SHOWN_COLUMNS = 20
MOST_SUGGESTED = 50


@dataclass(frozen=True, slots=True)
class OddCells:
    """The odd fields of one column.

    Args:
        column: Its fields, an Arrow array.
        unreadable: Fields that are neither numbers nor words for missing values.
        infinite: Infinite numbers, and those too large for a float64.
    """

    column: Any
    unreadable: Mask
    infinite: Mask

    @property
    def mask(self) -> Mask:
        """All odd fields."""
        return self.unreadable | self.infinite

    def texts(self, mask: Mask) -> Any:
        """The trimmed texts of the masked fields."""
        import pyarrow as pa
        import pyarrow.compute as pc

        chosen = pc.take(self.column, arrow.indices(np.flatnonzero(mask)))
        return pc.utf8_trim_whitespace(pc.cast(chosen, pa.string()))

    def marks(self) -> Mask:
        """The unreadable fields whose text has a meaning: it is repeated, or a comparison."""
        import pyarrow.compute as pc

        places = np.flatnonzero(self.unreadable)
        texts = self.texts(self.unreadable)
        counts = Counter(texts.to_pylist())
        repeated = arrow.texts([text for text, n in counts.items() if n >= LEAST_REPEATED])
        is_mark = pc.or_(
            pc.is_in(texts, value_set=repeated), pc.match_substring_regex(texts, COMPARISON)
        )
        found = np.zeros(len(self.unreadable), dtype=bool)
        found[places[to_mask(is_mark)]] = True
        return found


def odd_cells(column: Any, numbers: Numbers) -> OddCells | None:
    """The odd fields of a column; None if it has none."""
    if not (numbers.unreadable.any() or numbers.infinite.any()):
        return None
    return OddCells(column, numbers.unreadable, numbers.infinite)


def without_texts(column: Any, marks: list[Mark]) -> Any:
    """A column with empty fields instead of the texts that mean missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = texts_of(marks)
    if not texts or column.type != pa.string():
        return column
    is_missing = pc.is_in(pc.utf8_trim_whitespace(column), value_set=arrow.texts(texts))
    return pc.if_else(is_missing, arrow.text(""), column)


def report_odd_cells(odd: dict[str, OddCells], present: MissingMarks, rows: CheckedRows) -> None:
    """Report the odd fields of usable rows, with texts that `missing` can list.

    Args:
        odd: Odd fields by channel.
        present: The marks of missing values that the channels have already.
        rows: The rows; those with an odd field stay usable.
    """
    on_rows = np.zeros(len(rows.usable), dtype=bool)
    counts: dict[str, Counter[str]] = {}
    for name, cells in odd.items():
        mask = cells.mask & rows.usable
        if mask.any():
            on_rows |= mask
            counts[name] = Counter(cells.texts(mask).to_pylist())
    if not counts:
        return
    total = sum(one.total() for one in counts.values())
    shown = [f"{name} ({_listed(counts[name])})" for name in list(counts)[:SHOWN_COLUMNS]]
    others = len(counts) - len(shown)
    more = f" and {others} other channels" if others else ""
    what = "Fields that are not finite numbers were stored as missing"
    message = f"{what}: {', '.join(shown)}{more}."
    rows.findings.report(
        "odd_cells", message, total, rows.lines.examples(on_rows), _suggestion(counts, present)
    )


def _listed(counts: Counter[str]) -> str:
    shown = ", ".join(
        f"{text[:LONGEST_TEXT]!r} {times}" for text, times in counts.most_common(SHOWN_TEXTS)
    )
    others = len(counts) - SHOWN_TEXTS
    return f"{shown} and {others} other texts" if others > 0 else shown


def _suggestion(counts: dict[str, Counter[str]], present: MissingMarks) -> dict[str, Any] | None:
    """Settings under which these texts are expected, as the body of a PATCH of the series."""
    channels = [
        {"name": name, "missing": merged(present.get(name, []), _suggested(texts))}
        for name, texts in counts.items()
        if _suggested(texts)
    ]
    return {"channels": channels} if channels else None


def _suggested(counts: Counter[str]) -> list[Mark]:
    """The most frequent texts that can be sent as marks: repeated ones, and comparisons."""
    return [
        text
        for text, times in counts.most_common(MOST_SUGGESTED)
        if (times >= LEAST_REPEATED or re.match(COMPARISON, text))
        and len(text) <= LONGEST_TEXT
        and text.isprintable()
    ]
