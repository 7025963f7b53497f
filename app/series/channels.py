"""Check and merge the channels of a series: names, units, marks of missing values."""

from typing import Any

from pydantic import ValidationError

from app.errors import ChannelsDiffer, ChannelsMissing, Invalid, UnitsDiffer, UnknownChannel
from app.quality.missing_marks import MissingMarks
from app.quality.unit_spellings import known_unit
from app.series.fields.limits import require_order
from app.series.schemas import ChannelSettings
from models.errors import Problem

ChannelList = list[dict[str, Any]]


def checked_channels(settings: list[ChannelSettings]) -> ChannelList:
    """The settings in the form in which they are stored.

    Raises:
        Invalid: If two channels have one name.
    """
    seen: set[str] = set()
    for position, channel in enumerate(settings):
        if channel.name in seen:
            message = f"`channels` must have different names. Received twice: {channel.name!r}"
            raise Invalid(message, errors=[Problem(f"/channels/{position}/name", message)])
        seen.add(channel.name)
    return [channel.model_dump() for channel in settings]


def channels_of_names(
    names: tuple[str, ...],
    configured: ChannelList,
    in_file: dict[str, dict[str, Any]] | None = None,
) -> ChannelList:
    """Channels in the order of the first file, with settings given earlier or in the file."""
    settings = {channel["name"]: channel for channel in configured}
    missing = [name for name in settings if name not in names]
    if missing:
        raise ChannelsMissing(
            f"The series was created with channels that the file does not have: "
            f"{_listed(missing)}. Columns of the file: {_listed(names)}. "
            "Rename columns with `columns=name in the file=channel`."
        )
    return [
        settings.get(name) or _channel_of_file(name, (in_file or {}).get(name, {}))
        for name in names
    ]


def _channel_of_file(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """A channel with the settings in the metadata of a file, which may be invalid."""
    try:
        return ChannelSettings.model_validate({**settings, "name": name}).model_dump()
    except ValidationError:
        return ChannelSettings(name=name).model_dump()


def require_known(names: tuple[str, ...], channels: ChannelList) -> None:
    """Refuse columns that are not channels of the series.

    Raises:
        ChannelsDiffer: If there are any; a series keeps the channels of its first rows.
    """
    known = [channel["name"] for channel in channels]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ChannelsDiffer(
            f"The series has no channels {_listed(unknown)}; its channels are {_listed(known)}. "
            "Choose and rename columns with `columns=`, or use another series."
        )


def require_units(in_file: dict[str, dict[str, Any]], channels: ChannelList) -> None:
    """Refuse numbers whose units differ from those of the series.

    Raises:
        UnitsDiffer: If the settings in the file name other units.
    """
    units = {channel["name"]: channel["unit"] for channel in channels if channel["unit"]}
    different = [
        f"{name} ({settings['unit']} instead of {units[name]})"
        for name, settings in in_file.items()
        if name in units
        and known_unit(settings.get("unit") or units[name]) != known_unit(units[name])
    ]
    if different:
        raise UnitsDiffer(
            f"The file says that its numbers are in other units than those of the series: "
            f"{_listed(different)}. Convert them, or change the unit with PATCH if it was wrong."
        )


def merged_channels(
    present: ChannelList, changes: list[ChannelSettings], *, has_rows: bool
) -> ChannelList:
    """The channels with changed settings of the named ones; other settings stay.

    Raises:
        UnknownChannel: If a series with rows has no channel of that name.
        Invalid: If a name occurs twice, or a minimum is above its maximum.
    """
    known = [channel["name"] for channel in present]
    for position, channel in enumerate(changes):
        if has_rows and channel.name not in known:
            message = (
                f"`channels` must name channels of the series ({_listed(known)}). "
                f"Received: {channel.name!r}"
            )
            problem = Problem(f"/channels/{position}/name", message)
            raise UnknownChannel(message, errors=[problem])
    new = {channel["name"]: channel for channel in checked_channels(changes)}
    given = {channel.name: channel.model_dump(exclude_unset=True) for channel in changes}
    merged = [channel | given.get(channel["name"], {}) for channel in present]
    places = {channel.name: position for position, channel in enumerate(changes)}
    for each in merged:
        if each["name"] in places:
            _require_order(each, places[each["name"]])
    return merged + [channel for name, channel in new.items() if name not in known]


def _require_order(channel: dict[str, Any], position: int) -> None:
    """Refuse a channel whose minimum is above its maximum; earlier releases stored neither."""
    try:
        require_order(channel.get("minimum"), channel.get("maximum"))
    except ValueError as error:
        problem = Problem(f"/channels/{position}/minimum", str(error))
        raise Invalid(str(error), errors=[problem]) from error


def missing_marks_of(channels: ChannelList) -> MissingMarks:
    """The numbers and texts that mean missing, for the channels that have some."""
    return {channel["name"]: channel["missing"] for channel in channels if channel["missing"]}


def _listed(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"
