"""Separators, quotes, headers, decimal signs, encodings and packing."""

import io
import zipfile

import pytest

from app.parsing.errors import FileTooLarge, UnreadableFile
from tests.app.parsing.files import (
    codes,
    column,
    moments,
    packed,
    read_bytes,
    read_text,
    rejections,
)

pytestmark = pytest.mark.unit

DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")


class TestSeparators:
    @pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
    def test_the_separator_is_the_one_all_rows_share(self, mark: str) -> None:
        table = read_text(f"time{mark}a{mark}b\n" + "".join(f"{d}{mark}1{mark}2\n" for d in DAYS))
        assert table.channels == ("a", "b")
        assert table.dialect["delimiter"] == mark
        assert column(table, "b") == [2.0, 2.0, 2.0]

    def test_runs_of_blanks_separate(self) -> None:
        table = read_text("time      a    b\n2024-01-01   1    2\n2024-01-02  10   20\n")
        assert table.dialect["delimiter"] == "whitespace"
        assert column(table, "b") == [2.0, 20.0]

    def test_a_comma_inside_quotes_does_not_separate(self) -> None:
        table = read_text('time,"rain, total"\n2024-01-01,1\n2024-01-02,2\n')
        assert table.channels == ("rain, total",)

    def test_lines_that_are_quoted_as_a_whole_are_opened(self) -> None:
        table = read_text('"time,a"\n"2024-01-01,1"\n"2024-01-02,2"\n')
        assert column(table, "a") == [1.0, 2.0]

    def test_empty_columns_at_the_end_are_left_out(self) -> None:
        table = read_text("time;a;;\n2024-01-01;1;;\n2024-01-02;2;;\n;;;\n")
        assert table.channels == ("a",)
        assert codes(table) == {"blank_rows": 1}

    def test_rows_may_end_in_a_separator_that_the_header_lacks(self) -> None:
        table = read_text("time,a\n2024-01-01,1,\n2024-01-02,2,\n")
        assert table.channels == ("a",)

    def test_an_index_without_a_name_is_a_column(self) -> None:
        table = read_text("time,a\n0,2024-01-01,5\n1,2024-01-02,6\n")
        assert column(table, "a") == [5.0, 6.0]

    def test_a_given_separator_is_used(self) -> None:
        table = read_text("time/a\n20240101/1\n20240102/2\n", delimiter="/")
        assert column(table, "a") == [1.0, 2.0]

    @pytest.mark.parametrize("text", ["#a,b,c\n#d\n1\n2\n", "#a,b\n%c\n", "# a b\n", "%\n%\n1,2\n"])
    def test_a_file_that_is_nearly_all_comments_is_refused_in_words(self, text: str) -> None:
        with pytest.raises(UnreadableFile):
            read_text(text)

    def test_a_word_is_no_separator(self) -> None:
        with pytest.raises(UnreadableFile, match=r"`delimiter` must be one character"):
            read_text("time,a\n2024-01-01,1\n", delimiter="abc")

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_lines_end_as_they_like(self, end: str) -> None:
        assert column(read_text(end.join(["time,a", "2024-01-01,1", "2024-01-02,2"])), "a") == [
            1,
            2,
        ]


