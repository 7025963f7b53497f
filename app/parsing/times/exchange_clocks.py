"""Exchanges whose trading hours fit the local times of bars."""

import numpy as np

from app.parsing.times.fields import Integers

DAY_MINUTES = 1440
MINUTE = 60_000_000
# Half an hour before the open and after the close: auctions, and bars labelled by their ends.
SPARE_MINUTES = 30
# Bars fill at least this share of the hours.
LEAST_FILLED = 0.8
# The first and the last bar of most days, without single early or late ones.
USUAL = (10, 90)
# Regular and extended hours of large exchanges in minutes of their local day.
HOURS = (
    ("XNYS", "America/New_York", 570, 960),
    ("XNYS, extended hours", "America/New_York", 240, 1200),
    ("XTSE", "America/Toronto", 570, 960),
    ("BVMF", "America/Sao_Paulo", 600, 1020),
    ("XLON", "Europe/London", 480, 990),
    ("XETR", "Europe/Berlin", 540, 1050),
    ("XPAR", "Europe/Paris", 540, 1050),
    ("XSTO", "Europe/Stockholm", 540, 1050),
    ("XFRA", "Europe/Berlin", 480, 1320),
    ("XJSE", "Africa/Johannesburg", 540, 1020),
    ("XNSE", "Asia/Kolkata", 555, 930),
    ("XSHG", "Asia/Shanghai", 570, 900),
    ("XHKG", "Asia/Hong_Kong", 570, 960),
    ("XTKS", "Asia/Tokyo", 540, 900),
    ("XKRX", "Asia/Seoul", 540, 930),
    ("XSES", "Asia/Singapore", 540, 1020),
    ("XASX", "Australia/Sydney", 600, 960),
    ("CMES", "America/Chicago", 510, 900),
)


def exchanges_with_hours(local: Integers) -> list[str]:
    """The exchanges whose hours fit local times, the best first, each with its parameter.

    Args:
        local: Local times in microseconds since 1970.
    """
    days, minutes = np.divmod(local // MINUTE, DAY_MINUTES)
    order = np.argsort(local, kind="stable")
    days, minutes = days[order], minutes[order]
    first = np.flatnonzero(np.append(True, np.diff(days) != 0))
    opens, closes = minutes[first], minutes[np.append(first[1:] - 1, len(minutes) - 1)]
    start, end = np.percentile(opens, USUAL[0]), np.percentile(closes, USUAL[1])
    distances = {
        f"{name} (`timezone={zone}`)": abs(start - opening) + abs(end - closing)
        for name, zone, opening, closing in HOURS
        if opening - SPARE_MINUTES <= start
        and end <= closing + SPARE_MINUTES
        and end - start >= LEAST_FILLED * (closing - opening - SPARE_MINUTES)
    }
    return sorted(distances, key=lambda name: float(distances[name]))
