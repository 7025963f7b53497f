"""Panels: several series for one forecaster, and the signature that they must share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from models.calendars.cadence import Cadence
from models.errors import Problem
from models.series import Channel, SeriesData

# All series of a panel are in memory during training.
MOST_SERIES = 100


@dataclass(frozen=True, slots=True)
class SeriesSignature:
    """The properties that all series of one forecaster share.

    Time zones may differ: each series counts days and sessions in its own.

    Args:
        kind: What the rows are.
        cadence: The usual step between rows.
        calendar: `"continuous"`, `"sessions"` or an exchange's code.
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
        """Why a series with another signature cannot be read in the same way, as sentences.

        The other series may have additional channels.
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
    """Whether a panel has too many series; can be checked before any series is read."""
    if count > MOST_SERIES:
        message = f"`series` must name at most {MOST_SERIES} series. Received: {count}"
        yield Problem("/series", message)


def panel_problems(
    names: Sequence[str], signatures: Sequence[SeriesSignature]
) -> Iterator[Problem]:
    """Why series cannot be a panel; the others must match the first one.

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
                f"The series {name!r} does not go with {names[0]!r}: it must not have further "
                f"channels. Received: {', '.join(further)}",
            )


def blamed(names: Sequence[str], found: Sequence[Sequence[Problem]]) -> Iterator[Problem]:
    """Assign problems to the spec or to single series of a panel.

    A rule that every series breaks is a problem of the spec; one that only some break is a
    problem of these series, and its pointer becomes `/series/<position>`.

    Args:
        names: The names of the series.
        found: For each series, problems that point into the spec.
    """
    if len(found) == 1:
        yield from found[0]
        return
    everywhere = set.intersection(*({each.pointer for each in problems} for problems in found)) - {
        ""
    }
    yield from (each for each in found[0] if each.pointer in everywhere)
    for position, problems in enumerate(found):
        for each in problems:
            if each.pointer not in everywhere:
                message = f"In the series {names[position]!r}: {each.message}"
                yield Problem(f"/series/{position}", message)


def _channel_objections(channel: Channel, other: Channel) -> Iterator[str]:
    if channel.angular != other.angular:
        yield f"`angular` of {channel.name} must be {channel.angular}. Received: {other.angular}"
    if channel.unit and other.unit and channel.unit != other.unit:
        yield f"the unit of {channel.name} must be {channel.unit}. Received: {other.unit}"
