"""Recognise columns of times, or of parts of times, by name: date, time, year, month, hour, ..."""

import re
from itertools import pairwise

from app.parsing.times.month_names import MONTHS

TIME_NAME = re.compile(
    r".*(date|time|timestamp|datum|fecha)|yyyymm(dd(hh(mm(ss)?)?)?)?|ds|dt|t|index"
    r"|month|year|quarter|week|day|period|monat|jahr|mois|zeit|uhrzeit|heure|hora|epoch|unix.*|utc"
)
CLOCK_NAME = re.compile(
    r".*time|hours?(ending|end|number|ofday|oftheday)?(utc|gmt|local|[a-z]?[sd]t)?|hr|hh"
    r"|uhrzeit|zeit|heure|hora(utc)?|utc|hhmm(ss)?"
)

# Largest part first: synonyms of its name, the pattern of its fields, and its directive.
PARTS: dict[str, tuple[str, str, str]] = {
    "year": ("year yyyy yy yr y jahr annee an ano anno jaar", r"\d{4}|\d{2}", ""),
    "month": ("month mm mo mon m monat mois mes mese maand", r"\d{1,2}", "%m"),
    "day": ("day dd dy d tag jour dia giorno dayofmonth", r"\d{1,2}", "%d"),
    "day of the year": ("doy dayofyear yday julianday jday", r"\d{1,3}", "%j"),
    "hour": ("hour hh hr stunde heure hora ora", r"\d{1,2}", "%H"),
    "minute": ("minute min mn mi mm minuto minuut", r"\d{1,2}", "%M"),
    "second": ("second sec ss s segundo secondo", r"\d{1,2}", "%S"),
}
CLOCK = ("hour", "minute", "second")
# The same for columns without names: the directive, and the numbers that it allows.
BARE_PARTS = (
    ("%Y", range(1000, 3000)),
    ("%m", range(1, 13)),
    ("%d", range(1, 32)),
    ("%H", range(25)),
    ("%M", range(60)),
)


def is_time_name(name: str) -> bool:
    """Whether a name is that of a column of times."""
    return TIME_NAME.fullmatch(re.sub(r"[^a-z0-9]", "", name.lower())) is not None


def columns_of_parts(names: tuple[str, ...], first_row: list[str]) -> tuple[dict[str, int], str]:
    """The columns of a date in parts, largest first, and the format of their joined texts.

    Empty unless there is a year together with a month or a day of the year.
    """
    found = _found(names, first_row)
    if "year" not in found or not {"month", "day of the year"} & set(found):
        return {}, ""
    if "month" in found:
        found.pop("day of the year", None)
    has_day = {"day", "day of the year"} & set(found)
    clock = _clock(found) if has_day else []
    kept = [part for part in found if part not in CLOCK or part in clock]
    formats = [_format(part, first_row[found[part]]) for part in kept]
    return {part: found[part] for part in kept}, " ".join(formats)


def columns_of_bare_parts(rows: list[list[str]]) -> tuple[tuple[int, ...], str]:
    """Columns without names that are year, month, day, ...: their indices and joined format.

    Neighbouring columns are taken for a date if the numbers are valid parts of it, the rows are in
    time order, and the part before the last one changes.
    """
    for start in range(len(rows[0]) - 1):
        parts: list[list[int]] = []
        for (_, allowed), number in zip(BARE_PARTS, range(start, len(rows[0])), strict=False):
            cells = [row[number] for row in rows]
            if not all(cell.isdigit() and int(cell) in allowed for cell in cells):
                break
            parts.append([int(cell) for cell in cells])
            if len(parts) > 1 and len(set(parts[-2])) > 1 and _is_ordered(parts):
                places = tuple(range(start, start + len(parts)))
                return places, " ".join(directive for directive, _ in BARE_PARTS[: len(parts)])
    return (), ""


def _is_ordered(parts: list[list[int]]) -> bool:
    moments = list(zip(*parts, strict=True))
    up = all(one < other for one, other in pairwise(moments))
    return up or all(one > other for one, other in pairwise(moments))


def clock_parts(names: tuple[str, ...], first_row: list[str], hour: int) -> tuple[int, ...]:
    """The columns of minutes and seconds that go with a column of hours."""
    found = _found(names, first_row)
    if found.get("hour") != hour:
        return ()
    return tuple(found[part] for part in _clock(found)[1:])


def _clock(found: dict[str, int]) -> list[str]:
    """Hour, minute and second; a smaller part only if all larger ones exist."""
    parts: list[str] = []
    for part in CLOCK:
        if part not in found:
            break
        parts.append(part)
    return parts


def _found(names: tuple[str, ...], first_row: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part, (synonyms, pattern, _) in PARTS.items():
        for number, name in enumerate(names):
            plain = re.sub(r"[^a-z]", "", name.lower())
            if number in found.values() or plain not in synonyms.split():
                continue
            cell = first_row[number]
            if re.fullmatch(pattern, cell) or (part == "month" and cell.lower() in MONTHS):
                found[part] = number
                break
    return found


def _format(part: str, cell: str) -> str:
    if part == "year":
        return "%Y" if len(cell) == 4 else "%y"
    return "%b" if part == "month" and not cell.isdigit() else PARTS[part][2]
