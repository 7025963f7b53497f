"""The Jena weather file as a series in memory."""

import numpy as np
import pandas as pd

from benchmarks.service import JENA
from models.series import Channel, SeriesData

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
