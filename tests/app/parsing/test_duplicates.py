"""Rows of the same time: corrections, trades, rows that fill each other's gaps."""

import re
from typing import Any

import numpy as np
import pytest

from app.parsing.errors import ConflictingRows, OptionInvalid
from tests.app.parsing.files import codes, column, moments, read_text

pytestmark = pytest.mark.unit

PRICES = [3.0, 9.0, 1.0, 5.0, 4.0, 4.0]
TRADES = "time,price,amount\n" + "".join(
    f"2024-01-01T10:0{n // 3}:{n % 3 * 20:02},{price},{n + 1}\n" for n, price in enumerate(PRICES)
)
MINUTES = "time,price,amount\n" + "".join(
    f"2024-01-01T10:{n // 3:02},{n * 17 % 40},{n}\n" for n in range(60)
)


def hours(count: int) -> str:
    """Rows of hours."""
    return "time,a\n" + "".join(f"2024-01-{1 + n // 24:02}T{n % 24:02},{n}\n" for n in range(count))


class TestRules:
    @pytest.mark.parametrize(
        ("rule", "how"), [("first", min), ("last", max), ("sum", sum), ("mean", np.mean)]
    )
    def test_each_combines_the_rows_of_a_time(self, rule: Any, how: Any) -> None:
        table = read_text(MINUTES, duplicates=rule)
        expected = [how([3 * n, 3 * n + 1, 3 * n + 2]) for n in range(20)]
        assert column(table, "amount") == pytest.approx(expected)
        assert (table.rows_read, table.rows_duplicate) == (60, 40)

    def test_without_a_rule_more_than_a_tenth_is_refused_with_the_choice(self) -> None:
        with pytest.raises(ConflictingRows, match=r"40 of 60 rows.*`duplicates=last`, `first`"):
            read_text(MINUTES)

    @pytest.mark.parametrize(("repeated", "is_read"), [(10, True), (12, False)])
    def test_a_tenth_may_be_corrections(self, repeated: int, is_read: bool) -> None:
        text = hours(100) + "".join(
            f"2024-01-{1 + n // 24:02}T{n % 24:02},-{n + 1}\n" for n in range(repeated)
        )
        if not is_read:
            with pytest.raises(ConflictingRows):
                read_text(text)
            return
        table = read_text(text)
        assert codes(table)["conflicting_rows"] == 10
        assert column(table, "a")[:2] == [-1, -2]

    def test_rows_that_are_equal_are_never_conflicts(self) -> None:
        header, *rows = hours(50).splitlines()
        table = read_text("\n".join([header, *(row for row in rows for _ in range(2))]))
        assert (len(table.times), table.rows_duplicate) == (50, 50)
        assert "conflicting_rows" not in codes(table)

    def test_rows_that_fill_each_others_gaps_are_merged(self) -> None:
        rows = "".join(f"2024-01-01T{n:02},{n},\n2024-01-01T{n:02},,{n + 50}\n" for n in range(20))
        table = read_text(f"time,a,b\n{rows}")
        assert (column(table, "a")[3], column(table, "b")[3]) == (3, 53)
        assert codes(table)["merged_rows"] == 20

    def test_refuse_allows_no_conflict(self) -> None:
        assert len(read_text(hours(50), duplicates="refuse").times) == 50
        with pytest.raises(ConflictingRows, match="`duplicates=refuse` allows none"):
            read_text(hours(50) + "2024-01-01T00,99\n", duplicates="refuse")


class TestSteps:
    def test_trades_become_bars(self) -> None:
        table = read_text(TRADES, every="1min", duplicates="ohlc")
        assert table.channels == ("open", "high", "low", "close", "amount")
        assert table.kind == "ohlc"
        assert table.values.tolist() == [[3, 9, 1, 1, 6], [5, 5, 4, 4, 15]]
        assert moments(table) == ["2024-01-01T10:00:00", "2024-01-01T10:01:00"]
        assert codes(table)["aggregated_rows"] == 6

    def test_the_column_of_the_prices_can_be_named(self) -> None:
        text = TRADES.replace("price,amount", "x,y")
        with pytest.raises(OptionInvalid, match="`value=`: x, y"):
            read_text(text, every="1min", duplicates="ohlc")
        table = read_text(text, every="1min", duplicates="ohlc", value="x")
        assert column(table, "high") == [9, 5]

    def test_other_rules_put_rows_together_as_well(self) -> None:
        table = read_text(TRADES, every="2min", duplicates="mean")
        assert column(table, "amount") == [3.5]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"every": "1min"}, "`every` needs"),
            ({"duplicates": "ohlc"}, "needs the length of a bar"),
            ({"every": "often", "duplicates": "sum"}, "cadence"),
        ],
    )
    def test_halves_of_a_request_are_refused(self, options: Any, message: str) -> None:
        with pytest.raises(OptionInvalid, match=re.compile(message, re.IGNORECASE)):
            read_text(TRADES, **options)
