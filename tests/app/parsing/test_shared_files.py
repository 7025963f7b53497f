"""The real files beside the repository load without hints and report what is known of them."""

from pathlib import Path

import pytest

from app.parsing.options import ReadOptions
from app.parsing.reader import Table, read_table
from app.series.gaps import describe_gaps
from tests.app.parsing.files import codes, moments

pytestmark = pytest.mark.unit

KNOWN = {
    "jena_climate_2009-01_2011-01.csv.gz": (106_727, 14, "2009-01-01T00:10", "2011-01-11T04:10"),
    "jena_daily_averages_2009_2016.csv": (2_921, 3, "2009-01-01T00:00", "2017-01-01T00:00"),
    "ETTh1.csv.gz": (17_420, 7, "2016-07-01T00:00", "2018-06-26T19:00"),
    "nifty_1min_2022.csv.gz": (93_370, 6, "2022-01-03T09:08", "2022-12-30T15:32"),
    "nifty_1min_2022_ddmmyyyy.csv.gz": (93_370, 4, "2022-01-03T09:08", "2022-12-30T15:32"),
    "aapl_daily_2000_2020.csv": (5_284, 6, "2000-01-03T00:00", "2020-12-31T00:00"),
    "AirQualityUCI.csv": (9_357, 13, "2004-03-10T18:00", "2005-04-04T14:00"),
    "AirPassengers.csv": (144, 1, "1949-01-01T00:00", "1960-12-01T00:00"),
    "airline-passengers.csv": (144, 1, "1949-01-01T00:00", "1960-12-01T00:00"),
    "daily-min-temperatures.csv": (3_650, 1, "1981-01-01T00:00", "1990-12-31T00:00"),
    "monthly-sunspots.csv": (2_820, 1, "1749-01-01T00:00", "1983-12-01T00:00"),
}
STEPS = {
    "jena_climate_2009-01_2011-01.csv.gz": ("10min", 1),
    "jena_daily_averages_2009_2016.csv": ("1D", 1),
    "ETTh1.csv.gz": ("1h", 0),
    "nifty_1min_2022.csv.gz": ("1min", 515),
    "nifty_1min_2022_ddmmyyyy.csv.gz": ("1min", 515),
    # Holidays: weekends are not gaps of business days.
    "aapl_daily_2000_2020.csv": ("B", 190),
    "AirQualityUCI.csv": ("1h", 0),
    "AirPassengers.csv": ("MS", 0),
    "airline-passengers.csv": ("MS", 0),
    "daily-min-temperatures.csv": ("1D", 2),
    "monthly-sunspots.csv": ("MS", 0),
}


def read_shared(folder: Path, name: str) -> Table:
    """Read one of the files without any hint."""
    with (folder / name).open("rb") as file:
        return read_table(file, ReadOptions(), limit_bytes=100_000_000)


class TestSharedFiles:
    @pytest.mark.parametrize("name", KNOWN)
    def test_rows_channels_and_span_are_those_of_the_readme(
        self, shared_data: Path, name: str
    ) -> None:
        table = read_shared(shared_data, name)
        rows, channels, first, last = KNOWN[name]
        assert (table.rows_read, len(table.channels)) == (rows, channels)
        assert (moments(table)[0], moments(table)[-1]) == (f"{first}:00", f"{last}:00")
        assert not table.rejected

    @pytest.mark.parametrize("name", STEPS)
    def test_step_and_gaps_are_those_of_the_readme(self, shared_data: Path, name: str) -> None:
        table = read_shared(shared_data, name)
        gaps = describe_gaps(table.times.view("datetime64[us]"), "UTC")
        assert (gaps.cadence, len(gaps.seconds)) == STEPS[name]

    def test_jena_has_144_identical_duplicates(self, shared_data: Path) -> None:
        table = read_shared(shared_data, "jena_climate_2009-01_2011-01.csv.gz")
        found = codes(table)
        assert (found["not_in_order"], found["duplicate_rows"]) == (1, 144)
        assert {"sentinel", "missing_values"}.isdisjoint(found)
        assert (found["unit_hint"], found["angular_hint"]) == (14, 1)
        assert table.rows_duplicate == 144

    def test_air_quality_has_its_placeholders_and_empty_rows(self, shared_data: Path) -> None:
        table = read_shared(shared_data, "AirQualityUCI.csv")
        found = codes(table)
        assert found["blank_rows"] == 114
        assert found["sentinel"] == 1_683 + 8_443 + 1_639 + 1_642 + 9 * 366
        assert "NMHC(GT) (8443 times)" in table.issues[1].message

    def test_the_wind_that_a_placeholder_spoilt_is_a_spike(self, shared_data: Path) -> None:
        table = read_shared(shared_data, "jena_daily_averages_2009_2016.csv")
        (spike,) = [issue for issue in table.issues if issue.code == "spike"]
        assert (spike.count, "-1248.2" in spike.examples[0].text) == (1, True)

    def test_the_transformer_hangs_in_flat_lines(self, shared_data: Path) -> None:
        found = codes(read_shared(shared_data, "ETTh1.csv.gz"))
        assert "flat_line" in found
        assert "sentinel" not in found

    def test_both_files_of_bars_hold_the_same_prices(self, shared_data: Path) -> None:
        one = read_shared(shared_data, "nifty_1min_2022.csv.gz")
        other = read_shared(shared_data, "nifty_1min_2022_ddmmyyyy.csv.gz")
        assert one.channels[:4] == other.channels == ("open", "high", "low", "close")
        assert (one.times == other.times).all()
        assert (one.values[:, :4] == other.values).all()

    def test_apples_longest_gap_is_a_week_of_business_days(self, shared_data: Path) -> None:
        table = read_shared(shared_data, "aapl_daily_2000_2020.csv")
        gaps = describe_gaps(table.times.view("datetime64[us]"), "UTC")
        assert gaps.summary()["longest"] == "5 days 00:00:00"
        assert table.channels[4:] == ("adj_close", "volume")
