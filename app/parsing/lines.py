"""The lines of a file, each with its number, so that every finding can name its line."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.parsing.errors import FileTooLarge
from app.parsing.findings import Example

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# A line takes about 60 bytes beside its text: a file of empty lines could exhaust the memory.
MOST_LINES = 5_000_000
WHOLE_LINE = re.compile(r'\s*"((?:[^"]|"")*)"\s*')


class RowTexts(Sequence[str]):
    """Rows of a file format without lines, as text that is made when a report shows it."""

    def __init__(self, columns: list[Any], places: Numbers) -> None:
        self.columns = columns
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return RowTexts(self.columns, self.places[index])
        place = int(self.places[index])
        cells = (column[place].as_py() for column in self.columns)
        return ",".join("" if cell is None else str(cell) for cell in cells)


class SelectedTexts(Sequence[str]):
    """Selected texts, looked up one by one."""

    def __init__(self, texts: Sequence[str], rows: Numbers) -> None:
        self._texts = texts
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._texts[int(self._rows[index])]


@dataclass(frozen=True, slots=True)
class Lines:
    """Texts and their line numbers, counted from 1 in the file."""

    texts: Sequence[str]
    numbers: Numbers

    def __len__(self) -> int:
        return len(self.texts)

    def slice(self, start: int, stop: int | None = None) -> "Lines":
        """The lines from one place to another."""
        return Lines(self.texts[start:stop], self.numbers[start:stop])

    def where(self, mask: Mask) -> "Lines":
        """The lines that a mask selects."""
        if mask.all():
            return self
        if isinstance(self.texts, RowTexts):
            return Lines(RowTexts(self.texts.columns, self.texts.places[mask]), self.numbers[mask])
        return Lines(list(itertools.compress(self.texts, mask.tolist())), self.numbers[mask])

    def at_rows(self, rows: Numbers) -> "Lines":
        """The lines of the given rows, looked up when they are shown."""
        return Lines(SelectedTexts(self.texts, rows), self.numbers[rows])

    def examples(self, mask: Mask | None = None) -> Iterator[Example]:
        """The lines that a mask selects, one by one."""
        return self.at(np.arange(len(self)) if mask is None else np.flatnonzero(mask))

    def at(self, places: Numbers) -> Iterator[Example]:
        """The lines at the given places, in the order of the file."""
        return (Example(int(self.numbers[i]), self.texts[i]) for i in np.sort(places).tolist())


def split_lines(text: str) -> Lines:
    """The lines of a text; a line that ends inside quotes is joined with the next.

    Raises:
        FileTooLarge: If there are more than `MOST_LINES`.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    count = text.count("\n")
    if count > MOST_LINES:
        raise FileTooLarge(f"The file must have at most {MOST_LINES} lines. Received: {count}")
    texts = text.split("\n")
    lines = Lines(texts, np.arange(1, len(texts) + 1))
    return _joined(lines) if '"' in text else lines


def _joined(lines: Lines) -> Lines:
    """Lines with balanced quotes; the lines as they are if that is not possible."""
    if not any(text.count('"') % 2 for text in lines.texts if '"' in text):
        return lines
    texts: list[str] = []
    numbers: list[int] = []
    is_open = False
    for number, text in zip(lines.numbers.tolist(), lines.texts, strict=True):
        if is_open:
            texts[-1] = f"{texts[-1]}\n{text}"
        else:
            texts.append(text)
            numbers.append(number)
        is_open ^= bool(text.count('"') % 2)
    # A quote that is never closed would join the rest of the file: only its line is bad.
    longest = max(text.count("\n") for text in texts)
    return lines if is_open or longest > 10 else Lines(texts, np.array(numbers))


def without_blank(lines: Lines, delimiter: str, *, keep_rows: bool = False) -> tuple[Lines, int]:
    """The lines that hold more than separators, and the number of rows that hold only these.

    With `keep_rows` lines of separators stay: where rows are counted, each is a missing row.
    """
    ignored = f'{delimiter}" \t\ufeff\x1a'
    # A blank line begins with an ignored character, which rules out most lines quickly.
    suspects = [row for row, text in enumerate(lines.texts) if text[:1] in ignored]
    blank = [row for row in suspects if not lines.texts[row].strip(ignored)]
    if keep_rows:
        blank = [row for row in blank if delimiter not in lines.texts[row]]
    filled = np.ones(len(lines), dtype=bool)
    filled[blank] = False
    # Blank rows hold separators; an empty line at the end is only the last line's end.
    return lines.where(filled), sum(bool(lines.texts[row]) for row in blank)


def unquoted(lines: Lines) -> Lines:
    """The lines of a file that quotes each as a whole, `"a,b,c"`, without those quotes."""
    sample = [text for text in lines.texts[:100] if text.strip()]
    if sum(WHOLE_LINE.fullmatch(text) is not None for text in sample) < 0.9 * len(sample):
        return lines
    texts = []
    for text in lines.texts:
        match = WHOLE_LINE.fullmatch(text)
        texts.append(match[1].replace('""', '"') if match else text)
    return Lines(texts, lines.numbers)
