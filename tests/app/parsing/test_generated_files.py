"""Files of generated dialects: the generator knows the truth, the reader must find it or refuse."""

import csv
import io
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.parsing.errors import FileTooLarge, ParsingError, UnreadableFile
from tests.app.parsing.files import column, read_bytes, rejections

pytestmark = pytest.mark.unit

FIRST = datetime(1950, 1, 1, tzinfo=UTC)
FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d-%b-%Y %H:%M",
    "%Y%m%d%H%M%S",
)
NAMES = ("T (degC)", "wind speed", "p", "höhe", "a,b")


@dataclass(frozen=True)
class Dialect:
    """How a generated file is written."""

    delimiter: str
    decimal: str
    time_format: str
    encoding: str
    end: str
    quoted: bool
    newest_first: bool
    start: datetime
    step: timedelta


dialects = st.builds(
    Dialect,
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    time_format=st.sampled_from(FORMATS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoted=st.booleans(),
    newest_first=st.booleans(),
    start=st.integers(0, 90 * 365 * 24 * 60).map(lambda n: FIRST + timedelta(minutes=n)),
    step=st.sampled_from([timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)]),
)
# Two decimals, so that a number cannot be read as thousands and is exact as text.
numbers = st.one_of(st.none(), st.integers(-99_999, 99_999).map(lambda n: n / 100))
tables = st.integers(1, 3).flatmap(
    lambda width: st.lists(
        st.lists(numbers, min_size=width, max_size=width), min_size=30, max_size=60
    )
)


def moment_of(dialect: Dialect, row: int) -> datetime:
    """When a row was measured: forty days apart once, so that day and month are proven."""
    return dialect.start + row * dialect.step + (timedelta(days=40) if row > 20 else timedelta())


def written(dialect: Dialect, rows: list[list[float | None]]) -> bytes:
    """The file of some rows in a dialect."""
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if dialect.quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(
        text, delimiter=dialect.delimiter, lineterminator=dialect.end, quoting=quoting
    )
    writer.writerow(["time", *NAMES[: len(rows[0])]])
    lines = [
        [
            moment_of(dialect, number).strftime(dialect.time_format),
            *(_cell(v, dialect) for v in row),
        ]
        for number, row in enumerate(rows)
    ]
    writer.writerows(reversed(lines) if dialect.newest_first else lines)
    return text.getvalue().encode(dialect.encoding)


def _cell(value: float | None, dialect: Dialect) -> str:
    return "" if value is None else f"{value:.2f}".replace(".", dialect.decimal)


class TestGeneratedFiles:
    @given(dialect=dialects, rows=tables)
    @settings(max_examples=50, deadline=None)
    def test_every_dialect_is_read_rightly_or_refused(
        self, dialect: Dialect, rows: list[list[float | None]]
    ) -> None:
        try:
            table = read_bytes(written(dialect, rows), kind="generic")
        except ParsingError as error:
            # Only what cannot be known may be refused: the order of day and month.
            assert "two ways" in error.detail  # noqa: PT017
            assert dialect.time_format in ("%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M")
            return
        expected = [
            np.datetime64(moment_of(dialect, n).replace(tzinfo=None), "us")
            for n in range(len(rows))
        ]
        assert table.times.view("datetime64[us]").tolist() == [e.item() for e in expected]
        for number, name in enumerate(table.channels):
            assert column(table, name) == [row[number] for row in rows]
        assert rejections(table) == []

    @given(
        dialect=dialects,
        rows=tables,
        place=st.floats(0, 1, exclude_max=True),
        damage=st.binary(max_size=6),
    )
    @settings(max_examples=60, deadline=None)
    def test_a_damaged_file_is_read_or_refused_and_nothing_else(
        self, dialect: Dialect, rows: list[list[float | None]], place: float, damage: bytes
    ) -> None:
        content = written(dialect, rows)
        cut = int(place * len(content))
        try:
            table = read_bytes(content[:cut] + damage + content[cut + len(damage) :])
        except ParsingError:
            return
        assert (np.diff(table.times) > 0).all()
        assert not np.isinf(table.values).any()
        counted = len(table.times) + table.rows_duplicate + len(table.rejected)
        assert counted == table.rows_read

    @given(content=st.binary(max_size=300))
    @settings(max_examples=100, deadline=None)
    def test_any_bytes_are_read_or_refused(self, content: bytes) -> None:
        with suppress(FileTooLarge, UnreadableFile):
            read_bytes(content)
