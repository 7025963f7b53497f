"""Monash `.tsf`, sktime `.ts` and InfluxDB line protocol: series, times and labels."""

import io
from typing import Any

import pytest

from app.parsing.errors import (
    DamagedFile,
    FileTooLarge,
    MissingColumns,
    NotATable,
    SeveralSeries,
)
from app.parsing.options import ReadOptions
from app.parsing.split.parts import read_parts
from tests.app.parsing.files import LIMIT_BYTES, codes, column, moments, read_text

pytestmark = pytest.mark.unit

VALUES = [round(5 + n * 7919 % 101 / 8, 3) for n in range(30)]
START = "2021-01-31"


def parts_of(text: str, **options: Any) -> dict[str, tuple[list[str], list[float]]]:
    """Times and first channel of each series of a split file."""
    parts = read_parts(io.BytesIO(text.encode()), ReadOptions(**options), limit_bytes=LIMIT_BYTES)
    return {one.label: (moments(one.table), one.table.values[:, 0].tolist()) for one in parts}


def tsf(
    *series: tuple[str, str, list[float]], frequency: str = "hourly", start: bool = True
) -> str:
    """A tsf file."""
    lines = [
        "# A made data set",
        "@relation made",
        "@attribute series_name string",
        *(["@attribute start_timestamp date"] if start else []),
        *([f"@frequency {frequency}"] if frequency else []),
        "@horizon 24",
        "@missing false",
        "@equallength false",
        "@data",
    ]
    for name, begins, values in series:
        facts = f"{name}:{begins}:" if start else f"{name}:"
        lines.append(facts + ",".join(map(str, values)))
    return "\n".join(lines) + "\n"


class TestTsf:
    @pytest.mark.parametrize(
        ("frequency", "second", "third"),
        [
            ("4_seconds", "2021-01-31T00:00:04", "2021-01-31T00:00:08"),
            ("minutely", "2021-01-31T00:01:00", "2021-01-31T00:02:00"),
            ("10_minutes", "2021-01-31T00:10:00", "2021-01-31T00:20:00"),
            ("half_hourly", "2021-01-31T00:30:00", "2021-01-31T01:00:00"),
            ("hourly", "2021-01-31T01:00:00", "2021-01-31T02:00:00"),
            ("daily", "2021-02-01T00:00:00", "2021-02-02T00:00:00"),
            ("weekly", "2021-02-07T00:00:00", "2021-02-14T00:00:00"),
            ("monthly", "2021-02-28T00:00:00", "2021-03-31T00:00:00"),
            ("quarterly", "2021-04-30T00:00:00", "2021-07-31T00:00:00"),
            ("yearly", "2022-01-31T00:00:00", "2023-01-31T00:00:00"),
        ],
    )
    def test_start_and_frequency(self, frequency: str, second: str, third: str) -> None:
        read = read_text(tsf(("T1", f"{START} 00-00-00", VALUES), frequency=frequency))
        assert moments(read)[:3] == ["2021-01-31T00:00:00", second, third]
        assert column(read, "value") == VALUES
        assert read.dialect["format"] == "tsf"

    def test_many_series_are_split_by_their_names(self) -> None:
        text = tsf(
            ("T1", "2021-01-31 00-00-00", VALUES), ("T 2", "2019-05-01 06-30-00", VALUES[:5])
        )
        with pytest.raises(
            SeveralSeries, match=r"2 series, such as 'T1', 'T 2'.*`split=series_name`"
        ):
            read_text(text)
        found = parts_of(text, split="series_name")
        assert found["T1"][1] == VALUES
        assert found["T 2"] == ([f"2019-05-01T{6 + n:02}:30:00" for n in range(5)], VALUES[:5])

    def test_series_in_disjoint_years_are_still_several(self) -> None:
        text = tsf(("a", "2001-01-01", VALUES), ("b", "2011-01-01", VALUES))
        with pytest.raises(SeveralSeries):
            read_text(text)

    def test_missing_values(self) -> None:
        text = tsf(("T1", START, [1.0, 2.0, 3.0])).replace("2.0", "?")
        assert column(read_text(text), "value") == [1, None, 3]

    def test_a_time_zone_is_respected(self) -> None:
        text = tsf(("T1", "2021-03-28 01-00-00", VALUES))
        read = read_text(text, timezone="Europe/Berlin")
        assert moments(read)[:3] == [f"2021-03-28T0{n}:00:00" for n in range(3)]

    @pytest.mark.parametrize(("frequency", "start"), [("", True), ("hourly", False), ("odd", True)])
    def test_what_the_file_lacks_is_asked_for(self, frequency: str, start: bool) -> None:
        text = tsf(("T1", START, VALUES), frequency=frequency, start=start)
        with pytest.raises(MissingColumns, match=r"tsf file.*`start=` and `cadence=`"):
            read_text(text)
        read = read_text(text, start="2020-02-01", cadence="1h")
        assert moments(read)[:2] == ["2020-02-01T00:00:00", "2020-02-01T01:00:00"]
        assert column(read, "value") == VALUES

    def test_one_of_both_is_enough_where_the_file_has_the_other(self) -> None:
        text = tsf(("T1", START, VALUES), frequency="daily", start=False)
        assert moments(read_text(text, start="2020-02-28"))[1] == "2020-02-29T00:00:00"

    def test_a_broken_line(self) -> None:
        with pytest.raises(DamagedFile, match=r"Line 10 of the tsf file must have 2 attributes"):
            read_text(tsf(("T1", START, VALUES)).replace(f"T1:{START}:", ""))

    def test_rows_with_times_and_names_are_bounded(self) -> None:
        series = [(f"{name * 5000}", START, [1.0] * 5000) for name in "ab"]
        with pytest.raises(FileTooLarge, match=r"once each row has its time and labels"):
            parts_of(tsf(*series), split="series_name")


