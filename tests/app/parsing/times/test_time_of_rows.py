"""Formats of time, their order, time zones and clock changes."""

from datetime import UTC, datetime, timedelta

import pytest

from app.parsing.errors import UnreadableFile
from tests.app.parsing.files import codes, column, moments, read_text, rejections

pytestmark = pytest.mark.unit


class TestFormats:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2022-01-03", "2022-01-03T00:00:00"),
            ("2022-01-03 09:08", "2022-01-03T09:08:00"),
            ("2022-01-03T09:08:07", "2022-01-03T09:08:07"),
            ("2022-01-03T09:08:07Z", "2022-01-03T09:08:07"),
            ("2022-01-03 09:08:07+05:30", "2022-01-03T03:38:07"),
            ("2022-01-03T09:08-0330", "2022-01-03T12:38:00"),
            ("2022/01/03 9:08", "2022-01-03T09:08:00"),
            ("2022.01.03 09:08", "2022-01-03T09:08:00"),
            ("20220103", "2022-01-03T00:00:00"),
            ("20220103 090807", "2022-01-03T09:08:07"),
            ("20220103090807", "2022-01-03T09:08:07"),
            ("20220103T090807Z", "2022-01-03T09:08:07"),
            ("1949-01", "1949-01-01T00:00:00"),
            ("1749-01", "1749-01-01T00:00:00"),
            ("01/1949", "1949-01-01T00:00:00"),
            ("31.01.2022 18:00", "2022-01-31T18:00:00"),
            ("31/01/99 18:00", "1999-01-31T18:00:00"),
            ("01/31/2022 6:05 PM", "2022-01-31T18:05:00"),
            ("01/31/2022 12:05 am", "2022-01-31T00:05:00"),
            ("3-Jan-2022", "2022-01-03T00:00:00"),
            ("3 January 2022 10:00", "2022-01-03T10:00:00"),
            ("Jan 3, 2022", "2022-01-03T00:00:00"),
            ("Mon, 03 Jan 2022 09:08:07 GMT", "2022-01-03T09:08:07"),
            ("2022-01-03 24:00", "2022-01-04T00:00:00"),
            ("1641200887", "2022-01-03T09:08:07"),
            ("1641200887000", "2022-01-03T09:08:07"),
            ("1641200887000000", "2022-01-03T09:08:07"),
            ("2022", "2022-01-01T00:00:00"),
        ],
    )
    def test_a_form_is_recognised(self, text: str, expected: str) -> None:
        assert moments(read_text(f'time;a\n"{text}";1\n')) == [expected]

    def test_fractions_of_seconds_are_kept(self) -> None:
        table = read_text("time,a\n2022-01-03T00:00:00.25Z,1\n2022-01-03T00:00:00.000001Z,2\n")
        assert (table.times % 1_000_000).tolist() == [1, 250_000]

    def test_forms_may_alternate(self) -> None:
        table = read_text("time,a\n2022-01-03,1\n2022-01-03 06:00,2\n2022-01-03T12:00:00Z,3\n")
        assert moments(table) == [
            "2022-01-03T00:00:00",
            "2022-01-03T06:00:00",
            "2022-01-03T12:00:00",
        ]

    def test_a_table_by_year_behind_one_by_month_is_kept_aside(self) -> None:
        months = "".join(f"{1930 + n // 12}{n % 12 + 1:02},{n}\n" for n in range(36))
        years = "".join(f"  {year},{year}\n" for year in range(1930, 1933))
        table = read_text(f",a\n{months}{years}")
        assert column(table, "a") == list(range(36))
        assert rejections(table) == [(38 + n, "unreadable_time") for n in range(3)]

    def test_six_digits_that_may_be_months_or_days_are_refused(self) -> None:
        with pytest.raises(UnreadableFile, match="two ways"):
            read_text("month,a\n" + "".join(f"20{n:02}01,{n}\n" for n in range(1, 13)))

    def test_seconds_and_milliseconds_may_alternate(self) -> None:
        table = read_text("time,a\n1641200000000,1\n1641200001,2\n")
        assert moments(table) == ["2022-01-03T08:53:20", "2022-01-03T08:53:21"]

    def test_a_format_can_be_given(self) -> None:
        table = read_text("time,a\n2022-03,1\n2022-60,2\n", timestamp_format="%Y-%j")
        assert moments(table) == ["2022-01-03T00:00:00", "2022-03-01T00:00:00"]

    def test_small_numbers_are_seconds_only_by_request(self) -> None:
        table = read_text("n,a\n0,1\n60,2\n", timestamp=("n",), timestamp_format="epoch_s")
        assert moments(table) == ["1970-01-01T00:00:00", "1970-01-01T00:01:00"]

    def test_a_format_of_nonsense_is_refused(self) -> None:
        with pytest.raises(UnreadableFile, match=r"`timestamp_format` must be dayfirst.*'%Q'"):
            read_text("time,a\n2022-01-03,1\n", timestamp_format="%Q")

    def test_times_in_no_known_form_are_refused_with_the_parameter(self) -> None:
        with pytest.raises(UnreadableFile, match=r"'noon'.*`timestamp_format=`"):
            read_text("time,a\nnoon,1\nmidnight,2\n", timestamp=("time",))

    def test_impossible_days_are_kept_aside(self) -> None:
        table = read_text("time,a\n2023-02-28,1\n2023-02-29,2\n2023-03-01,3\n2023-03-02,4\n")
        assert rejections(table) == [(3, "unreadable_time")]


