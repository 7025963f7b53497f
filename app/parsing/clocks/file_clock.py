"""Find the clock that a file names: in a column, behind its times, or in a column's name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.parsing import arrow
from app.parsing.arrow import to_integers
from app.parsing.columns import ChosenColumns
from app.parsing.errors import AmbiguousZone
from app.parsing.keys.several_series import SYMBOL_NAME
from app.parsing.options import ReadOptions
from app.parsing.sources.layout import Layout
from app.parsing.times.fields import Integers
from app.parsing.times.guesses import ZONED, guess_formats
from app.parsing.times.zone_names import (
    MINUTE,
    UNIVERSAL,
    Clock,
    clock_in_name,
    clock_of,
    is_abbreviation,
    is_clock,
    meanings,
)
from app.parsing.values.cells import CellKind

MOST_CLOCKS = 50
ZONE_NAME = re.compile(r".*(tz|zone|utc|gmt|dst|offset).*")
# Numbers are offsets only if the name says so: `zone` and `dst` alone are other numbers.
OFFSET_NAME = re.compile(
    r"tz.*|timezone.*|.*(tz|zone|utc|gmt).*(off|diff).*|.*(off|diff).*(utc|gmt).*"
)
# Beside the time without a name that says so: `CAT` and `EAT` may be other words.
SURE_CLOCK = re.compile(r"[A-Z]{1,3}[SD]T|C?ES?T|UTC|GMT|.*[\d/].*")
NO_CLOCK = -1


@dataclass(frozen=True, slots=True)
class FileClock:
    """The clocks that a file names for its times.

    Args:
        where: Where it names them.
        texts: How it names them.
        clocks: What these mean.
        codes: The index of each row's clock, `NO_CLOCK` where it names none; None if the first
            one is that of all rows.
    """

    where: str
    texts: tuple[str, ...]
    clocks: tuple[Clock, ...]
    codes: Integers | None = None

    @property
    def names(self) -> str:
        """The clocks as the file names them."""
        return ", ".join(self.texts)

    @property
    def uses_abbreviations(self) -> bool:
        """Whether the file names its clocks by abbreviations."""
        return any(is_abbreviation(text) for text in self.texts)


def clock_of_names(names: Sequence[str], asked: str | None) -> FileClock | None:
    """The clock in the names of the time's columns.

    Raises:
        AmbiguousZone: If an abbreviation means several clocks.
    """
    for name in names:
        if text := clock_in_name(name):
            where = f"the name of the column {name!r}"
            return FileClock(where, (text,), _clocks([text], where, asked))
    return None


def clock_of_layout(layout: Layout, asked: str | None) -> FileClock | None:
    """The clock that lines above the table name.

    Raises:
        AmbiguousZone: If an abbreviation means several clocks.
    """
    if not layout.clock:
        return None
    where = "a line above the table"
    return FileClock(where, (layout.clock,), _clocks([layout.clock], where, asked))


def take_clock(
    columns: Sequence[Any],
    layout: Layout,
    first_rows: Sequence[Sequence[str]],
    chosen: ChosenColumns,
    options: ReadOptions,
) -> tuple[ChosenColumns, FileClock | None]:
    """The columns in use without the one that names the clock of each row, and these clocks."""
    number = zone_column(layout.names, layout.kinds, first_rows, chosen)
    if number is None:
        return chosen, None
    where = f"the column {layout.names[number]!r}"
    is_text = layout.kinds[number] == CellKind.TEXT
    read = clock_of_column if is_text else clock_of_numbers
    clock = read(columns[number], where, options.timezone)
    if clock is None:
        return chosen, None
    text = tuple(one for one in chosen.text if one != number)
    channels = {
        one: name
        for one, name in chosen.channels.items()
        if one != number or (chosen.asked and not is_text)
    }
    return replace(chosen, text=text, channels=channels, zone=number), clock


def clock_of_column(column: Any, where: str, asked: str | None) -> FileClock | None:
    """The clocks that a column of texts names; None if any text is something else.

    Raises:
        AmbiguousZone: If an abbreviation means several clocks.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    found = [text for text in pc.unique(trimmed).to_pylist() if text]
    if not found or len(found) > MOST_CLOCKS or not all(map(is_clock, found)):
        return None
    places = pc.index_in(trimmed, value_set=arrow.texts(found))
    codes = to_integers(pc.fill_null(places, NO_CLOCK))
    return FileClock(where, tuple(found), _clocks(found, where, asked), codes)


