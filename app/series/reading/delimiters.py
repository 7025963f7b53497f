"""How lines fall into fields: which separator, how many fields, and the columns they make."""

import csv
import re
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from app.errors import Invalid
from app.series.reading.lines import Lines

WHITESPACE = "whitespace"
# In this order: a comma may stand inside fields of the others (decimal comma), hardly
# ever the other way round.
CANDIDATES = ("\t", ";", "|", ",")
NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", " ": WHITESPACE}
SAMPLE_LINES = 300
LEAST_SHARE = 0.6
BLOCK_BYTES = 16 * 1024 * 1024
QUOTED = re.compile(r'"(?:[^"]|"")*"')
BLANK_SEPARATED = re.compile(r'"[^"]*"|\S+')


def named_delimiter(text: str) -> str:
    """The separator that a sender asked for, by character or by name.

    Raises:
        Invalid: If it is neither.
    """
    delimiter = NAMES.get(text, text)
    if delimiter != WHITESPACE and (len(delimiter) != 1 or delimiter.isalnum() or delimiter == '"'):
        raise Invalid(
            "`delimiter` must be one character that is no letter, digit or quote, or one of "
            f"comma, semicolon, tab, pipe, whitespace. Received: {text!r}"
        )
    return delimiter


def detect_delimiter(lines: Lines) -> str:
    """The separator that gives most lines the same number of fields."""
    sample = [text for text in lines.texts[: SAMPLE_LINES * 2] if text.strip()][:SAMPLE_LINES]
    for candidate in (*CANDIDATES, WHITESPACE):
        counts = Counter(count_fields(sample, candidate).tolist())
        fields, times = counts.most_common(1)[0]
        if fields > 1 and times >= LEAST_SHARE * len(sample):
            return candidate
    return max(reversed(CANDIDATES), key=lambda mark: sum(text.count(mark) for text in sample))


def count_fields(texts: list[str], delimiter: str) -> npt.NDArray[np.int64]:
    """How many fields each line has; 0 where a quote is never closed."""
    if delimiter == WHITESPACE:
        return np.array([len(BLANK_SEPARATED.findall(text)) for text in texts], dtype=np.int64)
    counts = [
        text.count(delimiter) + 1 if '"' not in text else _count_quoted(text, delimiter)
        for text in texts
    ]
    return np.array(counts, dtype=np.int64)


def split_fields(text: str, delimiter: str) -> list[str]:
    """The fields of one line, trimmed."""
    if delimiter == WHITESPACE:
        return [field.strip('"') for field in BLANK_SEPARATED.findall(text)]
    fields = next(csv.reader([text], delimiter=delimiter), [])
    return [field.strip() for field in fields]


def to_columns(lines: Lines, delimiter: str, fields: int) -> list[Any]:
    """The columns of lines that all have the same number of fields, as Arrow strings.

    Raises:
        Invalid: If quotes stand where no reader can make sense of them.
    """
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    texts = lines.texts
    if delimiter == WHITESPACE:
        texts = ["\t".join(BLANK_SEPARATED.findall(text)) for text in texts]
        delimiter = "\t"
    body = "\n".join(texts).encode()
    names = [str(number) for number in range(fields)]
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(body),
            read_options=arrow_csv.ReadOptions(
                column_names=names, block_size=BLOCK_BYTES, use_threads=False
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter,
                ignore_empty_lines=False,
                newlines_in_values=any("\n" in text for text in texts),
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string())
            ),
        )
    except pa.ArrowInvalid as error:
        raise Invalid(
            f"The fields cannot be told apart with `delimiter={delimiter}`: {error}"
        ) from error
    if len(table) != len(lines):
        raise Invalid(f"The lines cannot be told apart: {len(lines)} became {len(table)} rows.")
    return [column.combine_chunks() for column in table.columns]


def _count_quoted(text: str, delimiter: str) -> int:
    rest = QUOTED.sub("", text)
    return 0 if '"' in rest else rest.count(delimiter) + 1