class TestColumns:
    def test_date_and_time_in_two_columns_are_joined(self) -> None:
        table = read_text("Date;Time;a\n10/03/2004;18.00.00;1\n13/03/2004;19.00.00;2\n")
        assert moments(table) == ["2004-03-10T18:00:00", "2004-03-13T19:00:00"]
        assert table.dialect["timestamp"] == ["Date", "Time"]

    def test_a_missing_time_of_day_is_not_midnight(self) -> None:
        text = "date,time,a\n2024-01-01,10:00,1\n2024-01-02,,2\n2024-01-03,10:00,3\n"
        assert rejections(read_text(text)) == [(3, "unreadable_time")]

    def test_named_columns_are_joined_in_their_order(self) -> None:
        text = "y,m,d,a\n2024,1,31,5\n2024,2,1,6\n"
        table = read_text(text, timestamp=("y", "m", "d"), timestamp_format="%Y %m %d")
        assert moments(table) == ["2024-01-31T00:00:00", "2024-02-01T00:00:00"]

    def test_an_unknown_time_column_is_refused(self) -> None:
        with pytest.raises(
            UnreadableFile, match=r"`timestamp` must name columns of the file: time, a"
        ):
            read_text("time,a\n2024-01-01,1\n", timestamp=("when",))

    def test_the_column_named_after_time_wins(self) -> None:
        table = read_text("published,date,a\n2023-01-01,2024-01-01,1\n2023-01-01,2024-01-02,2\n")
        assert moments(table) == ["2024-01-01T00:00:00", "2024-01-02T00:00:00"]


