"""Recognise clocks in texts: names of the tz database, abbreviations and offsets from UTC."""

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from models.calendars.timezones import find_zone
from models.errors import DataError

MINUTE = 60_000_000
# One zone for each clock in wide use. Of zones with the same clock the first one is named; the
# abbreviations are those that the tz database has for these zones.
PRINCIPAL = (
    *("America/New_York", "America/Chicago", "America/Denver", "America/Phoenix"),
    *("America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu", "America/Halifax"),
    *("America/St_Johns", "America/Sao_Paulo", "America/Santiago", "America/Bogota"),
    *("Europe/London", "Europe/Berlin", "Europe/Helsinki", "Europe/Lisbon", "Europe/Dublin"),
    *("Europe/Moscow", "Africa/Lagos", "Africa/Johannesburg", "Africa/Nairobi", "Africa/Cairo"),
    *("Asia/Jerusalem", "Asia/Tehran", "Asia/Dubai", "Asia/Karachi", "Asia/Kolkata"),
    *("Asia/Kathmandu", "Asia/Dhaka", "Asia/Bangkok", "Asia/Jakarta", "Asia/Shanghai"),
    *("Asia/Hong_Kong", "Asia/Singapore", "Asia/Tokyo", "Asia/Seoul", "Australia/Perth"),
    *("Australia/Darwin", "Australia/Adelaide", "Australia/Brisbane", "Australia/Sydney"),
    *("Australia/Lord_Howe", "Pacific/Guam", "Pacific/Auckland", "Pacific/Chatham"),
)
UNIVERSAL = frozenset({"UTC", "GMT", "Z", "UT", "ZULU"})
# Half a year apart, so that summer and winter are both seen.
_SEASONS = (datetime(2023, 1, 15, tzinfo=UTC), datetime(2023, 7, 15, tzinfo=UTC))
_OFFSET = r"(?:UTC|GMT)?\s*(?P<sign>[+\-\u2212])(?P<hours>\d{1,2})(?::?(?P<minutes>[0-5]\d))?"
_IN_BRACKETS = re.compile(r"[(\[{]([^)\]}]*)[)\]}]")
IANA = re.compile(r"[A-Z][A-Za-z]+(?:/[A-Za-z0-9_+-]+)+")
_STATED_OFFSET = re.compile(r"(?:UTC|GMT)\s*[+\-\u2212]\d{1,2}(?::?[0-5]\d)?(?!\d)")
_ABBREVIATION = re.compile(r"[A-Z][A-Za-z]?[A-Z]{1,3}")
# The names of one clock in winter and in summer: `CET/CEST`.
_BOTH_NAMES = re.compile(r"\b([A-Z]{2,5})\s?/\s?([A-Z]{2,5})\b")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LONG_NAME = re.compile(r"(?:[A-Z][A-Za-z]* )+Time(?: Zone)?")
# Abbreviations in German, and the two-letter ones of clocks that change, such as ET or EPT
# (Eastern Prevailing Time).
_SYNONYMS = {"MEZ": "CET", "MESZ": "CEST", "OEZ": "EET", "OESZ": "EEST", "WEZ": "WET"}
_CHANGING = re.compile(r"([A-Z])P?T")
_LOCAL = frozenset({"local", "lst", "loc", "ortszeit", "lokal", "lokalzeit", "lokale", "locale"})


@dataclass(frozen=True, slots=True)
class Clock:
    """A zone of the tz database, or a fixed offset in microseconds, positive in the east."""

    zone: str | None = None
    offset: int = 0

    @property
    def name(self) -> str:
        """The zone, or the one of the tz database with this offset; empty if there is none."""
        hours, rest = divmod(self.offset, 60 * MINUTE)
        if self.zone or not self.offset:
            return self.zone or "UTC"
        return "" if rest or not -12 <= hours <= 14 else f"Etc/GMT{-hours:+d}"

    @property
    def text(self) -> str:
        """The clock as a reader knows it."""
        minutes = abs(self.offset) // MINUTE
        sign = "-" if self.offset < 0 else "+"
        return self.zone or f"UTC{sign}{minutes // 60:02}:{minutes % 60:02}"


