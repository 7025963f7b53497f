"""Guess the formats that a text may be written in if it looks like a moment."""

import re
from collections.abc import Callable

from app.parsing.times.formats import DECIMAL_YEAR, EPOCH_DIGITS, TimeFormat, compile_format
from app.parsing.times.month_names import MONTHS
from app.parsing.times.periods import named_periods, numbered_periods
from app.parsing.times.zone_names import is_clock

_SEPARATED = re.compile(r"(\d{1,2}|\d{4})([-/.])(\d{1,2})\2(\d{4}|\d{1,2})(?!\d)")
_BLANKS_BETWEEN = re.compile(r"\d{1,2} \d{1,2} \d{4}(?!\d)")
_CHINESE = re.compile(r"\d{4}年\d{1,2}月\d{1,2}日")
# May also be a two-digit year, month and day: the rows prove one, or the file is refused.
_COMPACT_MONTH = re.compile(r"(?:1[7-9]|20)\d\d(?:0[1-9]|1[0-2])$")
_MONTH = re.compile(r"(\d{4})([-/M])(\d{1,2})(?![-/\d])")
_DAY_OF_YEAR = re.compile(r"(\d{4})([-/]?)[0-3]\d\d(?![-/\d])")
_MONTH_YEAR = re.compile(r"(\d{1,2})([-/])(\d{4})(?![-/\d])")
_NAME = r"([A-Za-zÀ-ÿ]{3,10})"
_DAY_NAME_YEAR = re.compile(
    rf"(\d{{1,2}})(\. |[-/ .]|)(?:de )?{_NAME}(\.?[-/ ,]*(?:de )?)(\d{{4}}|\d{{2}})(?!\d)"
)
_NAME_DAY_YEAR = re.compile(rf"{_NAME}([-/ .]+)(\d{{1,2}})([-/ ,]+)(\d{{4}})(?!\d)")
_YEAR_NAME_DAY = re.compile(rf"(\d{{4}})([-/ ]){_NAME}\2(\d{{1,2}})(?!\d)")
_NAME_YEAR = re.compile(rf"{_NAME}([-/ .,'\u2019_]{{0,2}})(\d{{4}}|(?<![^\W\d_])\d{{2}})(?!\d)")
_YEAR_NAME = re.compile(rf"(\d{{4}}|\d{{2}}(?![A-Za-z]))([-/ .,_]{{0,2}}){_NAME}\.?$")
_ASCTIME = re.compile(rf"{_NAME}( +)\d{{1,2}} \d{{1,2}}:\d{{2}}:\d{{2}} \d{{4}}$")
_COMPACT = re.compile(r"((?:1[5-9]|2[01])\d\d)(0[1-9]|1[0-2])([0-2]\d|3[01])(?=\D|$|\d{4}(\d\d)?$)")
# May also be seconds since 1970, but only for times after 2030.
_COMPACT_HOUR = re.compile(
    r"((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=(?:[01]\d|2[0-4])$)"
)
_YEAR = re.compile(r"(?:1[0-9]|2[0-9])\d\d$")
_DECIMAL_YEAR = re.compile(r"[12]\d{3}\.\d{1,17}")
_WEEKDAY = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*(,? +)", re.IGNORECASE)
_CLOCK = re.compile(r"\d{1,2}([:.h])\d{2}(?:\1\d{2}(?:([.,])\d{1,9})?)?(?!\d)")
_COMPACT_CLOCK = re.compile(r"\d{4}(\d{2})?(?!\d)")
_SPACED_CLOCK = re.compile(r"\d{1,2} \d{1,2}( \d{1,2})?$")
_SEPARATOR = re.compile(r"T|,?\s+|:")
_HALF = re.compile(r"([\s-]*)[AaPp](?:\.?[Mm]\.?)?(?![A-Za-z])")
_OFFSET = re.compile(r"(\s*)(?:Z|z|(?:UTC|GMT)?[+-]\d{2}(?::?\d{2})?|UTC|GMT)( \([^()%]+\))?$")
_DASHED = "(?P<start>\\S.*\\d)\\s+[-\u2013]\\s+(?P<end>\\d.*)"
# ISO 8601: two moments, or a moment and a duration.
_SLASHED = r"(?P<start>\d{4}[^/]*[\dZz])\s*(?:/|--)\s*(?P<end>\d[^/]*|P[\dTYMWDHS.,]+)"
HOURS_OF_A_DAY = 24
INTERVALS = tuple(map(re.compile, (_DASHED, _SLASHED)))
# The hours or times of day between which a row's interval lies, beside its date: `00 - 01`.
CLOCK_RANGE = re.compile(
    "(?P<start>\\d{1,2}:\\d{2})\\s*[-\u2013]\\s*\\d{1,2}:\\d{2}"
    "|(?P<hour>\\d{2})\\s+[-\u2013]\\s+(?P<next>\\d{2})"
)
# A moment and the name of its zone, or the abbreviation of its clock.
ZONED = re.compile(
    r"(?P<moment>.*\d(?: ?[AaPp]\.?[Mm]\.?)?)\s*[ (\[]"
    r"(?P<zone>[A-Z][A-Za-z]+/[A-Za-z_/]+|[A-Z]{3,5})[)\]]?"
)
_EPOCH = re.compile(r"[+-]?(\d+)(?:\.\d+)?")