class TestHeaders:
    def test_a_file_without_a_header_gets_numbers_for_names(self) -> None:
        table = read_text("2024-01-01,1,2\n2024-01-02,3,4\n")
        assert table.channels == ("column_2", "column_3")
        assert table.dialect["header_lines"] == 0
        assert codes(table)["no_header"] == 3

    def test_names_can_be_given_for_all_columns(self) -> None:
        table = read_text("2024-01-01,1,2\n2024-01-02,3,4\n", columns=("time", "", "b"))
        assert table.channels == ("b",)

    def test_too_few_names_are_refused(self) -> None:
        with pytest.raises(UnreadableFile, match=r"`columns` must name all 3 columns"):
            read_text("2024-01-01,1,2\n2024-01-02,3,4\n", columns=("time", "b"))

    def test_names_may_be_numbers(self) -> None:
        assert read_text("date,1,2\n2024-01-01,5,6\n2024-01-02,7,8\n").channels == ("1", "2")

    def test_lines_before_the_table_are_reported(self) -> None:
        text = "Station 7, Jena\nhttps://example.org\n\ntime,a,b\n2024-01-01,1,2\n2024-01-02,3,4\n"
        table = read_text(text)
        assert table.channels == ("a", "b")
        assert codes(table)["preamble"] == 2

    def test_a_commented_header_is_a_header(self) -> None:
        table = read_text("# made by a logger\n# time,a\n2024-01-01,1\n2024-01-02,2\n")
        assert table.channels == ("a",)

    def test_three_lines_of_names_give_the_first(self) -> None:
        text = "Price,Close,Volume\nTicker,AAPL,AAPL\nDate,,\n2024-01-02,185.6,82488700\n"
        table = read_text(text + "2024-01-03,184.2,58414500\n")
        assert table.channels == ("Close", "Volume")
        assert table.dialect["header_lines"] == 3

    def test_names_in_angle_brackets_lose_them(self) -> None:
        text = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\n"
        text += "2024.01.02\t09:00\t1.1\t1.3\t1.0\t1.2\n2024.01.02\t09:01\t1.2\t1.3\t1.1\t1.2\n"
        table = read_text(text)
        assert table.channels == ("open", "high", "low", "close")
        assert moments(table) == ["2024-01-02T09:00:00", "2024-01-02T09:01:00"]

    def test_equal_names_are_distinguished(self) -> None:
        table = read_text("time,a,a\n2024-01-01,1,2\n2024-01-02,3,4\n")
        assert table.channels == ("a", "a_2")
        assert codes(table) == {"same_names": 1}

    def test_columns_are_kept_and_renamed_on_request(self) -> None:
        table = read_text("time,a,b,c\n2024-01-01,1,2,3\n", columns=("c", "a=wind"))
        assert table.channels == ("c", "wind")
        assert table.values.tolist() == [[3.0, 1.0]]

    def test_an_unknown_column_is_refused_with_the_known(self) -> None:
        with pytest.raises(
            UnreadableFile, match=r"`columns` must name columns of the file: a\. .*'b'"
        ):
            read_text("time,a\n2024-01-01,1\n", columns=("b",))

    def test_columns_of_text_are_left_out_and_reported(self) -> None:
        table = read_text("time,station,a\n2024-01-01,Jena,1\n2024-01-02,Jena,2\n")
        assert table.channels == ("a",)
        assert codes(table) == {"text_columns": 1}

    def test_several_series_in_one_file_are_refused_with_their_names(self) -> None:
        text = "date,symbol,close\n2024-01-01,AAPL,1\n2024-01-01,MSFT,2\n2024-01-02,AAPL,3\n"
        with pytest.raises(
            UnreadableFile, match=r"several series: the column 'symbol'.*'AAPL', 'MSFT'"
        ):
            read_text(text)


