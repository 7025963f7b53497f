"""Units that names of channels say, and values that a unit hardly allows."""

import re
from typing import Any

import numpy as np

from app.quality.sample import EXAMPLES, Channel, Doubt, Integers, Subject, listed
from app.quality.unit_spellings import UNITS, known_unit

IN_BRACKETS = re.compile(r"[(\[]\s*([^()\[\]]{1,20}?)\s*[)\]]\s*$")
BEHIND_MARK = re.compile(r"[ _\-.]([A-Za-z]{1,6})$")
# Behind a mark, as in `temp_degC`, only what can hardly be a word.
SURE = frozenset({"degC", "degF", "mbar", "hPa", "kPa", "pct", "mps", "kWh", "MWh", "kW", "ppm"})
# What instruments in the open measure on this planet, with room to spare.
POSSIBLE = {
    "degC": (-95.0, 60.0),
    "degF": (-140.0, 140.0),
    "K": (150.0, 340.0),
    "deg": (-180.0, 360.0),
    "%": (-1.0, 110.0),
    "m/s": (-120.0, 120.0),
}
NEVER_ZERO = frozenset({"K", "mbar", "hPa"})
PRICES = frozenset({"open", "high", "low", "close", "adj_close"})
DIRECTION = re.compile(
    r"(^|[^a-z])(wd|wdir|drct|winddir\w*|wind[ _.\-]*dir\w*|direction|dir|azimuth|heading|bearing)"
    r"([^a-z]|$)"
)


def unit_in(name: str) -> str | None:
    """The unit that a name ends with, such as `T (degC)`; None if it says none that is known."""
    bracket = IN_BRACKETS.search(name)
    if bracket:
        return UNITS.get(bracket[1])
    mark = BEHIND_MARK.search(name)
    return UNITS[mark[1]] if mark and mark[1] in SURE else None


def has_no_zero(name: str, unit: str | None, *, is_market: bool) -> bool:
    """Whether a value of exactly zero is impossible, or nearly so."""
    if is_market and name in PRICES:
        return True
    return (known_unit(unit) if unit else unit_in(name)) in NEVER_ZERO


def doubts_of_names(subject: Subject, directions: list[bool]) -> list[Doubt]:
    """Units and directions that names say, where no setting does."""
    units = {
        name: unit
        for name in subject.names
        if not subject.known.get(name, {}).get("unit") and (unit := unit_in(name))
    }
    angles = [name for name, is_one in zip(subject.names, directions, strict=True) if is_one]
    doubts = []
    if units:
        suggested = {name: {"unit": unit} for name, unit in units.items()}
        message = f"Names say units: {listed(units)}."
        doubts.append(Doubt("unit_hint", message, len(units), channels=suggested))
    if angles:
        turned: dict[str, dict[str, Any]] = {name: {"angular": True} for name in angles}
        message = f"Directions in degrees, where 359 is next to 1: {', '.join(angles)}."
        doubts.append(Doubt("angular_hint", message, len(angles), channels=turned))
    return doubts


def is_direction(channel: Channel) -> bool:
    """Whether a channel that is not set to be angular is named and valued like a direction."""
    if channel.known.get("angular") or not DIRECTION.search(channel.name.lower()):
        return False
    return not channel.is_empty and channel.lowest >= -180 and 60 < channel.highest <= 360


def unlikely_rows(channel: Channel) -> Integers:
    """Rows with values that the channel's unit hardly allows."""
    low, high = POSSIBLE.get(_unit(channel) or "", (-np.inf, np.inf))
    if channel.is_empty or (low <= channel.lowest and channel.highest <= high):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero((channel.values < low) | (channel.values > high))


def doubts_of_units(subject: Subject, found: list[Integers]) -> list[Doubt]:
    """One doubt for the unlikely values of all channels."""
    if not any(map(len, found)):
        return []
    counts = {subject.names[n]: f"{len(rows)} values" for n, rows in enumerate(found) if len(rows)}
    places = sorted((int(row), n) for n, rows in enumerate(found) for row in rows[:EXAMPLES])
    message = f"Values that are unlikely for the unit: {listed(counts)}. Is the unit right?"
    return [Doubt("unlikely_for_unit", message, sum(map(len, found)), tuple(places[:EXAMPLES]))]


def _unit(channel: Channel) -> str | None:
    given = channel.known.get("unit")
    return known_unit(given) if given else unit_in(channel.name)