def clock_of(text: str) -> Clock | None:
    """The clock that a name of the tz database or an offset means."""
    trimmed = text.strip()
    if match := _CHANGING.fullmatch(initials(trimmed)):
        zone = _changing_zone(match[1])
        return Clock(zone=zone) if zone else None
    if match := _BOTH_NAMES.fullmatch(trimmed):
        zone = _zone_with({initials(name) for name in match.groups()})
        return Clock(zone=zone) if zone else None
    if trimmed.upper() in UNIVERSAL:
        return Clock()
    if match := re.fullmatch(_OFFSET, trimmed):
        minutes = int(match["hours"]) * 60 + int(match["minutes"] or 0)
        sign = 1 if match["sign"] == "+" else -1
        return Clock(offset=sign * minutes * MINUTE) if minutes <= 14 * 60 else None
    return Clock(zone=trimmed) if IANA.fullmatch(trimmed) and is_zone(trimmed) else None


def initials(text: str) -> str:
    """`Eastern Standard Time` as `EST`; any other text as it is."""
    if _LONG_NAME.fullmatch(text):
        return "".join(word[0] for word in text.removesuffix(" Zone").split())
    return _SYNONYMS.get(text, text)


def _changing_zone(letter: str) -> str | None:
    """The zone with `EST` and `EDT` for the letter E."""
    return _zone_with({f"{letter}ST", f"{letter}DT"})


def _zone_with(names: set[str]) -> str | None:
    """The first zone whose clock has both of these names, in winter or in summer."""
    return next((zone for zone in PRINCIPAL if names == names_of(zone).keys()), None)


def is_zone(name: str) -> bool:
    """Whether the tz database has a zone of this name."""
    try:
        find_zone(name)
    except DataError:
        return False
    return True


@lru_cache(maxsize=256)
def names_of(zone: str) -> dict[str, int]:
    """The abbreviations of a zone, each with its offset in microseconds."""
    there = (moment.astimezone(find_zone(zone)) for moment in _SEASONS)
    named = ((one.tzname() or "", one.utcoffset()) for one in there)
    return {
        name: round(offset.total_seconds()) * 1_000_000
        for name, offset in named
        if offset is not None and name.isalpha()
    }


@lru_cache(maxsize=1)
def _abbreviations() -> dict[str, dict[int, str]]:
    """For each abbreviation its offsets, each with the first zone that has it."""
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for zone in PRINCIPAL:
        for name, offset in names_of(zone).items():
            found[name].setdefault(offset, zone)
    return found


def is_abbreviation(text: str) -> bool:
    """Whether a text is an abbreviation such as `EST`, or a name that it stands for."""
    short = initials(text)
    return _ABBREVIATION.fullmatch(short) is not None and short in _abbreviations()


def is_clock(text: str) -> bool:
    """Whether a text names a clock in any way."""
    return is_abbreviation(text) or clock_of(text) is not None


def meanings(texts: Collection[str], asked: str | None) -> dict[str, dict[int, str]]:
    """The offsets that abbreviations used together may mean, each with a zone that has it.

    `EST` beside `EDT` is a clock that has both; a zone that was asked for and has all of them
    decides.
    """
    names = {text: initials(text) for text in texts}
    wanted = set(names.values())
    zones = [asked] if asked and wanted <= names_of(asked).keys() else []
    zones = zones or [zone for zone in PRINCIPAL if wanted <= names_of(zone).keys()]
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for text, name in names.items():
        for zone in zones:
            found[text].setdefault(names_of(zone)[name], zone)
        found[text] = found[text] or _abbreviations()[name]
    return found


def clock_in_name(name: str) -> str | None:
    """The part of a column's name that names a clock: `MST` of `Time (MST)`.

    Args:
        name: The name, such as `Datetime (UTC+1)`, `time_utc` or `Date Time, GMT-05:00`.
    """
    inside = [text.strip() for text in _IN_BRACKETS.findall(name)]
    whole: list[str] = [*inside, *IANA.findall(name), *_STATED_OFFSET.findall(name)]
    whole += (match[0] for match in _BOTH_NAMES.finditer(name))
    found = next((text for text in whole if is_clock(text)), None)
    if found:
        return found
    words = _WORDS.findall(name)
    universal = (word for word in words if word.upper() in UNIVERSAL - {"Z", "UT"})
    short = (word for word in words if is_abbreviation(word))
    # In small letters only at the end: `time_cet`.
    last = (word.upper() for word in words[1:][-1:] if len(word) > 2 and word.islower())
    ending = (word for word in last if is_abbreviation(word) or _CHANGING.fullmatch(word))
    return next(iter([*universal, *short, *ending]), None)


def without_clock(name: str) -> str:
    """A column's name without the clock in brackets that it names: `time` of `time [UTC]`."""
    return _IN_BRACKETS.sub(lambda match: "" if is_clock(match[1].strip()) else match[0], name)


def says_local(name: str) -> bool:
    """Whether a column's name says that its times are local."""
    return any(word.lower() in _LOCAL for word in _WORDS.findall(name))
