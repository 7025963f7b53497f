"""Read a file as its sender would: follow what each refusal names until the file is read."""

import io
import re
from collections.abc import Iterator
from typing import Any

from app.parsing.errors import ParsingError
from app.parsing.options import ReadOptions
from app.parsing.reader import Table, read_table
from app.parsing.split.parts import SeriesPart, read_parts
from tests.app.parsing.files import LIMIT_BYTES, options_of

Options = dict[str, str]
Read = Table | list[SeriesPart]

PIVOT = re.compile(
    r"`pivot=(?P<pivot>[^`]*)` with `value=(?P<value>[^`]*)`(?: and `split=(?P<split>[^`]*)`)?"
)
SPLIT = re.compile(r"Add `split=([^`]*)`")
OFFERED = re.compile(r"`(timezone|timestamp_format|decimal)=([^`]+)`")
RULES = ("last", "first", "mean", "sum")


def read(content: bytes, query: Options) -> Read:
    """Read a file with the options of a query."""
    options: ReadOptions = options_of(query)
    file = io.BytesIO(content)
    if options.split is not None:
        return read_parts(file, options, limit_bytes=LIMIT_BYTES)
    return read_table(file, options, limit_bytes=LIMIT_BYTES)


def remedies(detail: str, answers: dict[str, str], *, is_split: bool) -> list[Options]:
    """What a refusal names: each is a set of parameters that must lead to the truth.

    Of a question's answers only the true one is taken.
    """
    found = [
        {name: text for name, text in match.groupdict().items() if text}
        for match in PIVOT.finditer(detail)
    ]
    found += [{"split": text} for text in SPLIT.findall(detail)]
    if found:
        return found
    if "name their columns with `split=`" in detail and answers["split"] and not is_split:
        return [{"split": answers["split"]}]
    if "`duplicates=last`" in detail:
        return [{"duplicates": rule} for rule in RULES]
    offered = {(name, text) for name, text in OFFERED.findall(detail)}
    return [{name: text} for name, text in sorted(offered) if answers.get(name) == text]


def ways(
    content: bytes, query: Options, answers: dict[str, str], *, most: int = 4
) -> Iterator[tuple[Options, Read | ParsingError]]:
    """All ways to read a file that refusals name, each with the parameters that it took.

    A refusal that names nothing that can be followed, or one too many, is a way as well.
    """
    try:
        yield query, read(content, query)
    except ParsingError as error:
        named = (
            remedies(error.detail, answers, is_split=bool({"split", "pivot"} & query.keys()))
            if most
            else []
        )
        for remedy in named:
            if remedy.items() <= query.items():
                yield query, error
            else:
                yield from ways(content, {**query, **remedy}, answers, most=most - 1)
        if not named:
            yield query, error


def as_rows(table: Any, channels: tuple[str, ...]) -> dict[int, list[float | None]]:
    """The rows of a table by their microseconds since 1970; NaN becomes None."""
    places = [table.channels.index(name) for name in channels]
    values = table.values[:, places].tolist()
    return {
        at: [None if value != value else value for value in row]  # noqa: PLR0124
        for at, row in zip(table.times.tolist(), values, strict=True)
    }
