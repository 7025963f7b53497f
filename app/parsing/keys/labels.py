"""Columns whose values may name the series of each row, as small numbers."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.parsing import arrow
from app.parsing.arrow import to_integers
from app.parsing.lines import Mask
from app.parsing.times.fields import Integers
from app.parsing.times.month_names import MONTHS
from app.parsing.values.cells import NULLS, CellKind
from app.parsing.values.number_marks import without_marks
from models.calendars.timezones import find_zone
from models.errors import DataError

NO_LABEL = -1
SAMPLED_ROWS = 2_000
# Numbers are labels only if at most this share of sampled rows differ.
MOST_DIFFERENT_SHARE = 0.25
# Texts that hardly ever come again are notes.
MOST_VALUES_SHARE = 2 / 3
FEW_ROWS = 5
LEAST_DIFFERENT_ALLOWED = 20

NUMBER = re.compile(r"[+-]?[\d., ]+([eE][+-]?\d+)?")
WHOLE_NUMBER = re.compile(r"\d{1,12}(\.0)?")
PART_NAME = re.compile(
    r".*(hour|hr|minute|quarter|month|week|weekday|day|period|interval|slot|block|settlement"
    r"|season|year|stunde|heure|hora|tag|monat|jahr|mois|mes)(num|number|ofday|ending|end|no|id)?s?"
    r"|h|hh|mm|q|he"
)
# How many halves and quarters of hours, minutes and the like a day has, clock changes included.
COUNTS_OF_A_DAY = frozenset({23, 24, 25, 46, 48, 50, 92, 96, 100, 276, 288, 300, 1380, 1440, 1500})
# English, German, French, Spanish, Italian, Portuguese, Dutch.
_DAYS = (
    "monday tuesday wednesday thursday friday saturday sunday "
    "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag "
    "lundi mardi mercredi jeudi vendredi samedi dimanche "
    "lunes martes miércoles miercoles jueves viernes sábado sabado domingo "
    "lunedì lunedi martedì martedi mercoledì mercoledi giovedì giovedi venerdì venerdi domenica "
    "segunda terça terca quarta quinta sexta "
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag"
)
DAYS = _DAYS.split()
# Parts of days and of years.
_TIMES = (
    "day night morning noon afternoon evening am pm midnight daytime early late "
    "tag nacht morgen mittag nachmittag abend früh spät jour nuit matin soir día dia noche mañana "
    "winter spring summer autumn fall frühling frühjahr sommer herbst hiver printemps été automne "
    "invierno primavera verano otoño inverno estate autunno"
)
TIMES_OF_DAYS_AND_YEARS = frozenset(_TIMES.split())
PART_TEXT = re.compile(
    r"q[1-4]|[hst][1-4]|[mw]\d{1,2}|[ap]\.?m\.?|\d{1,2}([:.h]\d{2}){1,2}|h?e?\d{1,2}"
)
OFFSET = re.compile(r"((UTC|GMT)?[ ]?[+\-\u2212]\d{1,2}(:?\d{2})?)")
_ZONES = (
    "UTC GMT Z UT EST EDT ET CST CDT CT MST MDT MT PST PDT PT AKST AKDT HST AST ADT NST NDT BST "
    "IST WET WEST CET CEST MEZ MESZ EET EEST MSK JST KST HKT SGT PHT ICT WIB PKT AEST AEDT ACST "
    "ACDT AWST NZST NZDT SAST EAT WAT CAT BRT BRST ART CLT CLST COT PET"
)
ZONES = frozenset(_ZONES.split())


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """A column that may name series: its index, name and kind, and a code for each row.

    `codes` are below `count`; `NO_LABEL` where the field is empty. `texts` holds the values.
    """

    number: int
    name: str
    kind: CellKind
    codes: Integers
    texts: tuple[str, ...]

    @property
    def count(self) -> int:
        """The number of different values."""
        return len(self.texts)

    @property
    def is_text(self) -> bool:
        """Whether its values are texts and not numbers; `p1` is a text, a missing value is none."""
        return self.kind == CellKind.TEXT or any(
            not NUMBER.fullmatch(without_marks(text)) and text.lower() not in NULLS
            for text in self.texts
        )


def coded(column: Any) -> tuple[Integers, tuple[str, ...]]:
    """A column as codes, and the trimmed texts of its values, sorted; empty fields have none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = column if pa.types.is_string(column.type) else pc.cast(column, pa.string())
    encoded = texts.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    raw = [str(text).strip() for text in encoded.dictionary.to_pylist()]
    names = sorted({text for text in raw if text})
    places = {text: place for place, text in enumerate(names)}
    table = np.array([*(places.get(text, NO_LABEL) for text in raw), NO_LABEL], dtype=np.int64)
    no_label = arrow.indices(np.array([len(raw)]))[0]
    indices = to_integers(pc.fill_null(encoded.indices.cast("int64"), no_label))
    return table[indices], tuple(names)


