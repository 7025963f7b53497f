"""Convert whole arrays between UTC and local time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

from models.arrays import Times
from models.errors import DataError

_DAY = 86_400_000_000
# Up to this many times, looking up each one costs less than looking up whole days.
_FEW = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

OffsetAt = Callable[[str, int], int]


@lru_cache(maxsize=64)
def find_zone(timezone: str) -> ZoneInfo:
    """The time zone with an IANA name.

    Raises:
        DataError: If the zone does not exist.
    """
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DataError(
            f'`timezone` must be an IANA name such as "Europe/Berlin". Received: "{timezone}"'
        ) from error


def to_local(times: Times, timezone: str) -> Times:
    """Local times in `timezone` of UTC times."""
    if timezone == "UTC":
        return times
    return times + _offsets(times, timezone, _offset_at_instant)


def to_utc(local: Times, timezone: str) -> Times:
    """UTC of local times; repeated and skipped hours are read with `fold=0` (PEP 495)."""
    if timezone == "UTC":
        return local
    return local - _offsets(local, timezone, _offset_at_wall_time)


def _offsets(times: Times, timezone: str, offset_at: OffsetAt) -> npt.NDArray[np.timedelta64]:
    microseconds = times.astype("datetime64[us]").astype(np.int64)
    if microseconds.size <= _FEW:
        exact = [offset_at(timezone, moment) for moment in microseconds.ravel().tolist()]
        return np.array(exact, dtype="timedelta64[us]").reshape(times.shape)
    return _offsets_by_day(microseconds, timezone, offset_at).astype("timedelta64[us]")


def _offsets_by_day(
    microseconds: npt.NDArray[np.int64], timezone: str, offset_at: OffsetAt
) -> npt.NDArray[np.int64]:
    days = microseconds // _DAY
    first, last = int(days.min()), int(days.max())
    at_midnight = np.array(
        [_offset_at_midnight(timezone, day, offset_at) for day in range(first, last + 2)]
    )
    offsets = at_midnight[days - first]
    # Offsets change a few times a year: nearly all days have one offset throughout.
    changing = offsets != at_midnight[days - first + 1]
    exact = [offset_at(timezone, moment) for moment in microseconds[changing].tolist()]
    offsets[changing] = exact
    return offsets


@lru_cache(maxsize=65_536)
def _offset_at_midnight(timezone: str, day: int, offset_at: OffsetAt) -> int:
    return offset_at(timezone, day * _DAY)


def _offset_at_instant(timezone: str, microseconds: int) -> int:
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return _in_microseconds(moment.astimezone(find_zone(timezone)).utcoffset())


def _offset_at_wall_time(timezone: str, microseconds: int) -> int:
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return _in_microseconds(moment.replace(tzinfo=find_zone(timezone)).utcoffset())


def _in_microseconds(offset: timedelta | None) -> int:
    return 0 if offset is None else round(offset.total_seconds() * 1_000_000)