class TestOrderOfDayAndMonth:
    def test_one_day_above_twelve_proves_the_order(self) -> None:
        table = read_text("date,a\n03-01-2000,1\n04-01-2000,2\n13-01-2000,3\n")
        assert moments(table)[0] == "2000-01-03T00:00:00"
        assert table.dialect["timestamp_format"] == ["%d-%m-%Y"]

    def test_the_proof_may_stand_at_the_end_of_the_file(self) -> None:
        rows = "".join(f"{month:02}/01/2000,1\n" for month in range(1, 13))
        table = read_text(f"date,a\n{rows}12/31/2000,1\n")
        assert moments(table)[1] == "2000-02-01T00:00:00"

    def test_without_a_proof_both_readings_and_the_parameter_are_shown(self) -> None:
        with pytest.raises(UnreadableFile) as refusal:
            read_text("date,a\n03-01-2000,1\n04-01-2000,2\n")
        detail = refusal.value.detail
        assert "'03-01-2000' is 2000-01-03 by %d-%m-%Y and 2000-03-01 by %m-%d-%Y" in detail
        assert "`timestamp_format=%d-%m-%Y` or `timestamp_format=%m-%d-%Y`" in detail

    @pytest.mark.parametrize(
        ("order", "first"),
        [("dayfirst", "2000-01-03"), ("monthfirst", "2000-03-01"), ("%d-%m-%Y", "2000-01-03")],
    )
    def test_the_parameter_settles_it(self, order: str, first: str) -> None:
        table = read_text("date,a\n03-01-2000,1\n04-01-2000,2\n", timestamp_format=order)
        assert moments(table)[0] == f"{first}T00:00:00"

    def test_days_that_mean_the_same_in_both_orders_need_no_proof(self) -> None:
        table = read_text("date,a\n01/01/2000,1\n02/02/2000,2\n")
        assert moments(table)[1] == "2000-02-02T00:00:00"

    def test_rows_that_prove_different_orders_are_refused(self) -> None:
        with pytest.raises(
            UnreadableFile, match=r"1 rows can only be read by the first and 1 only by"
        ):
            read_text("date,a\n13/01/2000,1\n01/14/2000,2\n02/03/2000,3\n")

    def test_a_proof_holds_for_rows_with_and_without_a_clock(self) -> None:
        table = read_text("date,a\n03/01/2000,1\n03/01/2000 06:00,2\n13/01/2000 06:00,3\n")
        assert moments(table)[0] == "2000-01-03T00:00:00"

    def test_two_digit_years_are_proven_too(self) -> None:
        table = read_text("date,a\n25/12/99,1\n31/12/99,2\n01/01/00,3\n")
        assert moments(table)[-1] == "2000-01-01T00:00:00"


class TestTimezones:
    def test_times_without_an_offset_are_read_in_the_time_zone(self) -> None:
        table = read_text("time,a\n2022-01-03 09:08,1\n", timezone="Asia/Kolkata")
        assert moments(table) == ["2022-01-03T03:38:00"]

    def test_an_offset_in_the_text_wins(self) -> None:
        table = read_text("time,a\n2022-01-03T09:08Z,1\n", timezone="Asia/Kolkata")
        assert moments(table) == ["2022-01-03T09:08:00"]

    def test_hours_that_come_twice_are_distinguished_by_order(self) -> None:
        text = "time,a\n2023-10-29 01:00,1\n2023-10-29 02:00,2\n2023-10-29 02:00,3\n"
        table = read_text(text + "2023-10-29 03:00,4\n", timezone="Europe/Berlin")
        assert moments(table) == [
            "2023-10-28T23:00:00",
            "2023-10-29T00:00:00",
            "2023-10-29T01:00:00",
            "2023-10-29T02:00:00",
        ]
        assert codes(table) == {"repeated_hour": 2}

    def test_finer_steps_and_newest_first_are_distinguished_as_well(self) -> None:
        clock = ["02:00", "02:30", "02:00", "02:30"]
        forward = [f"2023-10-29 {hour},{n}\n" for n, hour in enumerate(["01:30", *clock, "03:00"])]
        for rows in (forward, forward[::-1]):
            table = read_text("time,a\n" + "".join(rows), timezone="Europe/Berlin")
            assert column(table, "a") == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
            assert len(set(moments(table))) == 6

    def test_an_hour_without_an_order_is_kept_aside(self) -> None:
        rows = "".join(f"2023-10-29 {hour:02}:00,1\n" for hour in range(24))
        table = read_text("time,a\n" + rows, timezone="Europe/Berlin")
        assert rejections(table) == [(4, "unclear_hour")]

    def test_an_hour_that_never_was_is_kept_aside(self) -> None:
        rows = "".join(f"2023-03-26 {hour:02}:00,1\n" for hour in range(24))
        table = read_text("time,a\n" + rows, timezone="Europe/Berlin")
        assert rejections(table) == [(4, "skipped_hour")]


