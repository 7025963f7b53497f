"""The lines of a file, each with its number, so that every finding can name its line."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from app.parsing.errors import FileTooLarge
from app.parsing.findings import Example

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# A line takes 24 bytes beside its text: a file of empty lines could exhaust the memory.
MOST_LINES = 5_000_000
NEWLINE = ord("\n")
# Marks are counted in this many lines at a time: their places take more memory than the text.
COUNTED_LINES = 100_000


class LineTexts(Sequence[str]):
    """Lines as ranges of one text in UTF-8: no object for each, and questions about all at once.

    Args:
        content: The text, with a line break behind each line but the last.
        starts: The byte at which each line begins.
        ends: The byte behind its last one.
    """

    def __init__(self, content: bytes, starts: Numbers, ends: Numbers) -> None:
        self.content = content
        self.starts = starts
        self.ends = ends

    @classmethod
    def of_text(cls, text: str) -> Self:
        """The lines of a text.

        Raises:
            FileTooLarge: If there are more than `MOST_LINES`.
        """
        content = text.encode()
        is_break = np.frombuffer(content, np.uint8) == NEWLINE
        count = np.count_nonzero(is_break)
        if count > MOST_LINES:
            raise FileTooLarge(f"The file must have at most {MOST_LINES} lines. Received: {count}")
        breaks = np.flatnonzero(is_break)
        return cls(content, np.append(0, breaks + 1), np.append(breaks, len(content)))

    @classmethod
    def of_lines(cls, texts: Iterable[str]) -> Self:
        """Lines that are texts already, and may have line breaks inside."""
        encoded = [text.encode() for text in texts]
        sizes = np.array([len(one) for one in encoded], dtype=np.int64)
        ends = np.cumsum(sizes + 1) - 1
        return cls(b"\n".join(encoded), ends - sizes, ends)

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[str]:
        texts = str(self.joined(), "utf-8").split("\n") if len(self) else []
        # There are more if lines have breaks inside.
        return iter(texts) if len(texts) == len(self) else (self[row] for row in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.where(index)
        return self.content[self.starts[index] : self.ends[index]].decode()

    def where(self, chosen: Mask | slice) -> "LineTexts":
        """The chosen lines, by mask or range."""
        return LineTexts(self.content, self.starts[chosen], self.ends[chosen])

    def with_texts(self, changed: dict[int, str]) -> "LineTexts":
        """The lines with other texts for some of them, by place."""
        new, rows = LineTexts.of_lines(changed.values()), list(changed)
        starts, ends, size = self.starts.copy(), self.ends.copy(), len(self.content) + 1
        starts[rows], ends[rows] = new.starts + size, new.ends + size
        return LineTexts(b"\n".join([self.content, new.content]), starts, ends)

    def joined(self) -> memoryview:
        """The lines one below the other; not copied if they stand so in the text."""
        gaps = np.flatnonzero(self.starts[1:] != self.ends[:-1] + 1)
        starts = self.starts[np.append(0, gaps + 1)].tolist()
        ends = self.ends[np.append(gaps, len(self) - 1)].tolist()
        content = memoryview(self.content)
        pieces = [content[start:end] for start, end in zip(starts, ends, strict=True)]
        return pieces[0] if len(pieces) == 1 else memoryview(b"\n".join(pieces))

    def begin_with(self, marks: bytes) -> Mask:
        """Which lines begin with one of these bytes."""
        if not self.content:
            return np.zeros(len(self), dtype=bool)
        # The place behind an empty last line is behind the text.
        first = self._bytes.take(self.starts, mode="clip")
        return _is_one_of(marks).take(first) & (self.starts < self.ends)

    def hold_only(self, marks: bytes) -> Mask:
        """Which lines hold no other bytes than these; empty lines do."""
        found: Mask = self.starts == self.ends
        rows = np.flatnonzero(self.begin_with(marks))
        places = self.starts[rows] + 1
        while len(rows):
            is_end = places == self.ends[rows]
            found[rows[is_end]] = True
            rows, places = rows[~is_end], places[~is_end]
            goes_on = _is_one_of(marks)[self._bytes[places]]
            rows, places = rows[goes_on], places[goes_on] + 1
        return found

    def counts(self, mark: str) -> Numbers:
        """How often each line has a character."""
        if mark.encode() not in self.content:
            return np.zeros(len(self), dtype=np.int64)
        starts = range(0, len(self), COUNTED_LINES)
        pieces = [self.where(slice(start, start + COUNTED_LINES)) for start in starts]
        return np.concatenate([np.zeros(0, np.int64), *(_counts(one, mark) for one in pieces)])

    @property
    def _bytes(self) -> npt.NDArray[np.uint8]:
        return np.frombuffer(self.content, np.uint8)


def _counts(lines: LineTexts, mark: str) -> Numbers:
    first, last = int(lines.starts.min()), int(lines.ends.max())
    content = np.frombuffer(lines.content, np.uint8)[first:last]
    encoded = mark.encode()
    places = np.flatnonzero(content[: len(content) - len(encoded) + 1] == encoded[0])
    for number, byte in enumerate(encoded[1:], start=1):
        places = places[content[places + number] == byte]
    starts, ends = lines.starts - first, lines.ends - first
    each = len(places) // len(lines)
    if each and len(places) == each * len(lines):
        # In most tables all lines have as many.
        of_lines = places.reshape(len(lines), each)
        if (of_lines[:, 0] >= starts).all() and (of_lines[:, -1] < ends).all():
            return np.full(len(lines), each)
    counts: Numbers = np.searchsorted(places, ends) - np.searchsorted(places, starts)
    return counts


def _is_one_of(marks: bytes) -> Mask:
    """For each byte, whether it is one of these."""
    found = np.zeros(256, dtype=bool)
    found[list(marks)] = True
    return found


class RowTexts(Sequence[str]):
    """Rows of a file format without lines, as text that is made when a report shows it."""

    def __init__(self, columns: list[Any], places: Numbers) -> None:
        self.columns = columns
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.where(index)
        place = int(self.places[index])
        cells = (column[place].as_py() for column in self.columns)
        return ",".join("" if cell is None else str(cell) for cell in cells)

    def where(self, chosen: Mask | slice) -> "RowTexts":
        """The chosen rows, by mask or range."""
        return RowTexts(self.columns, self.places[chosen])


class SelectedTexts(Sequence[str]):
    """Selected texts, looked up one by one."""

    def __init__(self, texts: Sequence[str], rows: Numbers) -> None:
        self._texts = texts
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return SelectedTexts(self._texts, self._rows[index])
        return self._texts[int(self._rows[index])]


@dataclass(frozen=True, slots=True)
class Lines:
    """Texts and their line numbers, counted from 1 in the file."""

    texts: Sequence[str]
    numbers: Numbers

    def __len__(self) -> int:
        return len(self.texts)

    def slice(self, start: int, stop: int | None = None) -> Self:
        """The lines from one place to another."""
        return replace(self, texts=self.texts[start:stop], numbers=self.numbers[start:stop])

    def where(self, mask: Mask) -> Self:
        """The lines that a mask selects."""
        count = int(np.count_nonzero(mask))
        if mask[:count].all():
            return self.slice(0, count)
        return replace(self, texts=_where(self.texts, mask), numbers=self.numbers[mask])

    def at_rows(self, rows: Numbers) -> "Lines":
        """The lines of the given rows, looked up when they are shown."""
        return Lines(SelectedTexts(self.texts, rows), self.numbers[rows])

    def examples(self, mask: Mask | None = None) -> Iterator[Example]:
        """The lines that a mask selects, one by one."""
        return self.at(np.arange(len(self)) if mask is None else np.flatnonzero(mask))

    def at(self, places: Numbers) -> Iterator[Example]:
        """The lines at the given places, in the order of the file."""
        return (Example(int(self.numbers[i]), self.texts[i]) for i in np.sort(places).tolist())


@dataclass(frozen=True, slots=True)
class TextLines(Lines):
    """The lines of a text, before it is known which of them are rows."""

    texts: LineTexts


def _where(texts: Sequence[str], mask: Mask) -> Sequence[str]:
    if isinstance(texts, LineTexts | RowTexts):
        return texts.where(mask)
    return SelectedTexts(texts, np.flatnonzero(mask))
