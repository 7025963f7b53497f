"""Panels: several series that one forecaster learns from, and what they must have in common."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from models.calendars.cadence import Cadence
from models.errors import Problem
from models.series import Channel, SeriesData

# All series of a panel are in memory while it is trained.
MOST_SERIES = 100


@dataclass(frozen=True, slots=True)
class SeriesSignature:
    """What a series must share with others to be read by the same forecaster.

    Time zones are free: each series counts days and sessions in its own.

    Args:
        kind: What the rows are.
        cadence: The usual step between rows.
        calendar: `"continuous"`, `"sessions"` or the code of an exchange.
        channels: The channels by name.
    """

    kind: str
    cadence: str
    calendar: str
    channels: Mapping[str, Channel]

    @classmethod
    def of(cls, data: SeriesData) -> Self:
        """The signature of a series."""
        return cls(data.kind, data.cadence, data.calendar, by_name(data.channels))

    def objections(self, other: "SeriesSignature") -> Iterator[str]:
        """What keeps another series from being read like one of these, as sentences.

        The other one may have further channels.
        """
        steps = Cadence.parse(self.cadence), Cadence.parse(other.cadence)
        for name, same in (
            ("kind", self.kind == other.kind),
            ("cadence", steps[0] == steps[1]),
            ("calendar", self.calendar == other.calendar),
        ):
            if not same:
                yield (
                    f"its `{name}` must be {getattr(self, name)}. Received: {getattr(other, name)}"
                )
        if missing := [name for name in self.channels if name not in other.channels]:
            yield (
                f"it must have the channels {', '.join(self.channels)}. "
                f"Missing: {', '.join(missing)}"
            )
        for name in self.channels.keys() & other.channels.keys():
            yield from _channel_objections(self.channels[name], other.channels[name])


def by_name(channels: Sequence[Channel]) -> dict[str, Channel]:
    """Channels by their names."""
    return {channel.name: channel for channel in channels}


def size_problems(count: int) -> Iterator[Problem]:
    """Whether a panel has too many series; it can be asked before any is read."""
    if count > MOST_SERIES:
        message = f"`series` must name at most {MOST_SERIES} series. Received: {count}"
        yield Problem("/series", message)


def panel_problems(
    names: Sequence[str], signatures: Sequence[SeriesSignature]
) -> Iterator[Problem]:
    """Why series cannot be a panel; the first one says what the others must be like.

    Args:
        names: The names of the series.
        signatures: Their signatures, in the same order.
    """
    yield from size_problems(len(names))
    first = signatures[0]
    for position, (name, other) in enumerate(zip(names, signatures, strict=True)):
        pointer = f"/series/{position}"
        if name in names[:position]:
            yield Problem(pointer, f"`series` must differ. Received twice: {name}")
        for objection in first.objections(other):
            yield Problem(
                pointer, f"The series {name!r} does not go with {names[0]!r}: {objection}"
            )
        if further := [channel for channel in other.channels if channel not in first.channels]:
            yield Problem(
                pointer,
                f"The series {name!r} does not go with {names[0]!r}: it must have no further "
                f"channels. Received: {', '.join(further)}",
            )


def blamed(names: Sequence[str], found: Sequence[Sequence[Problem]]) -> Iterator[Problem]:
    """Where the problems of a spec with each series of a panel lie.

    A rule that every series breaks is the spec's fault; one that only some break is theirs.

    Args:
        names: The names of the series.
        found: For each series, problems that point into the spec.
    """
    if len(found) == 1:
        yield from found[0]
        return
    everywhere = set.intersection(*({each.pointer for each in own} for own in found)) - {""}
    yield from (each for each in found[0] if each.pointer in everywhere)
    for position, own in enumerate(found):
        for each in own:
            if each.pointer not in everywhere:
                message = f"In the series {names[position]!r}: {each.message}"
                yield Problem(f"/series/{position}", message)


def _channel_objections(own: Channel, other: Channel) -> Iterator[str]:
    if own.angular != other.angular:
        yield f"`angular` of {own.name} must be {own.angular}. Received: {other.angular}"
    if own.unit and other.unit and own.unit != other.unit:
        yield f"the unit of {own.name} must be {own.unit}. Received: {other.unit}"