class TestDecimals:
    def test_a_decimal_comma_is_proven_by_the_numbers(self) -> None:
        table = read_text("time;a;b\n2024-01-01;2,6;1.234,5\n2024-01-02;-0,75;12\n")
        assert table.dialect["decimal"] == ","
        assert column(table, "a") == [2.6, -0.75]
        assert column(table, "b") == [1234.5, 12.0]

    def test_thousands_are_read_beside_a_decimal_point(self) -> None:
        table = read_text('time,a\n2024-01-01,"1,234.5"\n2024-01-02,"12,345,678"\n')
        assert column(table, "a") == [1234.5, 12345678.0]

    def test_a_number_that_can_be_both_is_refused_with_the_parameter(self) -> None:
        with pytest.raises(UnreadableFile, match=r"'1,234' can be.*`decimal=,` or `decimal=.`"):
            read_text("time;a\n2024-01-01;1,234\n2024-01-02;2,500\n")

    @pytest.mark.parametrize(("sign", "value"), [(",", 1.234), (".", 1234.0)])
    def test_the_parameter_settles_it(self, sign: str, value: float) -> None:
        table = read_text("time;a\n2024-01-01;1,234\n2024-01-02;2,5\n2024-01-03;1\n", decimal=sign)
        assert column(table, "a")[0] == value

    @pytest.mark.parametrize("word", ["", "NA", "n/a", "NaN", "null", "-", "#N/A", "None"])
    def test_words_for_a_missing_value_are_missing(self, word: str) -> None:
        assert column(read_text(f"time,a\n2024-01-01,1\n2024-01-02,{word}\n"), "a") == [1.0, None]

    def test_numbers_may_have_signs_and_exponents(self) -> None:
        table = read_text("time,a\n2024-01-01,+1.5e-3\n2024-01-02, -2E2\n2024-01-03,.5\n")
        assert column(table, "a") == [0.0015, -200.0, 0.5]


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    def test_unicode_is_recognised(self, encoding: str) -> None:
        table = read_text("time,T (°C)\n2024-01-01,1\n2024-01-02,2\n", encoding=encoding)
        assert table.channels == ("T (°C)",)

    @pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
    def test_older_encodings_are_guessed(self, encoding: str) -> None:
        table = read_text("Zeit,Temperatur (°C)\n2024-01-01,1\n2024-01-02,2\n", encoding=encoding)
        assert table.channels == ("Temperatur (°C)",)

    def test_a_zip_with_one_file_is_opened(self) -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("data.csv", "time,a\n2024-01-01,1\n")
            archive.writestr("__MACOSX/data.csv", "x")
        table = read_bytes(content.getvalue())
        assert table.dialect["compression"] == "zip"
        assert column(table, "a") == [1.0]

    def test_a_zip_with_two_files_is_refused_with_their_names(self) -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("one.csv", "1")
            archive.writestr("two.csv", "2")
        with pytest.raises(UnreadableFile, match=r"exactly one file. Received 2: one.csv, two.csv"):
            read_bytes(content.getvalue())

    def test_a_gzip_bomb_is_refused(self) -> None:
        bomb = packed("time,a\n" + "2024-01-01,1\n" * 100_000)
        with pytest.raises(FileTooLarge, match=r"at most 1000 bytes long once unpacked"):
            read_bytes(bomb, limit_bytes=1000)

    def test_a_damaged_gzip_is_refused(self) -> None:
        with pytest.raises(UnreadableFile, match=r"damaged or locked gzip"):
            read_bytes(packed("time,a\n2024-01-01,1\n" * 100)[:-20])


