"""Read a file as its sender would: follow what each refusal names until the file is read."""

import io
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.parsing.errors import ParsingError
from app.parsing.reader import Table, read_table
from app.parsing.split.parts import read_parts
from tests.app.parsing.files import LIMIT_BYTES, options_of

Options = dict[str, str]
Rows = dict[int, list[float | None]]

PIVOT = re.compile(
    r"`pivot=(?P<pivot>[^`]*)` with `value=(?P<value>[^`]*)`(?: and `split=(?P<split>[^`]*)`)?"
)
SPLIT = re.compile(r"Add `split=([^`]*)`")
OFFERED = re.compile(r"`(timezone|timestamp_format|decimal)=([^`]+)`")
RULES = ("last", "first", "mean", "sum")


@dataclass(frozen=True, slots=True)
class ReadSeries:
    """A series as it was read: its labels, its channels, a row for each instant, other lines."""

    labels: dict[str, str]
    channels: tuple[str, ...]
    rows: Rows
    rejected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file was not read."""

    detail: str


Found = list[ReadSeries] | Refusal


def read_by_library(content: bytes, query: Options) -> Found:
    """Read a file with the options of a query."""
    options, file = options_of(query), io.BytesIO(content)
    try:
        if options.split is None:
            return [_series({}, read_table(file, options, limit_bytes=LIMIT_BYTES))]
        parts = read_parts(file, options, limit_bytes=LIMIT_BYTES)
    except ParsingError as error:
        return Refusal(error.detail)
    return [_series(part.values, part.table) for part in parts]


def _series(labels: dict[str, str], table: Table) -> ReadSeries:
    rows = {
        at: [None if math.isnan(value) else value for value in row]
        for at, row in zip(table.times.tolist(), table.values.tolist(), strict=True)
    }
    return ReadSeries(labels, table.channels, rows, tuple(one.text for one in table.rejected))


def ways(
    read: Callable[[Options], Found], query: Options, answers: Options, *, most: int = 4
) -> Iterator[tuple[Options, Found]]:
    """All ways to read a file that refusals name, each with the parameters that it took.

    A refusal that names nothing to follow, or something that was done already, is a way as well.
    """
    found = read(query)
    named = remedies(found.detail, query, answers) if isinstance(found, Refusal) and most else []
    if not named:
        yield query, found
    for remedy in named:
        if remedy.items() <= query.items():
            yield query, found
        else:
            yield from ways(read, {**query, **remedy}, answers, most=most - 1)


def remedies(detail: str, query: Options, answers: Options) -> list[Options]:
    """What a refusal names: each is a set of parameters that must lead to the truth.

    A question, such as that for the zone, is answered with the truth, if that is offered.
    """
    found = [
        {name: text for name, text in match.groupdict().items() if text}
        for match in PIVOT.finditer(detail)
    ]
    found += [{"split": text} for text in SPLIT.findall(detail)]
    if found:
        return found
    is_split = bool({"split", "pivot"} & query.keys())
    if "name their columns with `split=`" in detail and answers["split"] and not is_split:
        return [{"split": answers["split"]}]
    if "`duplicates=last`" in detail:
        return [{"duplicates": rule} for rule in RULES]
    offered = set(OFFERED.findall(detail))
    return [{name: text} for name, text in sorted(offered) if answers.get(name) == text]