def guess_formats(text: str) -> list[TimeFormat]:
    """All formats that a text may be in: none if it is not a moment, several if it is ambiguous."""
    weekday = _WEEKDAY.match(text)
    prefix = f"%a{weekday[1]}" if weekday else ""
    body = text[weekday.end() :] if weekday else text
    formats = []
    for date, end in _dates(body):
        clock = clock_format(body[end:], after_date=True)
        if clock is not None:
            formats.append(compile_format(prefix + date + clock))
    return [made for made in formats if re.match(made.pattern, text)]


def without_zone(text: str) -> str:
    """A moment without the name of its clock after it, such as `US/Eastern` or `MDT`."""
    match = ZONED.fullmatch(text)
    is_zoned = match and guess_formats(match["moment"].strip()) and is_clock(match["zone"])
    return match["moment"].strip() if match and is_zoned else text


def start_of_interval(text: str) -> str | None:
    """The first moment of an interval, such as `begin - end` or `begin/end`; None if it is none."""
    interval = interval_pattern(text)
    match = interval.fullmatch(text) if interval else None
    return match["start"] if match else None


def start_of_clocks(text: str) -> str | None:
    """The first time of day of a range such as `00 - 01` or `00:30-01:00`; None if it is none."""
    match = CLOCK_RANGE.fullmatch(text)
    if match is None or match["start"]:
        return match and match["start"]
    hour, following = int(match["hour"]), int(match["next"])
    is_next = following == hour + 1 or (hour, following) == (23, 0)
    return f"{hour:02}:00" if is_next and hour < HOURS_OF_A_DAY else None


def interval_pattern(text: str) -> re.Pattern[str] | None:
    """The pattern of intervals that a text is written in; None if it is not an interval."""
    return next((pattern for pattern in INTERVALS if _is_interval(pattern.fullmatch(text))), None)


def _is_interval(match: re.Match[str] | None) -> bool:
    if match is None or not guess_formats(match["start"]):
        return False
    end = match["end"]
    return end.startswith("P") or bool(guess_formats(end) or _CLOCK.fullmatch(end))


def guess_epoch(text: str) -> list[TimeFormat]:
    """The formats of seconds, milliseconds, ... since 1970 that have this number of digits."""
    match = _EPOCH.fullmatch(text)
    if match is None:
        return []
    digits = len(match[1])
    return [
        TimeFormat(name, rf"^(?P<epoch>[+-]?\d{{{low},{high}}}(?:\.\d+)?)$", ("epoch",))
        for name, (low, high) in EPOCH_DIGITS.items()
        if low <= digits <= high
    ]


def guess_decimal_year(text: str) -> list[TimeFormat]:
    """The formats of a decimal year, which may also be a year with the number of its month."""
    if not _DECIMAL_YEAR.fullmatch(text):
        return []
    months = [form for form in numbered_periods(text) if "%V" not in form]
    return [compile_format(form) for form in (*months, DECIMAL_YEAR)]


def guess_year(text: str) -> list[TimeFormat]:
    """The format of a year alone."""
    return [compile_format("%Y")] if _YEAR.fullmatch(text) else []


def clock_format(text: str, *, after_date: bool) -> str | None:
    """The format of a time of day with its separator; None if the text is something else."""
    separator = _SEPARATOR.match(text) if after_date else None
    before = separator[0] if separator else ""
    rest = text[len(before) :]
    if not rest:
        return None if before else ""
    clock, rest = _clock(rest)
    half = _HALF.match(rest)
    if half and clock is not None:
        clock, rest = f"{clock.replace('%H', '%I')}{half[1]}%p", rest[half.end() :]
    offset = _OFFSET.fullmatch(rest)
    if offset:
        clock, rest = f"{clock or ''}{offset[1]}%z{offset[2] or ''}", ""
    return None if rest or clock is None else before + clock


