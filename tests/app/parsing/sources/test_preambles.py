"""Lines before and behind a table that have as many fields as its rows."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.app.parsing.files import codes, column, read_text, rejections

pytestmark = pytest.mark.unit

FIRST = datetime(2023, 1, 20, tzinfo=UTC)
ROWS = 50


def table_of(mark: str) -> str:
    """A table of a time and a value."""
    rows = [f"{FIRST + timedelta(hours=n):%Y-%m-%d %H:%M}{mark}{n * n % 31}" for n in range(ROWS)]
    return "\n".join([f"Date time{mark}level", *rows, ""])


@pytest.mark.parametrize("mark", [",", ";", "\t"])
class TestPreambles:
    @pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9, 20])
    def test_settings_above_the_names(self, mark: str, count: int) -> None:
        above = "".join(f"Setting {n}{mark}of the station {n}\n" for n in range(count))
        table = read_text(above + table_of(mark))
        assert column(table, "level") == [float(n * n % 31) for n in range(ROWS)]
        assert table.rejected == []

    def test_settings_and_units(self, mark: str) -> None:
        above = "".join(f"Setting {n}{mark}of the station {n}\n" for n in range(4))
        names, rest = table_of(mark).split("\n", 1)
        table = read_text(f"{above}{names}\nUTC{mark}m\n{rest}")
        assert table.channels == ("level",)
        assert codes(table)["preamble"] == 4

    @pytest.mark.parametrize(
        "footer", ["Total{0}900\n", "Mean{0}20\nMaximum{0}30\n", "---{0}---\n"]
    )
    def test_footers_are_quarantined(self, mark: str, footer: str) -> None:
        table = read_text(table_of(mark) + footer.format(mark))
        assert len(table.times) == ROWS
        assert {code for _, code in rejections(table)} == {"unreadable_time"}
