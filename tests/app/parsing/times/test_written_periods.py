"""Periods of years, clocks without zeros and epochs: what proves them, and what does not."""

from datetime import date, timedelta

import numpy as np
import pytest

from app.parsing.errors import AmbiguousTimes, MissingColumns, SeveralSeries, UnreadableFile
from app.parsing.reader import Table
from app.parsing.times.regularity import filled_share
from models.calendars.cadence import infer_cadence
from tests.app.parsing.files import codes, column, moments, read_text, rejections

pytestmark = pytest.mark.unit


def cadence_of(table: Table) -> str:
    """The cadence of a table's rows."""
    cadence = infer_cadence(table.times.view("datetime64[us]")).cadence
    return cadence.text if cadence else ""


def file_of(name: str, times: list[str]) -> str:
    """A file with one channel that counts the rows."""
    return f"{name},a\n" + "".join(f"{time},{n}.5\n" for n, time in enumerate(times))


def numbered(form: str, periods: int, rows: int) -> list[str]:
    """Years from 2001 with numbers from 1 to `periods`."""
    return [form.format(2001 + n // periods, n % periods + 1) for n in range(rows)]


class TestNumberedPeriods:
    @pytest.mark.parametrize("form", ["{}-{}", "{}/{}", "{}:{}", "{}.{}", "{}_{}"])
    @pytest.mark.parametrize(("periods", "cadence"), [(2, "2QS"), (4, "QS")])
    def test_the_numbers_of_full_years_prove_the_period(
        self, form: str, periods: int, cadence: str
    ) -> None:
        table = read_text(file_of("period", numbered(form, periods, 24)))
        assert moments(table)[0] == "2001-01-01T00:00:00"
        assert cadence_of(table) == cadence

    @pytest.mark.parametrize("form", ["{}-{}", "{}/{}", "{}:{}", "{}-{:02}", "{}{:02}"])
    def test_numbers_to_twelve_are_months(self, form: str) -> None:
        table = read_text(file_of("period", numbered(form, 12, 30)))
        assert cadence_of(table) == "MS"

    @pytest.mark.parametrize("rows", [2, 3, 4])
    def test_too_few_numbers_are_refused_with_formats_that_work(self, rows: int) -> None:
        text = file_of("period", numbered("{}-{}", 12, rows))
        with pytest.raises(AmbiguousTimes) as refusal:
            read_text(text)
        assert "`timestamp_format=%Y-%m`" in refusal.value.detail
        assert moments(read_text(text, timestamp_format="%Y-%m"))[1] == "2001-02-01T00:00:00"
        assert moments(read_text(text, timestamp_format="%Y-%q"))[1] == "2001-04-01T00:00:00"

    def test_few_numbers_with_zeros_are_months(self) -> None:
        table = read_text(file_of("period", numbered("{}-{:02}", 12, 3)))
        assert moments(table)[2] == "2001-03-01T00:00:00"

    def test_one_number_above_twelve_is_an_error_and_not_a_week(self) -> None:
        times = numbered("{}-{:02}", 12, 30)
        times[20] = "2002-21"
        table = read_text(file_of("period", times))
        assert cadence_of(table) == "MS"
        assert rejections(table) == [(22, "unreadable_time")]

    def test_weeks_that_a_year_lacks_are_quarantined(self) -> None:
        weeks = [f"2020-W{week:02}" for week in range(45, 54)] + ["2021-W53", "2021-W01"]
        table = read_text(file_of("week", weeks))
        assert moments(table)[-1] == "2021-01-04T00:00:00"
        assert rejections(table) == [(11, "unreadable_time")]


class TestYearMeans:
    @pytest.mark.parametrize(
        ("header", "form", "periods", "cadence"),
        [
            ("year,period", "{},M{:02}", 13, "MS"),
            ("year,month", "{},{}", 13, "MS"),
            ("period", "{}M{:02}", 13, "MS"),
            ("period", "{}-M{}", 13, "MS"),
            ("year,period", "{},Q{:02}", 5, "QS"),
            ("year,period", "{},S{:02}", 3, "2QS"),
        ],
    )
    def test_means_of_years_are_left_out_and_reported(
        self, header: str, form: str, periods: int, cadence: str
    ) -> None:
        years = 6
        table = read_text(file_of(header, numbered(form, periods, years * periods)))
        means = {n + 0.5 for n in range(years * periods) if n % periods == periods - 1}
        assert codes(table) == {"year_means": years}
        assert not means & set(column(table, "a"))
        assert cadence_of(table) == cadence
        assert rejections(table) == []

    def test_one_month_13_is_an_error(self) -> None:
        table = read_text("year,month,a\n2001,11,1\n2001,13,2\n2002,1,3\n2002,2,4\n")
        assert rejections(table) == [(3, "unreadable_time")]


class TestYearsBesidePeriods:
    def test_fiscal_years_are_reported(self) -> None:
        table = read_text(file_of("quarter", numbered("FY{} Q{}", 4, 12)))
        assert codes(table) == {"fiscal_years": 12}

    def test_a_row_for_each_year_has_no_period(self) -> None:
        rows = "".join(f"{1900 + n},{n % 4 + 1}\n" for n in range(40))
        table = read_text(f"year,Q\n{rows}")
        assert table.channels == ("Q",)
        assert cadence_of(table) == "YS"

    @pytest.mark.parametrize(("letter", "kinds"), [("T", 4), ("S", 2), ("H", 2), ("K", 4)])
    def test_labels_in_a_column_of_another_name_are_not_periods(
        self, letter: str, kinds: int
    ) -> None:
        text = file_of("year,station", numbered("{}," + letter + "{}", kinds, 24))
        with pytest.raises(SeveralSeries):
            read_text(text)

    def test_quarters_without_names_are_not_months(self) -> None:
        rows = "".join(f"{2001 + n // 4},{n % 4 + 1},{n}.5\n" for n in range(24))
        assert cadence_of(read_text(rows)) == "QS"

    @pytest.mark.parametrize("name", ["response_time", "total", "x"])
    def test_numbers_on_each_day_are_not_a_clock(self, name: str) -> None:
        rows = "".join(f"2001,{n // 28 + 1},{n % 28 + 1},{15 + n % 20},{n}.5\n" for n in range(90))
        table = read_text(f"year,month,day,{name},a\n{rows}")
        assert table.channels == (name, "a")

    @pytest.mark.parametrize("name", ["Q", "S1", "T2", "O3", "X1", "PM2.5", "H2O"])
    def test_a_letter_with_a_digit_is_the_name_of_a_channel(self, name: str) -> None:
        rows = "".join(f"2013,3,1,{n},{n % 4 + 1}\n" for n in range(24))
        assert read_text(f"year,month,day,hour,{name}\n{rows}").channels == (name,)

    def test_the_order_of_named_columns_does_not_matter(self) -> None:
        text = file_of("Year,Quarter", numbered("{},{}", 4, 12))
        table = read_text(text, timestamp=("Quarter", "Year"))
        assert cadence_of(table) == "QS"


class TestMonthNames:
    @pytest.mark.parametrize("form", ["Jan-{:02}", "{:02}-Jan", "Jan {:02}"])
    def test_numbers_that_may_be_days_are_refused(self, form: str) -> None:
        text = file_of("date", [form.format(n) for n in range(1, 20)])
        with pytest.raises(AmbiguousTimes, match=r"`timestamp_format=%"):
            read_text(text)

    def test_the_format_of_the_refusal_works(self) -> None:
        text = file_of("date", [f"Jan-{n:02}" for n in range(1, 20)])
        assert cadence_of(read_text(text, timestamp_format="%b-%y")) == "YS"


class TestDecimalYears:
    def test_days_are_found_by_their_middles(self) -> None:
        days = [f"{1818 + (n + 0.5) / 365:.3f}" for n in range(365)]
        table = read_text(file_of("date", days))
        assert moments(table)[-1] == "1818-12-31T00:00:00"
        assert cadence_of(table) == "1D"

    @pytest.mark.parametrize(
        ("times", "form", "first"),
        [
            (["1959.042", "1959.125"], "decimal_month", "1959-01-01T00:00:00"),
            (["1959.083", "1959.167"], "decimal_month", "1959-02-01T00:00:00"),
            (["1818.004", "1818.007"], "decimal_day", "1818-01-02T00:00:00"),
            (["2001.0027397", "2001.0054795"], "decimal_day", "2001-01-02T00:00:00"),
            (["2001.5", "2001.75"], "decimal_year", "2001-07-02T12:00:00"),
        ],
    )
    def test_few_rows_need_the_format_that_a_report_gives(
        self, times: list[str], form: str, first: str
    ) -> None:
        text = file_of("time", times)
        with pytest.raises(UnreadableFile, match="`timestamp_format="):
            read_text(text)
        assert moments(read_text(text, timestamp_format=form))[0] == first

    @pytest.mark.parametrize(
        ("shift", "step", "form"),
        [(0.5, 12, "decimal_month"), (0.5, 365, "decimal_day"), (0.0, 50, "decimal_year")],
    )
    def test_the_report_names_what_the_fractions_count(
        self, shift: float, step: int, form: str
    ) -> None:
        table = read_text(file_of("time", [f"{2001 + (n + shift) / step:.4f}" for n in range(9)]))
        assert table.dialect["timestamp_format"] == [form]
        assert len(table.times) == 9

    def test_the_format_can_be_given(self) -> None:
        text = file_of("t1", [f"{2000 + n / 4}" for n in range(8)])
        table = read_text(text, timestamp=("t1",), timestamp_format="decimal_year")
        assert cadence_of(table) == "QS"


class TestEqualSteps:
    @pytest.mark.parametrize(
        ("form", "first"), [("%m/%d/%Y", 1), ("%d/%m/%Y", 1), ("%d.%m.%y", 15)]
    )
    def test_days_of_one_month_are_not_proven(self, form: str, first: int) -> None:
        days = [date(2023, 5, 1) + timedelta(days=n) for n in range(12)]
        with pytest.raises(AmbiguousTimes):
            read_text(file_of("date", [day.strftime(form) for day in days]))

    def test_the_share_of_a_grid_counts_missing_points(self) -> None:
        hours = np.delete(np.arange(20, dtype=np.int64), [5, 6]) * 3_600_000_000
        assert filled_share(hours) == pytest.approx(18 / 20)
        assert filled_share(hours[:4]) == 0.0
        assert filled_share(np.array([0, 1, 3, 4, 7, 20, 31, 50]) * 1_000_003) < 0.6


class TestEpochs:
    @pytest.mark.parametrize("unit", [1, 1000, 10**6, 10**9])
    @pytest.mark.parametrize("name", ["ts", "created", "x", "reading"])
    def test_numbers_that_rise_in_steps_are_epochs(self, name: str, unit: int) -> None:
        text = file_of(name, [str((1_699_920_000 + 900 * n) * unit) for n in range(20)])
        assert cadence_of(read_text(text)) == "15min"

    def test_a_clock_that_is_not_exact_counts_seconds_too(self) -> None:
        times = [str(1_699_920_000 + 60 * n + (0, 3, -2, 1, -4)[n % 5]) for n in range(30)]
        assert moments(read_text(file_of("reading", times)))[1] == "2023-11-14T00:01:03"

    @pytest.mark.parametrize(
        ("name", "numbers"),
        [
            ("serial", [1_000_000_001 + n for n in range(20)]),
            ("x", [1_000_000_001 + n for n in range(20)]),
            ("invoice_id", [1_600_000_000 + 10 * n for n in range(20)]),
            ("x", [(999_999_999, 939_399_999, 939_999_999)[n * n % 3] for n in range(20)]),
        ],
    )
    def test_codes_and_counters_are_not_epochs(self, name: str, numbers: list[int]) -> None:
        with pytest.raises(MissingColumns, match="`timestamp=`"):
            read_text(file_of(name, [str(number) for number in numbers]))

    def test_codes_without_names_are_channels(self) -> None:
        rows = "".join(
            f"1991,1,{n // 24 + 1},{n % 24 + 1},60,{999_999_999 - n % 3}\n" for n in range(72)
        )
        table = read_text(rows)
        assert moments(table)[0] == "1991-01-01T01:00:00"
        assert table.channels == ("column_6",)
        assert cadence_of(table) == "1h"
