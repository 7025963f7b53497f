"""The public series of the benchmarks, in memory."""

import numpy as np
import pandas as pd

from benchmarks.service import DATA, JENA
from models.series import Channel, SeriesData

ETTH1 = DATA / "ETTh1.csv.gz"
NIFTY = DATA / "nifty_1min_2022_ddmmyyyy.csv.gz"
DATE_FORMAT = "%d.%m.%Y %H:%M:%S"


def jena_series() -> SeriesData:
    """The file without its 144 identical duplicates, its times read as UTC."""
    frame = pd.read_csv(JENA, parse_dates=["Date Time"], date_format=DATE_FORMAT)
    frame = frame.drop_duplicates("Date Time").sort_values("Date Time").set_index("Date Time")
    return SeriesData(
        name="jena",
        kind="climate",
        channels=tuple(Channel(name, angular=name == "wd (deg)") for name in frame.columns),
        times=frame.index.to_numpy().astype("datetime64[us]"),
        values=frame.to_numpy(np.float64),
        cadence="10min",
        calendar="continuous",
        timezone="UTC",
    )


def etth1_series() -> SeriesData:
    """The hourly transformer file, its times read as UTC."""
    frame = pd.read_csv(ETTH1, parse_dates=["date"]).set_index("date")
    return SeriesData(
        name="etth1",
        kind="generic",
        channels=tuple(Channel(name) for name in frame.columns),
        times=frame.index.to_numpy().astype("datetime64[us]"),
        values=frame.to_numpy(np.float64),
        cadence="1h",
        calendar="continuous",
        timezone="UTC",
    )


def nifty_series() -> SeriesData:
    """The one-minute bars of 2022, their times read as Indian time."""
    frame = pd.read_csv(NIFTY)
    local = pd.to_datetime(frame.pop("Date"), format="%d-%m-%Y %H:%M")
    frame.index = pd.DatetimeIndex(local).tz_localize("Asia/Kolkata").tz_convert(None)
    frame = frame[~frame.index.duplicated()].sort_index()
    return SeriesData(
        name="nifty",
        kind="ohlc",
        channels=tuple(Channel(name) for name in frame.columns),
        times=frame.index.to_numpy().astype("datetime64[us]"),
        values=frame.to_numpy(np.float64),
        cadence="1min",
        calendar="sessions",
        timezone="Asia/Kolkata",
    )
