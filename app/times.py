"""Moments between the wire, the database and NumPy: always UTC, always microseconds."""

from datetime import UTC, datetime

import numpy as np

from app.db import EPOCH, MICROSECOND
from models.arrays import Times


def to_datetime(moment: np.datetime64) -> datetime:
    """A NumPy moment as an aware datetime."""
    return EPOCH + int(moment.astype("datetime64[us]").astype(np.int64)) * MICROSECOND


def to_datetimes(moments: Times) -> list[datetime]:
    """NumPy moments as aware datetimes."""
    microseconds: list[int] = moments.astype("datetime64[us]").astype(np.int64).tolist()
    return [EPOCH + each * MICROSECOND for each in microseconds]


def to_numpy(moment: datetime) -> np.datetime64:
    """An aware datetime as a NumPy moment."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def to_wire(moment: np.datetime64) -> str:
    """A NumPy moment as ISO 8601 with `Z`; a fraction is shown only where there is one."""
    microseconds = moment.astype("datetime64[us]")
    seconds = microseconds.astype("datetime64[s]")
    shown = seconds if seconds == microseconds else microseconds
    return f"{shown}Z"
