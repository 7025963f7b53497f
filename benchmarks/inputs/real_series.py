"""The public series of the benchmarks, in memory."""

from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.inputs.service import DATA, JENA
from models.series import Channel, SeriesData, SeriesKind

ETTH1 = DATA / "ETTh1.csv.gz"
NIFTY = DATA / "nifty_1min_2022_ddmmyyyy.csv.gz"
DATE_FORMAT = "%d.%m.%Y %H:%M:%S"


def jena_series() -> SeriesData:
    """The file without its 144 identical duplicates, its times read as UTC."""
    frame = pd.read_csv(JENA, parse_dates=["Date Time"], date_format=DATE_FORMAT)
    frame = frame.drop_duplicates("Date Time").sort_values("Date Time").set_index("Date Time")
    return _series(frame, "jena", "climate", "10min", angular="wd (deg)")


def etth1_series() -> SeriesData:
    """The hourly transformer file, its times read as UTC."""
    frame = pd.read_csv(ETTH1, parse_dates=["date"]).set_index("date")
    return _series(frame, "etth1", "generic", "1h")


def nifty_series() -> SeriesData:
    """The one-minute bars of 2022, their times read as Indian time."""
    frame = pd.read_csv(NIFTY)
    local = pd.to_datetime(frame.pop("Date"), format="%d-%m-%Y %H:%M")
    frame.index = pd.DatetimeIndex(local).tz_localize("Asia/Kolkata").tz_convert(None)
    frame = frame[~frame.index.duplicated()].sort_index()
    bars = _series(frame, "nifty", "ohlc", "1min")
    return replace(bars, calendar="sessions", timezone="Asia/Kolkata")


def _series(
    frame: pd.DataFrame, name: str, kind: SeriesKind, cadence: str, angular: str | None = None
) -> SeriesData:
    """A series in UTC without sessions, of a table whose index is its times."""
    return SeriesData(
        name=name,
        kind=kind,
        channels=tuple(Channel(each, angular=each == angular) for each in frame.columns),
        times=frame.index.to_numpy().astype("datetime64[us]"),
        values=frame.to_numpy(np.float64),
        cadence=cadence,
        calendar="continuous",
        timezone="UTC",
    )
