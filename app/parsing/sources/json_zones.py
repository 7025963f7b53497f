"""The offset or zone that a JSON document states beside its rows, given to their local times."""

import re
from collections.abc import Iterator
from typing import Any

from app.parsing import arrow
from app.parsing.arrow import to_mask
from app.parsing.findings import Findings
from app.parsing.sources.json_shapes import EVERY, Path, is_scalar
from app.parsing.values.cells import CellKind, kind_of
from models.calendars.timezones import find_zone
from models.errors import DataError

SAMPLE_ROWS = 100
OFFSET_NAME = re.compile(r"(utc|gmt|tz|time_?zone)_?offset(_?(seconds|minutes|hours|s|sec|min|h))?")
ZONE_NAMES = frozenset({"timezone", "time_zone", "tz", "tz_id", "tzid", "timezone_id", "zoneid"})
OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?(?::00)?")
MINUTES = {"s": 1 / 60, "sec": 1 / 60, "seconds": 1 / 60, "h": 60, "hours": 60}
# Numbers without a unit: no offset has more hours or fewer seconds than these.
MOST_HOURS = 14
LEAST_SECONDS = 900
# A local date, with a time of day or without.
LOCAL = r"^[^Zz+]*\d$"
WITH_CLOCK = r"(\d[T ]|:)\d{1,2}:?\d{2}"
UTC_NAME = re.compile(r".*(utc|gmt).*", re.IGNORECASE)


def stated_zone(document: Any, path: Path) -> str | None:
    """The offset (`+01:00`) or the zone stated nearest to the rows; None if there is none."""
    around = [document]
    for key in path:
        inner = around[-1].get(key) if isinstance(around[-1], dict) else None
        if key == EVERY or inner is None:
            break
        around.append(inner)
    for one in reversed(around):
        facts = list(_facts(one)) if isinstance(one, dict) else []
        found = next(filter(None, (_offset(name, value) for name, value in facts)), None)
        found = found or next((value for name, value in facts if _is_zone(name, value)), None)
        if found:
            return found
    return None


def with_zone(
    names: list[str], columns: list[Any], zone: str | None, findings: Findings
) -> list[Any]:
    """Columns of local times with the zone behind each; others as they are."""
    if zone is None or zone in ("UTC", "GMT", "+00:00"):
        return columns
    local = {
        number: _with_suffix(columns[number], zone)
        for number, name in enumerate(names)
        if _is_local(name, columns[number])
    }
    local = {number: column for number, column in local.items() if _are_moments(column)}
    if local and "/" not in zone:
        shown = ", ".join(names[number] for number in local)
        message = f"The file states {zone}: the times of {shown} were read in it."
        findings.report("zone_names", message, len(next(iter(local.values()))))
    return [local.get(number, column) for number, column in enumerate(columns)]


def _facts(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Single values of an object, and of the objects in it that hold nothing else."""
    for key, one in value.items():
        if is_scalar(one):
            yield _plain(key), one
        elif isinstance(one, dict) and all(map(is_scalar, one.values())):
            yield from ((_plain(name), inner) for name, inner in one.items())


def _plain(name: str) -> str:
    """A name in lower case, with underscores between its words, without the number before it."""
    unnumbered = re.sub(r"^\d+[.)]\s*", "", name)
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[\s.-]+", "_", unnumbered).lower()


def _offset(name: str, value: Any) -> str | None:
    match = OFFSET_NAME.fullmatch(name)
    if match is None or not isinstance(value, str):
        return None
    written = OFFSET.fullmatch(value)
    if written:
        return f"{written[1]}{int(written[2]):02}:{written[3] or '00'}"
    try:
        minutes = _minutes(float(value), match[3])
    except ValueError:
        return None
    if minutes is None:
        return None
    hours, rest = divmod(abs(round(minutes)), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


def _minutes(number: float, unit: str | None) -> float | None:
    """An offset in minutes; None if the number may be hours, minutes or seconds."""
    if unit:
        return number * MINUTES.get(unit, 1)
    if abs(number) <= MOST_HOURS:
        return number * 60
    return number / 60 if abs(number) >= LEAST_SECONDS else None


def _is_zone(name: str, value: Any) -> bool:
    if name not in ZONE_NAMES and not name.endswith(("_timezone", "_timezone_name")):
        return False
    try:
        return isinstance(value, str) and "/" in value and find_zone(value) is not None
    except DataError:
        return False


def _is_local(name: str, column: Any) -> bool:
    """Whether a column holds dates without an offset."""
    import pyarrow.compute as pc

    if UTC_NAME.fullmatch(name) or not _are_moments(column):
        return False
    is_empty = pc.equal(column, arrow.text(""))
    return bool(to_mask(pc.or_(is_empty, pc.match_substring_regex(column, LOCAL))).all())


def _are_moments(column: Any) -> bool:
    sample = [text for text in column.slice(0, SAMPLE_ROWS).to_pylist() if text]
    return bool(sample) and all(kind_of(text) == CellKind.MOMENT for text in sample)


def _with_suffix(column: Any, zone: str) -> Any:
    """Each text followed by the zone; a date alone begins at its midnight."""
    import pyarrow.compute as pc

    midnight = "" if "/" in zone else "T00:00"
    has_clock = pc.match_substring_regex(column, WITH_CLOCK)
    is_empty = pc.equal(column, arrow.text(""))
    mark = f" {zone}" if "/" in zone else zone
    ends = pc.if_else(has_clock, arrow.text(mark), arrow.text(midnight + mark))
    joined = pc.binary_join_element_wise(column, ends, arrow.text(""))
    return pc.if_else(is_empty, arrow.text(""), joined)
