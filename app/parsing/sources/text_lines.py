"""Split a text into lines: quotes may enclose line breaks, and blank lines are left out."""

import re

import numpy as np

from app.parsing.errors import FileTooLarge
from app.parsing.lines import LineTexts, TextLines

# A quote that is open for more line breaks is never closed.
MOST_BREAKS = 10
# Reports show whole lines; 5,000 columns of 200 characters are as long.
MOST_LINE_BYTES = 1_000_000
WHOLE_LINE = re.compile(r'\s*"((?:[^"]|"")*)"\s*')


def split_lines(text: str) -> TextLines:
    """The lines of a text; a line that ends inside quotes is joined with the next.

    Raises:
        FileTooLarge: If there are more than `MOST_LINES`, or one is too long.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    texts = LineTexts.of_text(text)
    _require_short(texts)
    lines = TextLines(texts, np.arange(1, len(texts) + 1))
    return _joined(lines) if '"' in text else lines


def _require_short(texts: LineTexts) -> None:
    sizes = texts.ends - texts.starts
    longest = int(sizes.argmax())
    if sizes[longest] > MOST_LINE_BYTES:
        raise FileTooLarge(
            f"A line of the file must have at most {MOST_LINE_BYTES} bytes. Received: "
            f"{sizes[longest]} bytes in line {longest + 1}. Send a table with a row on each line."
        )


def _joined(lines: TextLines) -> TextLines:
    """Lines with balanced quotes; the lines as they are if that is not possible."""
    is_open = np.cumsum(lines.texts.counts('"')) % 2 == 1
    if not is_open.any():
        return lines
    begins = np.append(True, ~is_open[:-1])
    first = np.flatnonzero(begins)
    breaks = np.diff(np.append(first, len(lines))) - 1
    # A quote that is never closed would join the rest of the file: only its line is bad.
    if is_open[-1] or breaks.max() > MOST_BREAKS:
        return lines
    texts = lines.texts
    joined = LineTexts(texts.content, texts.starts[first], texts.ends[first + breaks])
    return TextLines(joined, lines.numbers[first])


def without_blank(
    lines: TextLines, delimiter: str, *, keep_rows: bool = False
) -> tuple[TextLines, int]:
    """The lines that hold more than separators, and the number of rows that hold only these.

    With `keep_rows` lines of separators stay: where rows are counted, each is a missing row.
    """
    ignored = f'{delimiter}" \t\ufeff\x1a'
    suspects = np.flatnonzero(lines.texts.hold_only(ignored.encode())).tolist()
    blank = [row for row in suspects if not lines.texts[row].strip(ignored)]
    if keep_rows:
        blank = [row for row in blank if delimiter not in lines.texts[row]]
    filled = np.ones(len(lines), dtype=bool)
    filled[blank] = False
    # Blank rows hold separators; an empty line at the end is only the last line's end.
    return lines.where(filled), sum(bool(lines.texts[row]) for row in blank)


def unquoted(lines: TextLines) -> TextLines:
    """The lines of a file that quotes each as a whole, `"a,b,c"`, without those quotes."""
    sample = [text for text in lines.texts[:100] if text.strip()]
    if sum(WHOLE_LINE.fullmatch(text) is not None for text in sample) < 0.9 * len(sample):
        return lines
    texts = []
    for text in lines.texts:
        match = WHOLE_LINE.fullmatch(text)
        texts.append(match[1].replace('""', '"') if match else text)
    return TextLines(LineTexts.of_lines(texts), lines.numbers)
