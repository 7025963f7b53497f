"""Convert times between JSON, the database and NumPy: always UTC, always microseconds."""

import re
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from app.db import from_microseconds
from models.arrays import Times

NOT_ISO = "It must be a time in ISO 8601, such as `2024-01-31T12:00:00Z`"
NUMBER = re.compile(r"\s*[-+]?[0-9]*[.]?[0-9]+([eE][-+]?[0-9]+)?\s*")


def _not_a_number(given: object) -> object:
    """A number would be read as seconds or milliseconds since 1970, by its size."""
    if not isinstance(given, (str, datetime)) or NUMBER.fullmatch(str(given)):
        raise ValueError(NOT_ISO)
    return given


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


# A time in a request; without an offset it is in UTC.
Moment = Annotated[datetime, BeforeValidator(_not_a_number), AfterValidator(_in_utc)]
# A time in a request that must say its offset.
AwareMoment = Annotated[AwareDatetime, BeforeValidator(_not_a_number)]


def to_datetime(moment: np.datetime64) -> datetime:
    """A NumPy time as an aware datetime."""
    return from_microseconds(moment.astype("datetime64[us]").astype(np.int64))


def to_datetimes(moments: Times) -> list[datetime]:
    """NumPy times as aware datetimes."""
    microseconds: list[int] = moments.astype("datetime64[us]").astype(np.int64).tolist()
    return [from_microseconds(each) for each in microseconds]


def to_numpy(moment: datetime) -> np.datetime64:
    """An aware datetime as a NumPy time."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def to_wire(moment: np.datetime64) -> str:
    """A NumPy time as ISO 8601 with `Z`, and with a fraction only where it is not zero."""
    microseconds = moment.astype("datetime64[us]")
    seconds = microseconds.astype("datetime64[s]")
    shown = seconds if seconds == microseconds else microseconds
    return f"{shown}Z"
