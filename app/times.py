"""Convert times between JSON, the database and NumPy: always UTC, always microseconds."""

from datetime import UTC, datetime

import numpy as np

from app.db import from_microseconds
from models.arrays import Times


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