class TestTs:
    HEAD = "@problemName Made\n@timeStamps {}\n@univariate true\n@classLabel {}\n@data\n"

    def test_cases_are_series(self) -> None:
        text = self.HEAD.format("false", "true a b") + "1,2,3:a\n4,?,6:b\n"
        with pytest.raises(MissingColumns, match=r"ts file.*`start=` and `cadence=`"):
            read_text(text)
        steps = {"start": "2020-01-01", "cadence": "1D"}
        with pytest.raises(SeveralSeries, match=r"`split=case`"):
            read_text(text, **steps)
        found = parts_of(text, split="case", **steps)
        days = [f"2020-01-0{n}T00:00:00" for n in (1, 2, 3)]
        assert found["1"] == (days, [1, 2, 3])
        assert found["2"][0] == days

    def test_cases_with_other_dimensions(self) -> None:
        text = self.HEAD.format("true", "false") + "(2020-01-01,1)\n(2020-01-01,1):(2020-01-01,2)\n"
        with pytest.raises(DamagedFile, match=r"Line 7 must have the columns"):
            parts_of(text, split="case")

    def test_times_in_pairs(self) -> None:
        pairs = "(2020-01-01 00:00:00,1.5),(2020-01-01 01:00:00,?):(2020-01-01 01:00:00,7)"
        read = read_text(self.HEAD.format("true", "false") + pairs + "\n")
        assert moments(read) == ["2020-01-01T00:00:00", "2020-01-01T01:00:00"]
        assert column(read, "dim_0") == [1.5, None]
        assert column(read, "dim_1") == [None, 7]

    def test_arff_is_named(self) -> None:
        text = "% made\n@RELATION made\n@ATTRIBUTE t date\n@ATTRIBUTE a NUMERIC\n\n@DATA\n2020,1\n"
        with pytest.raises(NotATable, match=r"ARFF.*header such as t,a"):
            read_text(text)


def points(*tags: str, rows: int = 30, unit: int = 1_000_000_000) -> str:
    """Points of line protocol, one minute apart, in turns of the given tags."""
    return "".join(
        f"weather{tag} temp={VALUES[n]},level={n}i {(1577836800 + 60 * n) * unit}\n"
        for n in range(rows)
        for tag in tags
    )


class TestLineProtocol:
    TIMES = tuple(f"2020-01-01T00:{n:02}:00" for n in range(30))

    @pytest.mark.parametrize("unit", [1, 1000, 1_000_000, 1_000_000_000])
    def test_fields_are_channels(self, unit: int) -> None:
        read = read_text("# made\n" + points("", unit=unit))
        assert moments(read) == list(self.TIMES)
        assert (read.channels, column(read, "temp")) == (("temp", "level"), VALUES)
        assert read.dialect["format"] == "line protocol"

    def test_tags_name_series(self) -> None:
        text = points(",station=12,city=New\\ York", ",station=14,city=Oslo")
        with pytest.raises(SeveralSeries, match=r"`split=(station|city)`"):
            read_text(text)
        found = parts_of(text, split="city")
        assert found == {"New York": (list(self.TIMES), VALUES), "Oslo": (list(self.TIMES), VALUES)}

    def test_a_tag_of_digits_is_not_a_channel(self) -> None:
        assert read_text(points(",station=12")).channels == ("temp", "level")

    def test_lines_of_one_point_are_joined(self) -> None:
        lines = "".join(
            f"w temp={n} {1577836800 + n}\nw hum={n}i {1577836800 + n}\n" for n in range(9)
        )
        read = read_text(lines)
        assert (len(read.times), read.channels) == (9, ("temp", "hum"))
        assert None not in column(read, "temp") + column(read, "hum")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("1.5", 1.5),
            ("-2e3", -2000),
            ("7i", 7),
            ("7u", 7),
            ("t", 1),
            ("FALSE", 0),
            ("true", 1),
        ],
    )
    def test_values(self, field: str, value: float) -> None:
        text = f'w x={field},note="a, b=c \\"d\\" e" 1577836800\n' * 1
        assert column(read_text(text), "x") == [value]

    def test_points_without_times(self) -> None:
        text = "".join(f"w temp={n}\n" for n in range(5))
        with pytest.raises(MissingColumns, match=r"`start=` and `cadence=`"):
            read_text(text)
        read = read_text(text, start="2020-01-01", cadence="1min")
        assert moments(read) == list(self.TIMES[:5])

    def test_a_line_that_is_broken_is_quarantined(self) -> None:
        read = read_text(points("") + "weather temp= 15\n" + points("", rows=3, unit=10**9))
        assert [one.line for one in read.rejected] == [31]
        assert codes(read)["wrong_field_count"] == 1

    @pytest.mark.parametrize(
        "text",
        [
            "time value\n2020-01-01 1\n2020-01-02 2\n",
            "time;a=b\n2020-01-01;1\n2020-01-02;2\n",
        ],
    )
    def test_other_texts_are_not_taken_for_it(self, text: str) -> None:
        assert read_text(text).dialect["format"] == "csv"
