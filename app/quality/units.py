"""Find units and directions in channel names, and values that are unlikely for a unit."""

import re
from typing import Any

import numpy as np

from app.quality.sample import EXAMPLES, Channel, Finding, Integers, Sample, listed
from app.quality.unit_spellings import UNITS, known_unit

IN_BRACKETS = re.compile(r"[(\[]\s*([^()\[\]]{1,20}?)\s*[)\]]\s*$")
AFTER_MARK = re.compile(r"[ _\-.]([A-Za-z]{1,6})$")
# After a mark, as in `temp_degC`, only units that are unlikely to be words.
SURE = frozenset({"degC", "degF", "mbar", "hPa", "kPa", "pct", "mps", "kWh", "MWh", "kW", "ppm"})
# What outdoor instruments measure on Earth, with some margin.
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
    """The unit at the end of a name, such as `T (degC)`; None if it has no known unit."""
    bracket = IN_BRACKETS.search(name)
    if bracket:
        return UNITS.get(bracket[1])
    mark = AFTER_MARK.search(name)
    return UNITS[mark[1]] if mark and mark[1] in SURE else None


def has_no_zero(name: str, unit: str | None, *, is_market: bool) -> bool:
    """Whether a value of exactly zero is impossible or very unlikely."""
    if is_market and name in PRICES:
        return True
    return (known_unit(unit) if unit else unit_in(name)) in NEVER_ZERO


def name_findings(sample: Sample, directions: list[bool]) -> list[Finding]:
    """Findings about units and directions in names that no setting gives."""
    units = {
        name: unit
        for name in sample.names
        if not sample.known.get(name, {}).get("unit") and (unit := unit_in(name))
    }
    angles = [name for name, is_one in zip(sample.names, directions, strict=True) if is_one]
    findings = []
    if units:
        suggested = {name: {"unit": unit} for name, unit in units.items()}
        message = f"Names contain units: {listed(units)}."
        findings.append(Finding("unit_hint", message, len(units), channels=suggested))
    if angles:
        turned: dict[str, dict[str, Any]] = {name: {"angular": True} for name in angles}
        message = f"Directions in degrees, where 359 is next to 1: {', '.join(angles)}."
        findings.append(Finding("angular_hint", message, len(angles), channels=turned))
    return findings


def is_direction(channel: Channel) -> bool:
    """Whether a channel that is not set as angular has the name and the values of a direction."""
    if channel.known.get("angular") or not DIRECTION.search(channel.name.lower()):
        return False
    return not channel.is_empty and channel.lowest >= -180 and 60 < channel.highest <= 360


def unlikely_rows(channel: Channel) -> Integers:
    """Rows with values that are unlikely for the channel's unit."""
    low, high = POSSIBLE.get(_unit(channel) or "", (-np.inf, np.inf))
    if channel.is_empty or (low <= channel.lowest and channel.highest <= high):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero((channel.values < low) | (channel.values > high))


def unit_findings(sample: Sample, found: list[Integers]) -> list[Finding]:
    """One finding for the unlikely values of all channels."""
    if not any(map(len, found)):
        return []
    counts = {sample.names[n]: f"{len(rows)} values" for n, rows in enumerate(found) if len(rows)}
    places = sorted((int(row), n) for n, rows in enumerate(found) for row in rows[:EXAMPLES])
    message = f"Values that are unlikely for the unit: {listed(counts)}. Is the unit right?"
    return [Finding("unlikely_for_unit", message, sum(map(len, found)), tuple(places[:EXAMPLES]))]


def _unit(channel: Channel) -> str | None:
    given = channel.known.get("unit")
    return known_unit(given) if given else unit_in(channel.name)
