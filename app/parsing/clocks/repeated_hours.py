"""Marks of an hour that occurs twice as clocks go back: `02X`, `2*`, `02:00A` and `02:00B`."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.parsing import arrow
from app.parsing.arrow import to_mask
from app.parsing.errors import OptionInvalid, UnreadableTimes
from app.parsing.lines import Mask
from app.parsing.times.fields import Integers
from app.parsing.times.joined import joined
from app.parsing.times.zone_names import PRINCIPAL
from app.parsing.times.zone_proof import has_changes, shown
from app.parsing.times.zones import FIRST, SECOND, UNMARKED, Localised, localise
from models.calendars.cadence import Cadence
from models.errors import Problem

OCCURRENCES = {"A": FIRST, "X": SECOND, "*": SECOND, "B": SECOND}
# A time of day with something behind its hour or its end that is neither a digit nor a separator.
CLOCK = r"\d{1,2}(?::\d{2}){0,2}|\d{3,4}"
MARK = r"[^\d\s:.,/-]{1,3}"
MARKED = (
    rf"^(?P<time>(?:.*[ T])?(?:{CLOCK})) ?(?P<mark>{MARK})$",
    rf"^(?P<time>(?:.*[ T])?\d{{1,2}})(?P<mark>{MARK})(?P<rest>(?::\d{{2}}){{1,2}})$",
)
MOST_ZONES = 3
SHOWN_MARKS = 3


@dataclass(frozen=True, slots=True)
class MarkedHours:
    """A column of times of day without its marks, and which occurrence each row's mark means."""

    texts: Any
    occurrence: Integers


def marked_hours(columns: list[Any], unread: Mask) -> MarkedHours | None:
    """The last column of a time without the marks of repeated hours; None if it has none.

    A mark is behind a time that another row has too.

    Args:
        columns: The columns of the time.
        unread: Rows whose time cannot be read with its mark.

    Raises:
        UnreadableTimes: If a mark is unknown.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not unread.any() or not pa.types.is_string(columns[-1].type):
        return None
    texts = pc.utf8_trim_whitespace(columns[-1])
    plain, marks = _without_marks(texts, unread, len(columns))
    whole = joined([*columns[:-1], plain], pad=False)
    counted = pc.value_counts(whole)
    repeated = counted.field("values").filter(pc.greater(counted.field("counts"), 1))
    is_mark = (marks != "") & to_mask(pc.is_in(whole, value_set=repeated))
    if not (is_mark & unread).any():
        return None
    _require_known(texts, marks, is_mark)
    occurrence = np.full(len(marks), UNMARKED)
    for mark, meant in OCCURRENCES.items():
        occurrence[is_mark & (marks == mark)] = meant
    return MarkedHours(pc.if_else(pa.array(is_mark), plain, texts), occurrence)


def _without_marks(texts: Any, unread: Mask, parts: int) -> tuple[Any, Any]:
    """The texts without what stands behind their hour, and what that is: a letter in upper case.

    Of rows that can be read, only those with a known mark count: other letters name a clock.
    """
    plain = np.array(texts.to_pylist(), dtype=object)
    marks = np.full(len(plain), "", dtype=object)
    for row in np.flatnonzero(unread | _have_known_marks(texts)).tolist():
        match = _match(str(plain[row]), parts)
        mark = match["mark"].upper() if match else ""
        if match and (unread[row] or mark in OCCURRENCES):
            plain[row] = match["time"] + (match.groupdict().get("rest") or "")
            marks[row] = mark
    return arrow.texts(["" if text is None else text for text in plain.tolist()]), marks


def _have_known_marks(texts: Any) -> Mask:
    """Which texts may hold a known mark: a file has few of them."""
    import pyarrow.compute as pc

    letters = "".join(re.escape(mark + mark.lower()) for mark in OCCURRENCES)
    return to_mask(pc.fill_null(pc.match_substring_regex(texts, f"[{letters}]"), False))


def _match(text: str, parts: int) -> re.Match[str] | None:
    found = (re.match(pattern, text) for pattern in MARKED)
    match = next((one for one in found if one), None)
    # A date alone has no hour.
    has_hour = match is not None and (parts > 1 or re.search(r"[ T]", match["time"]))
    return match if has_hour else None


def _require_known(texts: Any, marks: Any, is_mark: Mask) -> None:
    unknown = is_mark & np.array([mark not in OCCURRENCES for mark in marks])
    if unknown.any():
        rows = np.flatnonzero(unknown)[:SHOWN_MARKS].tolist()
        listed = ", ".join(repr(str(texts[row])) for row in rows)
        raise UnreadableTimes(
            f"{int(unknown.sum())} times have a mark that is not known, and other rows have the "
            f"same times without it: {listed}. If the mark means the second of an hour that occurs "
            "twice, write X, * or B behind that hour (A behind the first one), or write the times "
            "with their offsets, such as 02:00+01:00."
        )


def require_twice(
    wall: Integers, occurrence: Integers, local: Localised, zone: str, step: Cadence | None
) -> None:
    """Refuse marks of hours that do not occur twice in a zone.

    Args:
        wall: Local times as they are written.
        occurrence: What the marks mean.
        local: The times in UTC.
        zone: The zone in which the times were read.
        step: The step between the times, if they may be ends of intervals.

    Raises:
        OptionInvalid: With the parameters that read them.
    """
    wrong = local.unclear & (occurrence != UNMARKED)
    if not wrong.any():
        return
    marked = np.unique(wall[occurrence != UNMARKED])
    time = np.datetime64(int(wall[wrong][0]), "us").astype("datetime64[m]")
    message = (
        f"{int(wrong.sum())} times have a mark of an hour that occurs twice, and clocks in {zone} "
        f"do not show it twice: {time}. {_remedy(marked, zone, step)}"
    )
    raise OptionInvalid(message, [Problem("/query/timezone", message)])


def _remedy(marked: Integers, zone: str, step: Cadence | None) -> str:
    zones = [zone, *(one for one in PRINCIPAL if has_changes(one))]
    starts = marked if step is None else step.add(marked.view("datetime64[us]"), -1).view(np.int64)
    ends = [one for one in zones if step is not None and _are_twice(starts, one)]
    begin = [one for one in zones if one not in ends and _are_twice(marked, one)]
    remedies = []
    if zone in ends:
        remedies.append("If each time ends its interval, add `times=end`.")
    elif ends:
        named = shown(ends[:MOST_ZONES])
        remedies.append(f"If each time ends its interval, add `times=end` and {named}.")
    if begin:
        verb = "Otherwise name" if remedies else "Name"
        remedies.append(f"{verb} the zone, for example {shown(begin[:MOST_ZONES])}.")
    return " ".join(remedies) or "Write these times with their offsets, such as 02:00+01:00."


def _are_twice(wall: Integers, zone: str) -> bool:
    twice = localise(wall, zone, np.full(len(wall), SECOND))
    return bool(twice.repeated.all())
