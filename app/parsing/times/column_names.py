"""Recognise columns of times, or of parts of times, by name: date, time, year, month, hour, ..."""

import re
from itertools import pairwise

from app.parsing.times.clock_numbers import clock_format_of
from app.parsing.times.month_names import MONTHS
from app.parsing.times.period_columns import period_column
from app.parsing.times.periods import LARGEST
from app.parsing.times.zone_names import without_clock

TIME_NAME = re.compile(
    r".*(date|time|timestamp|datum|fecha)|yyyymm(dd(hh(mm(ss)?)?)?)?|ds|dt|t|index"
    r"|month|year|.*quarter|qtr|.*week|yyyyww|day|.*period|monat|jahr|mois|zeit|uhrzeit|heure|hora"
    r"|epoch.*|unix.*|utc|ts|(created|updated|recorded|observed|measured|sampled)(at|on)?"
    r"|(decimal|frac(tional)?|float|numeric)(year|date)|(year|date)(decimal|frac(tion)?|num)"
)
CLOCK_NAME = re.compile(
    r".*time|hours?(ending|end|number|ofday|oftheday)?(utc|gmt|local|[a-z]?[sd]t)?|hr|hh"
    r"|uhrzeit|zeit|heure|hora(utc)?|utc|hhmm(ss)?"
)

