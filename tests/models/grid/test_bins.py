"""Bins by hand: which observations they hold, and their names."""

import numpy as np
import pytest

from models.calendars.cadence import Cadence
from models.grid.bins import Bins

pytestmark = pytest.mark.unit


def held(bins: Bins, name: str) -> tuple[str, str]:
    """The times between which observations of the bin with a name lie."""
    moment = np.datetime64(name, "us")
    first, last = bins.of_names(moment, moment)
    assert first is not None
    assert last is not None
    index = bins.points().index_at_or_after(np.array([first, last]))
    assert bins.names(index).tolist() == [moment.item()] * 2
    return str(first - np.timedelta64(1, "us"))[:16], str(last)[:19]


@pytest.mark.parametrize(
    ("step", "cadence", "kind", "name", "holds"),
    [
        ("1h", "10min", "sensor", "2020-01-01T14:00", ("2020-01-01T13:00", "2020-01-01T14:00:00")),
        ("1h", "10min", "bars", "2020-01-01T14:00", ("2020-01-01T13:50", "2020-01-01T14:50:00")),
        ("1D", "10min", "sensor", "2020-01-01T00:00", ("2020-01-01T00:00", "2020-01-02T00:00:00")),
        ("1D", "1min", "bars", "2020-01-01T00:00", ("2019-12-31T23:59", "2020-01-01T23:59:00")),
        ("7D", "B", "bars", "2020-01-06T00:00", ("2020-01-05T23:59", "2020-01-12T23:59:59")),
        ("MS", "B", "bars", "2020-02-01T00:00", ("2020-01-31T23:59", "2020-02-29T23:59:59")),
        ("MS", "1D", "sensor", "2020-02-01T00:00", ("2020-01-31T23:59", "2020-02-29T23:59:59")),
        ("ME", "1D", "sensor", "2020-02-29T00:00", ("2020-01-31T23:59", "2020-02-29T23:59:59")),
        ("ME", "1h", "sensor", "2020-02-29T00:00", ("2020-02-01T00:00", "2020-03-01T00:00:00")),
        ("QS", "MS", "sensor", "2020-04-01T00:00", ("2020-03-31T23:59", "2020-06-30T23:59:59")),
        ("QE", "ME", "sensor", "2020-06-30T00:00", ("2020-03-31T23:59", "2020-06-30T23:59:59")),
    ],
)
def test_a_bin_holds_what_its_name_says(
    step: str, cadence: str, kind: str, name: str, holds: tuple[str, str]
) -> None:
    bins = Bins(Cadence.parse(step), Cadence.parse(cadence), "UTC", bars=kind == "bars")
    assert held(bins, name) == holds


def test_without_a_cadence_a_bar_ends_just_before_the_next() -> None:
    bins = Bins(Cadence.parse("1h"), None, "UTC", bars=True)
    assert held(bins, "2020-01-01T14:00") == ("2020-01-01T13:59", "2020-01-01T14:59:59")


def test_days_are_local_over_a_clock_change() -> None:
    bins = Bins(Cadence.parse("1D"), Cadence.parse("1h"), "Europe/Berlin", bars=True)
    expected = ("2024-03-30T22:00", "2024-03-31T21:00:00")
    assert held(bins, "2024-03-30T23:00") == expected
