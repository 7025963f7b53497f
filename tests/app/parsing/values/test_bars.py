"""Market bars, and numbers that stand for a missing value."""

import pytest

from app.parsing.errors import UnreadableFile
from tests.app.parsing.files import codes, column, read_text, rejections

pytestmark = pytest.mark.unit


class TestBars:
    def test_columns_are_known_by_name_in_any_case_and_order(self) -> None:
        text = "Date,CLOSE,Adj Close,low,High,Open,Vol\n2024-01-02,2,1.9,1,3,1.5,100\n"
        table = read_text(text)
        assert table.kind == "ohlc"
        assert table.channels == ("close", "adj_close", "low", "high", "open", "volume")
        assert codes(table)["renamed_columns"] == 5

    def test_another_column_of_a_price_s_name_keeps_its_values(self) -> None:
        table = read_text("date,Open,High,Low,Close,open\n2024-01-02,2,3,1,2,9\n")
        assert table.channels == ("open", "high", "low", "close", "open_2")
        assert column(table, "open") == [2.0]

    def test_single_letters_and_quantmod_names_are_known(self) -> None:
        for names in ("o,h,l,c,v", "GSPC.Open,GSPC.High,GSPC.Low,GSPC.Close,GSPC.Volume"):
            table = read_text(f"date,{names}\n2024-01-02,2,3,1,2.5,7\n")
            assert table.channels == ("open", "high", "low", "close", "volume")

    def test_without_a_header_bars_are_known_by_their_prices(self) -> None:
        text = "X,20240102,09:16,10,12,9,11,0,0\nX,20240102,09:17,11,13,10,12,0,0\n"
        table = read_text(text)
        assert table.channels == ("open", "high", "low", "close", "volume", "column_9")

    def test_bars_that_break_their_rules_are_kept_aside(self) -> None:
        rows = [f"2024-01-{day:02},10,12,9,11" for day in range(1, 11)]
        rows += ["2024-02-01,10,9,11,10", "2024-02-02,10,12,9,13", "2024-02-03,0,12,0,11"]
        table = read_text("date,open,high,low,close\n" + "\n".join(rows))
        assert rejections(table) == [(line, "ohlc_violation") for line in (12, 13, 14)]
        assert "high 9, low 11" in table.rejected[0].reason

    def test_a_missing_price_breaks_no_rule(self) -> None:
        table = read_text("date,open,high,low,close\n2024-01-02,,12,9,11\n2024-01-03,9,12,9,\n")
        assert column(table, "open") == [None, 9.0]

    def test_rounding_breaks_no_rule(self) -> None:
        table = read_text("date,open,high,low,close\n2024-01-02,0.936385,0.9363846,0.9,0.91\n")
        assert not table.rejected

    def test_other_kinds_keep_their_names_and_rows(self) -> None:
        table = read_text("date,open,high,low,close\n2024-01-02,1,0,2,1\n", kind="generic")
        assert table.kind == "generic"
        assert table.channels == ("open", "high", "low", "close")

    def test_columns_that_are_no_bars_are_refused_for_bars(self) -> None:
        with pytest.raises(
            UnreadableFile, match=r"need the columns open, high, low and close.*`columns="
        ):
            read_text("date,price\n2024-01-02,1\n", kind="ohlc")


class TestMissingValues:
    def test_a_known_placeholder_far_from_all_others_is_reported_and_kept(self) -> None:
        rows = "".join(f"2024-01-{day:02},{day / 2},{day - 5}\n" for day in range(1, 29))
        table = read_text(f"date,wind,t\n{rows}2024-01-29,-9999,1\n2024-01-30,2,-200\n")
        found = [issue for issue in table.issues if issue.code == "sentinel"]
        assert [issue.count for issue in found] == [1, 1]
        assert '"missing": [-9999]' in found[0].message
        assert column(table, "wind")[-2] == -9999.0

    def test_an_ordinary_value_is_no_placeholder(self) -> None:
        rows = "".join(f"2024-01-{day:02},{998.9 + day}\n" for day in range(1, 20))
        assert "sentinel" not in codes(read_text(f"date,p\n{rows}2024-01-25,999.9\n"))

    def test_numbers_that_the_settings_call_missing_are_missing(self) -> None:
        text = "date,a,b\n2024-01-01,-200,-200\n2024-01-02,1,2\n"
        table = read_text(text, missing={"a": [-200.0]})
        assert column(table, "a") == [None, 1.0]
        assert column(table, "b") == [-200.0, 2.0]

    def test_channels_without_values_and_without_change_are_reported(self) -> None:
        table = read_text("date,a,b,c\n2024-01-01,,3,1\n2024-01-02,,3,2\n")
        assert table.channels == ("a", "b", "c")
        assert {"empty_channels": 1, "constant_channels": 1}.items() <= codes(table).items()