# Largest part first: synonyms of its name, the pattern of its fields, and its directive.
PARTS: dict[str, tuple[str, str, str]] = {
    "year": (
        "year yyyy yy yr y jahr annee an ano anno jaar fy fiscalyear calendaryear",
        r"(?:[FC]Y ?)?(?:\d{4}|\d{2})",
        "",
    ),
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


# A year, a day of the year and a time of day.
BARE_DAYS = (range(1900, 2100), range(1, 367), range(2401))
FULL_HOUR = "60"


def is_time_name(name: str) -> bool:
    """Whether a name, without the clock in it, is that of a column of times."""
    return any(
        TIME_NAME.fullmatch(re.sub(r"[^a-z0-9]", "", one.lower()))
        for one in (name, without_clock(name))
    )


def columns_of_parts(names: tuple[str, ...], rows: list[list[str]]) -> tuple[dict[str, int], str]:
    """The columns of a date in parts, largest first, and the format of their joined texts.

    Empty unless there is a year together with a month, a day of the year, or a quarter, half-year
    or week.
    """
    found = _found(names, rows[0])
    if "year" not in found:
        return {}, ""
    if not {"month", "day of the year"} & set(found):
        return _year_and_period(names, rows, found["year"])
    # A day of the year needs no month; without a day, a month does not say which day it is.
    needless = "day of the year" if {"month", "day"} <= set(found) else "month"
    if "day of the year" in found:
        found.pop(needless, None)
    has_day = {"day", "day of the year"} & set(found)
    clock = _clock(found) if has_day else []
    kept = [part for part in found if part not in CLOCK or part in clock]
    formats = [_format(part, rows[0][found[part]]) for part in kept]
    parts = {part: found[part] for part in kept}
    if clock[1:] and _is_full_hour(rows, parts):
        formats[kept.index("minute")] = FULL_HOUR
    if has_day and not clock:
        number, form = _clock_number(names, rows, set(found.values()))
        parts, formats = (parts | {"clock": number}, [*formats, form]) if form else (parts, formats)
    return parts, " ".join(formats)


def _year_and_period(
    names: tuple[str, ...], rows: list[list[str]], year: int
) -> tuple[dict[str, int], str]:
    number, form = period_column(names, rows, year)
    if not form:
        return {}, ""
    years = _format("year", rows[0][year])
    if "%V" in form:
        years = years.replace("%Y", "%G")
    return {"year": year, "period": number}, f"{years} {form}"


def _is_full_hour(rows: list[list[str]], parts: dict[str, int]) -> bool:
    """Whether minute 60 of the hours 1 to 24 stands on every row: hour 1 ends at 01:00."""
    minutes, hours = ({row[parts[part]] for row in rows} for part in ("minute", "hour"))
    return minutes == {FULL_HOUR} and not {"0", "00"} & hours


def _clock_number(
    names: tuple[str, ...], rows: list[list[str]], taken: set[int]
) -> tuple[int, str]:
    """The column of a time of day such as 5 or 930, and its format."""
    days = [[row[place] for place in taken] for row in rows]
    for number in range(len(names)):
        cells = [row[number] for row in rows]
        form = clock_format_of(names[number], cells, days) if number not in taken else None
        if form:
            return number, form
    return -1, ""


def columns_of_bare_parts(rows: list[list[str]]) -> tuple[tuple[int, ...], str]:
    """Columns without names that are year, month, day, ...: their indices and joined format.

    Neighbouring columns are taken for a date if the numbers are valid parts of it, the rows are in
    time order, and the part before the last one changes.
    """
    for start in range(len(rows[0]) - 1):
        places, form = _bare_date(rows, start)
        if places:
            return places, form
        if form := _bare_day_and_clock(rows, start):
            return (start, start + 1, start + 2), form
    return (), ""


def _bare_date(rows: list[list[str]], start: int) -> tuple[tuple[int, ...], str]:
    parts: list[list[int]] = []
    for (_, allowed), number in zip(BARE_PARTS, range(start, len(rows[0])), strict=False):
        cells = [row[number] for row in rows]
        if not all(cell.isdigit() and int(cell) in allowed for cell in cells):
            break
        parts.append([int(cell) for cell in cells])
        if len(parts) > 1 and len(set(parts[-2])) > 1 and _is_ordered(parts):
            form = " ".join(directive for directive, _ in BARE_PARTS[: len(parts)])
            form = _by_periods(parts) or form
            minutes = {row[number + 1] for row in rows} if number + 1 < len(rows[0]) else set()
            if form.endswith("%H") and minutes == {FULL_HOUR} and 0 not in parts[-1]:
                return tuple(range(start, number + 2)), f"{form} {FULL_HOUR}"
            return tuple(range(start, number + 1)), form
    return (), ""


def _by_periods(parts: list[list[int]]) -> str:
    """The format of years and quarters or half-years, if the years are full of them."""
    years, numbers = set(parts[0]), set(parts[1])
    for letter in "qK" if len(parts) == len(("year", "period")) else "":
        if numbers == set(range(1, LARGEST[letter] + 1)) and len(years) > 2:
            return f"%Y %{letter}"
    return ""


def _bare_day_and_clock(rows: list[list[str]], start: int) -> str:
    """The format of a year, a day of the year and a time of day as of loggers: 2018,291,930."""
    three = [row[start : start + 3] for row in rows]
    if len(three[0]) < len(BARE_DAYS) or not all(cell.isdigit() for row in three for cell in row):
        return ""
    parts = [[int(row[place]) for row in three] for place in range(len(BARE_DAYS))]
    allowed = all(set(part) <= set(numbers) for part, numbers in zip(parts, BARE_DAYS, strict=True))
    form = clock_format_of("hhmm", [row[2] for row in three], []) if allowed else None
    return f"%Y %j {form}" if form and len(parts[2]) > 1 and _is_ordered(parts) else ""


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
            plain = re.sub(r"[^a-z]", "", without_clock(name).lower())
            if number in found.values() or plain not in synonyms.split():
                continue
            cell = first_row[number]
            if re.fullmatch(pattern, cell) or (part == "month" and cell.lower() in MONTHS):
                found[part] = number
                break
    return found


def _format(part: str, cell: str) -> str:
    if part == "year":
        digits = cell.lstrip("FCY ")
        return cell.removesuffix(digits) + ("%Y" if len(digits) == 4 else "%y")
    return "%b" if part == "month" and not cell.isdigit() else PARTS[part][2]