def _clock(text: str) -> tuple[str | None, str]:
    match = _CLOCK.match(text)
    if match:
        parts = re.split(r"[:.,h]", match[0])
        clock = match[1].join(["%H", "%M", "%S"][: min(len(parts), 3)])
        return clock + (f"{match[2]}%f" if match[2] else ""), text[match.end() :]
    for pattern, mark in ((_SPACED_CLOCK, " "), (_COMPACT_CLOCK, "")):
        if match := pattern.match(text):
            parts = ["%H", "%M", "%S"] if match[1] else ["%H", "%M"]
            return mark.join(parts), text[match.end() :]
    hour = re.match(r"\d{1,2}(?!\d)", text)
    return ("%H", text[hour.end() :]) if hour else (None, text)


def _dates(text: str) -> list[tuple[str, int]]:
    """Formats of the date at the start of a text, and the index at which each ends."""
    if match := _SEPARATED.match(text):
        return [(form, match.end()) for form in _separated(match)]
    if periods := _periods(text):
        return [(form, len(text)) for form in periods]
    for pattern, forms in _AMBIGUOUS_DATES:
        if match := pattern.match(text):
            return [(form, match.end()) for form in forms]
    found = _first(_NUMBERED_DATES, text)
    if not found and any(word.lower() in MONTHS for word in re.findall(_NAME, text)):
        found = _first(_NAMED_DATES, text)
    return found


def _periods(text: str) -> list[str]:
    """Formats of a period of a year; a number with a point is left to `guess_decimal_year`."""
    if _DECIMAL_YEAR.fullmatch(text):
        return []
    if _COMPACT_MONTH.match(text):
        return [*numbered_periods(text), "%y%m%d"]
    return named_periods(text) or numbered_periods(text)


def _first(dates: "tuple[_DateForm, ...]", text: str) -> list[tuple[str, int]]:
    """The first format that the text begins with."""
    matches = ((pattern.match(text), form) for pattern, form in dates)
    return next(([(form(match), match.end())] for match, form in matches if match), [])


def _separated(match: re.Match[str]) -> list[str]:
    first, mark, _, last = match.groups()
    if len(first) == 4:
        return [f"%Y{mark}%m{mark}%d"] if len(last) <= 2 else []
    if len(last) == 4:
        return [f"%d{mark}%m{mark}%Y", f"%m{mark}%d{mark}%Y"]
    forms = [f"%d{mark}%m{mark}%y", f"%m{mark}%d{mark}%y"] if len(last) == 2 else []
    return forms + ([f"%y{mark}%m{mark}%d"] if len(first) == 2 else [])


def _day_name_year(match: re.Match[str]) -> str:
    text = match.string
    before, after = text[match.end(1) : match.start(3)], text[match.end(3) : match.start(5)]
    return f"%d{before}%b{after.removeprefix('.')}{_year(match[5])}"


def _year(digits: str) -> str:
    return "%Y" if len(digits) == 4 else "%y"


_DateForm = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
# Dates whose format only other rows can prove.
_AMBIGUOUS_DATES = ((_BLANKS_BETWEEN, ("%d %m %Y", "%m %d %Y")),)
_NUMBERED_DATES: tuple[_DateForm, ...] = (
    (_CHINESE, lambda _: "%Y年%m月%d日"),
    (_MONTH, lambda match: f"%Y{match[2]}%m"),
    (_MONTH_YEAR, lambda match: f"%m{match[2]}%Y"),
    (_COMPACT, lambda match: "%Y%m%d"),
    (_COMPACT_HOUR, lambda match: "%Y%m%d"),
    (_DAY_OF_YEAR, lambda match: f"%Y{match[2]}%j"),
)
_NAMED_DATES: tuple[_DateForm, ...] = (
    (_ASCTIME, lambda match: f"%b{match[2]}%d %H:%M:%S %Y"),
    (_DAY_NAME_YEAR, _day_name_year),
    (_NAME_DAY_YEAR, lambda match: f"%b{match[2].removeprefix('.')}%d{match[4]}%Y"),
    (_YEAR_NAME_DAY, lambda match: f"%Y{match[2]}%b{match[2]}%d"),
    (_NAME_YEAR, lambda match: f"%b{match[2].removeprefix('.')}{_year(match[3])}"),
    (_YEAR_NAME, lambda match: f"{_year(match[1])}{match[2]}%b"),
)