class TestOrderOfRows:
    def test_newest_first_is_turned_round(self) -> None:
        table = read_text("time,a\n2024-01-03,3\n2024-01-02,2\n2024-01-01,1\n")
        assert column(table, "a") == [1.0, 2.0, 3.0]
        assert codes(table) == {"newest_first": 2}

    def test_identical_duplicates_are_dropped_and_counted(self) -> None:
        table = read_text("time,a\n2024-01-01,1\n2024-01-02,2\n2024-01-02,2\n2024-01-03,3\n")
        assert table.rows_duplicate == 1
        assert codes(table) == {"duplicate_rows": 1}

    def test_of_conflicting_duplicates_the_last_is_kept(self) -> None:
        table = read_text("time,a\n2024-01-01,1\n2024-01-02,2\n2024-01-02,7\n")
        assert column(table, "a") == [1.0, 7.0]
        assert codes(table) == {"conflicting_rows": 1}
        assert table.issues[0].examples[0].line == 3

    def test_missing_values_are_equal_to_each_other(self) -> None:
        table = read_text("time,a,b\n2024-01-01,,1\n2024-01-01,,1\n2024-01-02,2,1\n")
        assert codes(table)["duplicate_rows"] == 1


def times_of(rows: str, header: str) -> list[str]:
    """The times of a text of rows with a value behind each."""
    lines = [f"{row},{number / 4}" for number, row in enumerate(rows.split("; "))]
    return moments(read_text("\n".join([f"{header},temp", *lines]) + "\n"))


class TestColumnsBesideTheTime:
    """A further column neither hides the time nor is taken for a part of it."""

    @pytest.mark.parametrize(
        ("header", "rows", "last"),
        [
            ("time [Europe/Berlin]", "199501170000; 199501170100; 199501170200", "17T01:00"),
            ("Time (UTC)", "199501170000; 199501170100; 199501170200", "17T02:00"),
            ("Date,Hour (UTC)", "1995-01-17,0; 1995-01-17,1; 1995-01-17,2", "17T02:00"),
            # Epochs hold the time of day, also in nine digits.
            ("ts,hour", "789267600,01:00; 789271200,02:00; 789274800,03:00", "05T03:00"),
            ("time,hour", "19950117 0030,00:00; 19950117 0130,01:00", "17T01:30"),
            ("time,hour", "1994 Dec,00:00; 1995 Jan,00:00", "01T00:00"),
            (
                "Year,DOY,HHMM,hour",
                "1995,17,58,00:00; 1995,17,59,00:00; 1995,17,100,01:00",
                "17T01:00",
            ),
            # Without a day the month cannot stand for the day of the year.
            ("Year,month,DOY,HHMM", "1995,Jan,17,1200; 1995,Jan,17,1230", "17T12:30"),
            # The first minutes of a day are not hours.
            ("Year,DOY,HHMM", "1995,17,0; 1995,17,1; 1995,17,2; 1995,17,3", "17T00:03"),
        ],
    )
    def test_the_time_is_the_one_that_the_file_names(
        self, header: str, rows: str, last: str
    ) -> None:
        assert times_of(rows, header)[-1] == f"1995-01-{last}:00"


@pytest.mark.parametrize(
    ("form", "minutes"),
    [("{0:%H:%M}-{1:%H:%M}", 30), ("{0:%H:%M} - {1:%H:%M}", 15), ("{0:%H} - {1:%H}", 60)],
)
def test_ranges_of_times_of_day_begin_rows(form: str, minutes: int) -> None:
    step = timedelta(minutes=minutes)
    first = datetime(2023, 1, 20, tzinfo=UTC)
    times = [first + n * step for n in range(200)]
    rows = [f"{t:%d.%m.%Y};{form.format(t, t + step)};{n % 31}" for n, t in enumerate(times)]
    table = read_text("\n".join(["Datum;Zeitraum;Preis", *rows, ""]))
    assert moments(table) == [f"{t:%Y-%m-%dT%H:%M:%S}" for t in times]