def zone_column(
    names: Sequence[str],
    kinds: Sequence[CellKind],
    rows: Sequence[Sequence[str]],
    chosen: ChosenColumns,
) -> int | None:
    """The column that names the clock of each row, by its name and first rows.

    Texts must all name clocks; numbers are offsets if the column's name says so.
    """
    for number, name in enumerate(names):
        if number in chosen.time or kinds[number] not in (CellKind.TEXT, CellKind.NUMBER):
            continue
        cells = {row[number] for row in rows} - {""}
        plain = re.sub(r"[^a-z]", "", name.lower())
        if kinds[number] == CellKind.TEXT:
            is_beside = {number - 1, number + 1} & set(chosen.time)
            is_near = is_beside and all(map(SURE_CLOCK.fullmatch, cells))
            hint = ZONE_NAME.fullmatch(plain) or is_near or len(cells) > 1
            is_symbol = SYMBOL_NAME.fullmatch(name.lower())
            if cells and hint and not is_symbol and all(map(is_clock, cells)):
                return number
        elif OFFSET_NAME.fullmatch(plain) and (_are_signed(cells) or _unit(cells)):
            return number
    return None


def clock_of_numbers(column: Any, where: str, _: str | None) -> FileClock | None:
    """The clocks of a column of offsets in hours, minutes or seconds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    found = [text for text in pc.unique(trimmed).to_pylist() if text]
    if _are_signed(set(found)):
        return clock_of_column(column, where, None)
    unit = _unit(set(found))
    if unit is None or len(found) > MOST_CLOCKS:
        return None
    clocks = tuple(Clock(offset=round(float(text) * unit)) for text in found)
    codes = pc.fill_null(pc.index_in(trimmed, value_set=arrow.texts(found)), NO_CLOCK)
    return FileClock(where, tuple(found), clocks, to_integers(codes))


def _are_signed(cells: set[str]) -> bool:
    """Whether numbers are offsets in hours and minutes, such as `+0530`."""
    return bool(cells) and all(re.fullmatch(r"[+\-\u2212]\d{4}", cell) for cell in cells)


def _unit(cells: set[str]) -> int | None:
    """The unit of offsets in microseconds, by the largest of them; None if they are not offsets."""
    try:
        sizes = [abs(float(cell)) for cell in cells]
    except ValueError:
        return None
    for most, unit in ((14, 60), (14 * 60, 1), (14 * 3600, 1 / 60)):
        minutes = [size * unit for size in sizes]
        if sizes and max(sizes) <= most:
            is_clock = all(one % 15 == 0 for one in minutes)
            return round(unit * MINUTE) if is_clock else None
    return None


def times_without_clock(
    texts: Any, form: str | None, asked: str | None
) -> tuple[Any, FileClock | None]:
    """Times without what names their clock behind them, and these clocks.

    Such as `20220103 09:30:00 US/Eastern` or `1989-04-25 00:00 MDT`.
    """
    import pyarrow.compute as pc

    first = ZONED.fullmatch(str(texts[0])) if len(texts) else None
    if first is None or not _may_be_moment(first["moment"], form):
        return texts, None
    if (form or "").endswith(first["zone"]) or not is_clock(first["zone"]):
        return texts, None
    found = pc.extract_regex(texts, f"^{ZONED.pattern}$")
    behind = pc.struct_field(found, "zone")
    names = {text for text in pc.unique(behind).to_pylist() if text}
    if names <= UNIVERSAL or not all(map(is_clock, names)):
        return texts, None
    clock = clock_of_column(behind, "the text of each time", asked)
    moments = pc.coalesce(pc.struct_field(found, "moment"), texts)
    return pc.utf8_rtrim_whitespace(moments), clock


def _may_be_moment(text: str, form: str | None) -> bool:
    return form is not None or bool(guess_formats(text.strip()))


def _clocks(texts: list[str], where: str, asked: str | None) -> tuple[Clock, ...]:
    short = [text for text in texts if is_abbreviation(text)]
    found = meanings(short, asked)
    for text in short:
        if len(found[text]) > 1:
            choice = " or ".join(f"`timezone={zone}`" for zone in found[text].values())
            raise AmbiguousZone(
                f"{where[0].upper()}{where[1:]} names the clock {text}, which may be "
                + " or ".join(Clock(offset=offset).text for offset in found[text])
                + f". Say which it is with {choice}."
            )
    by_text = {text: Clock(offset=next(iter(found[text]))) for text in short}
    return tuple(by_text.get(text) or clock_of(text) or Clock() for text in texts)