class TestRefusals:
    def test_an_empty_file(self) -> None:
        with pytest.raises(UnreadableFile, match=r"The file is empty. Received: 0 bytes"):
            read_bytes(b"")

    def test_a_file_of_blanks(self) -> None:
        with pytest.raises(UnreadableFile, match=r"The file is empty"):
            read_text(" \n\n")

    def test_a_binary_file(self) -> None:
        with pytest.raises(UnreadableFile, match=r"binary"):
            read_bytes(bytes(range(256)) * 10)

    def test_a_picture(self) -> None:
        with pytest.raises(UnreadableFile, match=r"a PNG image, not a text table"):
            read_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))

    def test_a_workbook(self) -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("[Content_Types].xml", "<Types/>")
        with pytest.raises(UnreadableFile, match=r"an Office document, not a table"):
            read_bytes(content.getvalue())

    def test_no_time_column(self) -> None:
        with pytest.raises(
            UnreadableFile, match=r"No column holds times. Columns: a \('1.5'\).*`timestamp="
        ):
            read_text("a,b\n1.5,2.5\n3.5,4.5\n")

    def test_a_sheet_of_a_text(self) -> None:
        with pytest.raises(UnreadableFile, match=r"`sheet=` is for workbooks"):
            read_text("time,a\n2024-01-01,1\n", sheet="A")

    def test_one_column(self) -> None:
        with pytest.raises(UnreadableFile, match=r"one column only.*`delimiter=`"):
            read_text("a\n1\n2\n")

    def test_a_header_without_rows(self) -> None:
        with pytest.raises(UnreadableFile, match=r"a header and no rows"):
            read_text("time,a\n")

    def test_only_text(self) -> None:
        with pytest.raises(UnreadableFile, match=r"no column of numbers"):
            read_text("time,a\n2024-01-01,red\n2024-01-02,blue\n")

    def test_rows_of_all_lengths(self) -> None:
        text = "time,a\n2024-01-01,1\n2024-01-02,1,2\n2024-01-03\n2024-01-04,1,2,3\n"
        with pytest.raises(UnreadableFile, match=r"no common number of fields.*`delimiter="):
            read_text(text)

    def test_mostly_unreadable_rows(self) -> None:
        text = "time,a,b\n" + "".join(f"{day},1,{number}\n" for number, day in enumerate(DAYS))
        text += "2024-01-04,inf,\n2024-01-05,inf,\n2024-01-06,inf,\n2024-01-07,inf,\n"
        with pytest.raises(
            UnreadableFile, match=r"4 of 7 rows cannot be used: 4 with an infinite number"
        ):
            read_text(text)


class TestQuarantine:
    def test_bad_rows_are_kept_aside_with_line_and_reason(self) -> None:
        good = "".join(f"2024-01-{day:02},{day},1\n" for day in range(1, 21))
        bad = "2024-02-01,1\nyesterday,1,1\n2024-02-03,abc,\n2024-02-04,inf,\n2024-02-05,,1e999\n"
        table = read_text("time,a,b\n" + good + bad)
        assert table.rows_read == 25
        assert len(table.times) == 20
        assert rejections(table) == [
            (22, "wrong_field_count"),
            (23, "unreadable_time"),
            (24, "unreadable_number"),
            (25, "infinite_value"),
            (26, "infinite_value"),
        ]
        assert table.rejected[2].text == "2024-02-03,abc,"
        assert table.rejected[2].reason == "'a' is not a finite number: 'abc'"
        assert codes(table)["infinite_value"] == 2

    def test_line_numbers_count_blank_lines_and_comments(self) -> None:
        good = "".join(f"2024-01-{day:02},{day}\n" for day in range(1, 10))
        table = read_text("# a comment\n\ntime,a\n" + good + "\n# another\nnever,1\n")
        assert rejections(table) == [(15, "unreadable_time")]
        assert codes(table)["comments"] == 1

    def test_an_open_quote_costs_one_row(self) -> None:
        good = "".join(f"2024-01-{day:02},{day}\n" for day in range(1, 10))
        table = read_text("time,a\n" + good + '2024-02-01,"7\n' + "2024-02-02,8\n" * 30)
        assert rejections(table) == [(11, "wrong_field_count")]
        assert column(table, "a")[-1] == 8.0


class TestSizes:
    def test_a_file_of_endless_lines_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("app.parsing.lines.MOST_LINES", 100)
        with pytest.raises(FileTooLarge, match=r"at most 100 lines. Received: 101"):
            read_text("\n" * 100 + "time,a\n")

    def test_a_file_of_endless_columns_is_refused(self) -> None:
        with pytest.raises(FileTooLarge, match=r"at most 5000 columns. Received: 6000"):
            read_text(("1," * 5999 + "1\n") * 3)

    def test_a_wide_file_is_read(self) -> None:
        names = ",".join(f"c{number}" for number in range(2_000))
        table = read_text(f"time,{names}\n2024-01-01{',1' * 2_000}\n2024-01-02{',2' * 2_000}\n")
        assert table.values.shape == (2, 2_000)