def find_label(column: Any, number: int, name: str, kind: CellKind, usable: Mask) -> Label | None:
    """The column as a label, if few values come often and they are not parts of the time."""
    if kind == CellKind.NOTHING or (kind != CellKind.TEXT and not _few_numbers(column)):
        return None
    codes, texts = coded(column)
    if kind == CellKind.TEXT and _are_measured(texts):
        kind = CellKind.NUMBER
    rows = len(codes)
    if not 2 <= len(texts) <= max(FEW_ROWS, MOST_VALUES_SHARE * rows):
        return None
    if kind != CellKind.TEXT and len(texts) > max(LEAST_DIFFERENT_ALLOWED, rows / 4):
        return None
    if _are_zones(texts) or _are_parts(texts, name):
        return None
    return Label(number, name, kind, codes[usable], texts)


def _are_measured(texts: tuple[str, ...]) -> bool:
    """Whether texts are numbers and some have a mark, such as `-0.4%` or `88.5#`."""
    present = (text for text in texts if text.lower() not in NULLS)
    plain = ((text, without_marks(text)) for text in present)
    marked = [text != number for text, number in plain if NUMBER.fullmatch(number)]
    return any(marked) and len(marked) == sum(text.lower() not in NULLS for text in texts)


def whole_numbers(label: Label) -> bool:
    """Whether all values are whole numbers."""
    return all(WHOLE_NUMBER.fullmatch(text) for text in label.texts)


def combined(labels: Iterable[Label]) -> Integers:
    """One number for each row and combination of values; `NO_LABEL` where one is missing."""
    whole: Integers | None = None
    missing: Any = False
    for label in labels:
        missing = missing | (label.codes == NO_LABEL)
        whole = label.codes if whole is None else whole * label.count + label.codes
    if whole is None:
        raise ValueError("There must be at least one label.")
    return np.where(missing, NO_LABEL, whole)


def _few_numbers(column: Any) -> bool:
    """Whether sampled fields of a column of numbers repeat."""
    import pyarrow.compute as pc

    step = max(1, len(column) // SAMPLED_ROWS)
    rows = np.arange(0, len(column), step)
    sample = column.take(arrow.indices(rows))
    different = len(pc.unique(sample))
    return different <= max(LEAST_DIFFERENT_ALLOWED, MOST_DIFFERENT_SHARE * len(rows))


def _are_zones(texts: tuple[str, ...]) -> bool:
    return all(_is_zone(text) for text in texts[:100])


def _is_zone(text: str) -> bool:
    if text in ZONES or OFFSET.fullmatch(text):
        return True
    if "/" not in text:
        return False
    try:
        find_zone(text)
    except DataError:
        return False
    return True


def counts_from_zero(texts: tuple[str, ...]) -> bool:
    """Whether whole numbers are 0, 6, 12, ... or 6, 12, 18, ...: equal steps, as hours are."""
    numbers = sorted(int(float(text)) for text in texts)
    step = numbers[1] - numbers[0]
    equal = list(range(numbers[0], numbers[-1] + 1, step)) if step else []
    return numbers == equal and numbers[0] in (0, step)


def _are_parts(texts: tuple[str, ...], name: str) -> bool:
    """Whether the values are parts of a time: months, weekdays, quarters, hours of a day."""
    lower = [text.lower().rstrip(".") for text in texts]
    if all(text in TIMES_OF_DAYS_AND_YEARS for text in lower) or all(
        text in MONTHS or any(len(text) >= 2 and d.startswith(text) for d in DAYS) for text in lower
    ):
        return True
    is_part = PART_NAME.fullmatch(re.sub(r"[^a-z]", "", name.lower())) is not None
    if is_part and all(PART_TEXT.fullmatch(text) or WHOLE_NUMBER.fullmatch(text) for text in lower):
        return True
    if all(re.fullmatch(r"q[1-4]|\d{1,2}:\d{2}(:\d{2})?|[ap]\.?m", text) for text in lower):
        return True
    return _is_count(texts) and len(texts) in COUNTS_OF_A_DAY


def _is_count(texts: tuple[str, ...]) -> bool:
    """Whether the values are the whole numbers from 0 or 1 on."""
    if not all(WHOLE_NUMBER.fullmatch(text) for text in texts):
        return False
    numbers = sorted(int(float(text)) for text in texts)
    return numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
