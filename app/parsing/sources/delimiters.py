"""Split lines into fields: detect the delimiter, count the fields, make columns of them."""

import re
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from app.parsing.errors import MixedDelimiters, NotATable, OptionInvalid
from app.parsing.findings import Rejected
from app.parsing.lines import NEWLINE, LineTexts, TextLines

WHITESPACE = "whitespace"
# In this order: files with other delimiters may have commas inside fields (decimal commas), and
# the reverse is rare.
CANDIDATES = ("\t", ";", "|", ",")
NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", " ": WHITESPACE}
SAMPLE_LINES = 300
LEAST_SHARE = 0.6
BLOCK_BYTES = 4 * 1024 * 1024
HIDDEN = "\x1f"
QUOTED = re.compile(r'"(?:[^"]|"")*"')
BLANK_SEPARATED = re.compile(r'"[^"]*"|\S+')


def named_delimiter(text: str) -> str:
    """The delimiter that a sender asked for, by character or by name.

    Raises:
        OptionInvalid: If it is neither one character nor a known name.
    """
    delimiter = NAMES.get(text, text)
    if delimiter != WHITESPACE and (len(delimiter) != 1 or delimiter.isalnum() or delimiter == '"'):
        raise OptionInvalid(
            "`delimiter` must be one character other than a letter, digit or quote, or one of "
            f"comma, semicolon, tab, pipe, whitespace. Received: {text!r}"
        )
    return delimiter


def detect_delimiter(lines: TextLines) -> str:
    """The delimiter that gives most lines the same number of fields."""
    sample = [text for text in lines.texts[: SAMPLE_LINES * 2] if text.strip()][:SAMPLE_LINES]
    for candidate in (*CANDIDATES, WHITESPACE):
        counts = Counter(count_fields(LineTexts.of_lines(sample), candidate).tolist())
        fields, times = counts.most_common(1)[0]
        if fields > 1 and times >= LEAST_SHARE * len(sample):
            return candidate
    return max(reversed(CANDIDATES), key=lambda mark: sum(text.count(mark) for text in sample))


def count_fields(texts: LineTexts, delimiter: str) -> npt.NDArray[np.int64]:
    """The number of fields of each line; 0 where quotes are open or misplaced."""
    if delimiter == WHITESPACE:
        return np.array([_count_blank_separated(text) for text in texts], dtype=np.int64)
    counts = texts.counts(delimiter) + 1
    for row in np.flatnonzero(texts.counts('"')).tolist():
        counts[row] = _count_quoted(texts[row], delimiter)
    return counts


def fields_of(text: str, delimiter: str) -> int:
    """The number of fields of one line."""
    return int(count_fields(LineTexts.of_lines([text]), delimiter)[0])


def split_fields(text: str, delimiter: str) -> list[str]:
    """The fields of one line with well-formed quotes, trimmed and without the quotes."""
    if delimiter == WHITESPACE:
        return _blank_separated(text)
    if '"' not in text:
        return [field.strip() for field in text.split(delimiter)]
    # Quoted delimiters are replaced by a control character during the split.
    hidden = QUOTED.sub(lambda match: match[0].replace(delimiter, HIDDEN), text)
    fields = [field.strip().replace(HIDDEN, delimiter) for field in hidden.split(delimiter)]
    return [
        field[1:-1].replace('""', '"').strip() if field.startswith('"') else field
        for field in fields
    ]


def refuse_mixed(rejected: list[Rejected], delimiter: str, fields: int) -> None:
    """Refuse a file of which several unusable lines are rows with another delimiter.

    Raises:
        MixedDelimiters: With the other delimiter and an example.
    """
    for other in CANDIDATES:
        alike = [
            one
            for one in rejected
            if other != delimiter and other in one.text and fields_of(one.text, other) == fields
        ]
        if len(alike) > 1:
            raise MixedDelimiters(
                f"The file mixes separators: {len(alike)} lines have {fields} fields with "
                f"{other!r}, as the others have with {delimiter!r} (line {alike[0].line}: "
                f"{alike[0].text[:100]!r}). Send them as two files, or say which rows count with "
                "`delimiter=`: the others are quarantined."
            )


def without_blanks_before_quotes(lines: TextLines, delimiter: str) -> TextLines:
    """Lines with `a,"b"` instead of `a, "b"`: CSV readers take a quote after a blank as text."""
    loose = re.compile(rf'{re.escape(delimiter)} +"')
    tight = f'{delimiter}"'
    texts = LineTexts.of_lines(loose.sub(lambda _: tight, text) for text in lines.texts)
    return TextLines(texts, lines.numbers)


def to_columns(lines: TextLines, delimiter: str, fields: int) -> list[Any]:
    """The columns of lines that all have the same number of fields, as Arrow strings.

    Raises:
        NotATable: If quotes are misplaced.
    """
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    texts = lines.texts
    if delimiter == WHITESPACE:
        texts = LineTexts.of_lines("\t".join(_blank_separated(text)) for text in texts)
        delimiter = "\t"
    body = texts.joined()
    line_breaks = np.count_nonzero(np.frombuffer(body, np.uint8) == NEWLINE)
    names = [str(number) for number in range(fields)]
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(body),
            read_options=arrow_csv.ReadOptions(
                column_names=names, block_size=BLOCK_BYTES, use_threads=len(body) > BLOCK_BYTES
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter,
                ignore_empty_lines=False,
                newlines_in_values=line_breaks >= len(texts),
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string())
            ),
        )
    except pa.ArrowInvalid as error:
        raise NotATable(
            f"The fields cannot be separated with `delimiter={delimiter}`: {error}"
        ) from error
    if len(table) != len(lines):
        raise NotATable(f"The lines cannot be separated: {len(lines)} became {len(table)} rows.")
    return [column.combine_chunks() for column in table.columns]


@cache
def _well_formed(delimiter: str) -> re.Pattern[str]:
    """Matches a line whose quotes enclose whole fields."""
    mark = re.escape(delimiter)
    field = rf'(?:"(?:[^"]|"")*"|[^"{mark}]*)'
    return re.compile(rf"{field}(?:{mark}{field})*")


def _count_quoted(text: str, delimiter: str) -> int:
    if _well_formed(delimiter).fullmatch(text) is None:
        return 0
    return QUOTED.sub("", text).count(delimiter) + 1


def _count_blank_separated(text: str) -> int:
    return 0 if text.count('"') % 2 else len(BLANK_SEPARATED.findall(text))


def _blank_separated(text: str) -> list[str]:
    return [field.replace('"', "") for field in BLANK_SEPARATED.findall(text)]
