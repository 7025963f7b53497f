"""The clock that lines above a table name, such as `Time zone: America/Denver`."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from app.parsing.times.zone_names import IANA, is_clock, is_zone

# Deeper preambles are notes.
MOST_LINES = 100
SAYS_UTC = re.compile(r"\b(UTC|GMT|Zulu)\b(?!\s?[+\-\u2212])")
FIELDS = re.compile(r"[,;\t]")
ZONE_FIELD = re.compile(r"(time[ _-]?zone|tz)[\"']?", re.IGNORECASE)
HOURS = re.compile(r"[+-]?\d{1,2}")
AFTER_NAME = re.compile(
    r"\b(?:time[ _-]?zone|tz|zeitzone|fuseau horaire|zona horaria)[\"']?[ \t]*[:=,;\t][ \t]*"
    r"[\"']?(?P<clock>[^,;\t\n\"'()]+)",
    re.IGNORECASE,
)


def stated_clock(lines: Sequence[str]) -> str:
    """The only clock that the lines name; empty if they name none, several, or UTC as well."""
    first = [str(line) for line in lines[:MOST_LINES]]
    above = "\n".join(first)
    if SAYS_UTC.search(above):
        return ""
    zones = {text for text in IANA.findall(above) if is_zone(text)}
    if not zones:
        named = (match["clock"].strip() for match in AFTER_NAME.finditer(above))
        zones = {text for text in (*named, *_below_names(first)) if is_clock(text)}
    return zones.pop() if len(zones) == 1 else ""


def _below_names(lines: list[str]) -> Iterator[str]:
    """The fields below a field `Time Zone`; a number there is the hours from UTC."""
    for line, following in pairwise(lines):
        names, values = FIELDS.split(line), FIELDS.split(following)
        if len(names) != len(values):
            continue
        for name, value in zip(names, values, strict=True):
            text = value.strip()
            if ZONE_FIELD.fullmatch(name.strip(" \"'")):
                yield f"UTC{int(text):+}" if HOURS.fullmatch(text) else text
