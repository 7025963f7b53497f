"""Which columns name the series of a file's rows: found by evidence, named with what works."""

import io
import math
import random
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.parsing.errors import ConflictingRows, SeveralSeries, UnreadableFile
from app.parsing.options import ReadOptions
from app.parsing.split.parts import SeriesPart, read_parts
from tests.app.parsing.files import LIMIT_BYTES, codes, read_text
from tests.app.parsing.keys.tables import START, made

pytestmark = pytest.mark.unit

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)


def csv(header: str, rows: Iterable[Iterable[Any]]) -> str:
    """A text of a header and rows."""
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


def wave(number: int, base: float = 20.0) -> float:
    """A smooth value."""
    return round(base + 6 * math.sin(number / 3.7) + number % 7 / 10, 1)


def split(text: str, columns: str, **options: Any) -> list[SeriesPart]:
    """The parts of a text."""
    given = ReadOptions(split=columns, **options)
    return read_parts(io.BytesIO(text.encode()), given, limit_bytes=LIMIT_BYTES)


def refusal(text: str, **options: Any) -> str:
    """Why a text of several series is refused."""
    with pytest.raises(SeveralSeries) as caught:
        read_text(text, **options)
    return caught.value.detail


def proposed(detail: str) -> str:
    """The columns that a refusal proposes."""
    found = re.search(r"`split=(.*?)`", detail)
    assert found, detail
    return found[1]


@pytest.mark.parametrize("seed", range(60))
def test_the_key_of_a_made_table_is_found_and_works(seed: int) -> None:
    table = made(seed)
    columns = proposed(refusal(table.text))
    assert set(columns.split(",")) == set(table.key), table.what
    parts = {
        frozenset(f"{name}={value}" for name, value in part.values.items()): len(part.table.times)
        for part in split(table.text, columns)
    }
    assert parts == table.rows, table.what


SHOPS = csv(
    "date,store,item,sales",
    (
        (f"{START + day * DAY:%Y-%m-%d}", store, item, 10 * store + item + day % 8)
        for day in range(60)
        for store in (1, 2)
        for item in (1, 2)
    ),
)
TIDY = csv(
    "time,site,variable,value",
    (
        ((START + n * HOUR).isoformat(), site, name, wave(n, base))
        for n in range(80)
        for site in ("hill", "lake")
        for name, base in (("temp", 20), ("hum", 60))
    ),
)


class TestRefusal:
    def test_it_names_the_columns_their_number_and_three_values(self) -> None:
        detail = refusal(SHOPS)
        assert "the columns 'store' and 'item' have 4 combinations" in detail
        assert "('1, 1', '1, 2', '2, 1', ...)" in detail
        assert "Add `split=store,item` to make 4 series" in detail

    def test_one_of_two_columns_is_not_enough(self) -> None:
        with pytest.raises(SeveralSeries, match="`split=store,item`"):
            split(SHOPS, "store")

    def test_a_column_whose_name_cannot_be_given_is_named_by_its_number(self) -> None:
        text = SHOPS.replace("store", '"shop, name"', 1)
        assert proposed(refusal(text)) == "2,item"
        assert len(split(text, "2,item")) == 4

    def test_names_of_channels_are_no_way_out_where_rows_meet(self) -> None:
        assert proposed(refusal(SHOPS, columns=("sales",))) == "store,item"

    def test_named_channels_say_that_rows_that_never_meet_are_one_series(self) -> None:
        text = csv(
            "time,probe,v",
            ((START + n * MINUTE, "ab"[n % 2], wave(n)) for n in range(100)),
        )
        assert "name its channels with `columns=`" in refusal(text)
        assert len(read_text(text, columns=("v",)).times) == 100

    def test_a_missing_label_does_not_hide_a_key(self) -> None:
        rows = ((START + n * MINUTE, "" if n == 70 else "ab"[n % 2], wave(n)) for n in range(200))
        text = csv("time,probe,v", rows)
        assert proposed(refusal(text)) == "probe"
        parts = split(text, "probe")
        assert [len(part.table.times) for part in parts] == [99, 100]
        assert [one.code for one in parts[0].table.rejected] == ["no_symbol"]

    def test_columns_of_coordinates_are_a_key(self) -> None:
        rows = (
            ((START + n * HOUR).isoformat(), lat, lon, wave(n, 280 + lat + lon))
            for n in range(60)
            for lat in (48.25, 48.5)
            for lon in (11.0, 11.25, 11.5)
        )
        text = csv("time,latitude,longitude,t2m", rows)
        assert proposed(refusal(text)) == "latitude,longitude"
        assert len(split(text, "latitude,longitude")) == 6

    def test_numbers_that_come_again_in_regular_steps_are_no_key(self) -> None:
        text = SHOPS.replace(",sales", ",sold")
        assert "sold" not in proposed(refusal(text))


def shown(flags: Callable[[int, datetime], str], step: timedelta = HOUR, count: int = 300) -> str:
    """A regular series with a further column."""
    times = ((n, START + n * step) for n in range(count))
    return csv("time,temp,more", ((t.isoformat(), wave(n), flags(n, t)) for n, t in times))


CHANCE = random.Random(5)  # noqa: S311
ONE_SERIES = {
    "flags": shown(lambda n, t: "bad" if CHANCE.random() < 0.1 else "ok"),
    "wind sectors": shown(lambda n, t: CHANCE.choice("NESW")),
    "weekdays": shown(lambda n, t: f"{t:%a}", DAY),
    "weekdays as numbers": shown(lambda n, t: str(t.weekday()), DAY),
    "halves of days": shown(lambda n, t: "AM" if t.hour < 12 else "PM", 12 * HOUR),
    "night and day": shown(lambda n, t: "day" if 6 <= t.hour < 18 else "night", 12 * HOUR),
    "months": shown(lambda n, t: f"{t:%b}", DAY),
    "seasons": shown(lambda n, t: ("w", "s", "m", "a")[t.month % 12 // 3], DAY, 800),
    "shifts": shown(lambda n, t: "ABC"[t.hour // 8]),
    "names of zones": shown(lambda n, t: "EDT" if n < 2000 else "EST", count=5000),
    "versions of firmware": shown(lambda n, t: f"1.{n // 100}"),
    "rare notes": shown(lambda n, t: "calibrated" if n in (50, 120) else ""),
    "codes": shown(lambda n, t: str(CHANCE.choice((0, 0, 0, 1, 2)))),
    "a pump": shown(lambda n, t: str(n % 2)),
    "years of campaigns": csv(
        "campaign,day,temp",
        (
            (year, f"{datetime(year, 4, 1, tzinfo=UTC) + n * DAY:%Y-%m-%d}", wave(n))
            for year in (2019, 2020, 2021)
            for n in range(150)
        ),
    ),
    "sides of trades": csv(
        "time,price,side",
        (
            ((START + timedelta(seconds=second)).isoformat(), 100 + second % 7, side)
            for second, side in sorted(
                (CHANCE.randrange(50_000), CHANCE.choice(("buy", "sell"))) for _ in range(1200)
            )
        ),
    ),
    "corrections": csv(
        "time,temp,state",
        [((START + n * HOUR).isoformat(), wave(n), "raw") for n in range(200)]
        + [((START + n * HOUR).isoformat(), 99.5, "corrected") for n in (3, 70, 140)],
    ),
}


@pytest.mark.parametrize("what", ONE_SERIES)
def test_texts_and_codes_that_describe_rows_are_no_key(what: str) -> None:
    text = ONE_SERIES[what]
    time = 1 if what.startswith("years") else 0
    times = {line.split(",")[time] for line in text.splitlines()[1:]}
    assert len(read_text(text).times) == len(times)


class TestTidyTables:
    def test_the_refusal_proposes_channels_as_well(self) -> None:
        one = csv("time,variable,value", (row.split(",")[::1] for row in _of_hill(TIDY)))
        assert "`pivot=variable` with `value=value`" in refusal(one)
        table = read_text(one, pivot="variable", value="value")
        assert (table.channels, len(table.times)) == (("hum", "temp"), 80)
        assert table.values[:2].tolist() == [[wave(0, 60), wave(0)], [wave(1, 60), wave(1)]]

    def test_several_series_of_several_channels(self) -> None:
        detail = refusal(TIDY)
        assert set(proposed(detail).split(",")) == {"site", "variable"}
        assert "`pivot=variable` with `value=value` and `split=site`" in detail
        parts = split(TIDY, "site", pivot="variable", value="value")
        assert [part.label for part in parts] == ["hill", "lake"]
        assert {part.table.channels for part in parts} == {("hum", "temp")}

    def test_a_pivot_alone_leaves_two_series(self) -> None:
        with pytest.raises(SeveralSeries, match="split="):
            read_text(TIDY, pivot="variable", value="value")

    def test_variables_that_never_meet_leave_gaps(self) -> None:
        rows = ((START + n * MINUTE, ("t", "h")[n % 2], wave(n, 50 * (n % 2))) for n in range(60))
        table = read_text(csv("time,what,x", rows), pivot="what")
        assert table.channels == ("h", "t")
        assert codes(table)["missing_values"] == 60

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"pivot": "nothing"}, "`pivot` must name a column of the file"),
            ({"pivot": "time"}, "not the one of the time"),
            ({"pivot": "variable", "value": "variable"}, "must be another column"),
            ({"pivot": "variable,site"}, "must name one column"),
        ],
    )
    def test_other_columns_are_refused(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(UnreadableFile, match=message):
            read_text(TIDY, **options)


def _of_hill(text: str) -> list[str]:
    """The rows of one site without its column."""
    return [row.replace(",hill", "") for row in text.splitlines() if ",hill," in row]


class TestKeysThatTheFuzzFound:
    def test_a_decimal_comma_does_not_hide_that_values_lie_apart(self) -> None:
        rows = (
            ((START + n * MINUTE).isoformat(), (12, 3001)[n % 2], wave(n, 50 * (n % 2)))
            for n in range(80)
        )
        text = csv("time;x1;temp", [[";".join(map(str, row)).replace(".", ",")] for row in rows])
        assert proposed(refusal(text)) == "x1"

    def test_series_one_after_the_other_are_found_in_any_order_of_rows(self) -> None:
        rows = [
            ((START + (number * 60 + n) * HOUR).isoformat(), site, probe, wave(n, 9 * number))
            for number, (site, probe) in enumerate(
                (s, p) for s in ("hill", "lake") for p in ("a7", "b7")
            )
            for n in range(40)
        ]
        random.Random(3).shuffle(rows)  # noqa: S311
        text = csv("time,site,probe,temp", rows)
        assert set(proposed(refusal(text)).split(",")) == {"site", "probe"}
        assert len(split(text, "site,probe")) == 4

    def test_a_text_of_each_year_is_no_key_where_times_repeat(self) -> None:
        rows = (
            (f"{2000 + n // 4}-{n % 4 * 3 + 1:02}-01", f"v{n // 4}", wave(n, 50 * repeat))
            for n in range(60)
            for repeat in range(2)
        )
        with pytest.raises(ConflictingRows):
            read_text(csv("time,firmware,temp", rows))

    def test_missing_values_make_no_text_of_numbers(self) -> None:
        sold = [*(5, 5, 5, 6, 6, 6, 7, "NA", 6), *(6, 5, 5, 4, "***", 5, 5, 6, 6)]
        rows = [(START + n * HOUR, value, wave(n)) for n, value in enumerate(sold)]
        text = csv("time,sold,temp", [*rows, (START + 3 * HOUR, 900, 90.5)])
        assert codes(read_text(text))["conflicting_rows"] == 1

    def test_a_corrected_whole_number_is_no_key(self) -> None:
        sold = [5, 5, 5, 6, 6, 6, 7, 7, 6, 6, 5, 5, 4, 4, 5, 5, 6, 6]
        rows = [(START + n * HOUR, value, wave(n)) for n, value in enumerate(sold)]
        text = csv("time,sold,temp", [*rows, (START + 3 * HOUR, 900, 90.5)])
        assert codes(read_text(text))["conflicting_rows"] == 1

    @pytest.mark.parametrize(
        ("step", "labels"),
        [
            (3 * HOUR, ("north", "south", "Oslo", "Bergen", "hill", "lake", "mill", "port")),
            (6 * HOUR, (3001, 3002, 3003, 3017)),
            (DAY, ("O3", "no2", "A7", "B7", "C1", "D5", "E9")),
        ],
    )
    def test_series_in_turn_over_a_day_or_week_are_asked_about(
        self, step: timedelta, labels: tuple[Any, ...]
    ) -> None:
        count = len(labels)
        rows = (
            ((START + n * step).isoformat(), labels[n % count], wave(n // count, 40 * (n % count)))
            for n in range(30 * count)
        )
        text = csv("time,who,temp", rows)
        detail = refusal(text)
        assert proposed(detail) == "who"
        assert "name its channels with `columns=`" in detail
        assert {len(part.table.times) for part in split(text, "who")} == {30}

    @pytest.mark.parametrize(
        ("name", "step", "labels"),
        [
            ("Wochentag", DAY, "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag"),
            ("what", DAY, "lundi mardi mercredi jeudi vendredi samedi dimanche"),
            ("when", 6 * HOUR, "night morning afternoon evening"),
            ("shift", 8 * HOUR, "A B C"),
            ("x", 6 * HOUR, "0 600 1200 1800"),
            ("x", 6 * HOUR, "6 12 18 24"),
            ("x", DAY, "1 2 3 4 5 6 7"),
        ],
    )
    def test_parts_of_days_and_weeks_are_no_key(
        self, name: str, step: timedelta, labels: str
    ) -> None:
        words = labels.split()
        rows = (
            ((START + n * step).isoformat(), words[n % len(words)], wave(n, 40 * (n % len(words))))
            for n in range(30 * len(words))
        )
        assert len(read_text(csv(f"time,{name},temp", rows)).times) == 30 * len(words)

    def test_numbered_stations_in_turn_are_series_though_their_values_are_alike(self) -> None:
        rows = ((START + n * MINUTE, (1, 2, 3)[n % 3], wave(n)) for n in range(120))
        assert proposed(refusal(csv("time,station,temp", rows))) == "station"


@pytest.mark.parametrize("mark", ["%", "#", "*", "M", ""])
def test_measured_numbers_of_working_days_are_no_key(mark: str) -> None:
    days = [one for one in (START + DAY * n for n in range(300)) if one.weekday() < 5]
    text = csv(
        "date,close,last",
        ((f"{day:%Y-%m-%d}", wave(n, 90), f"{n % 9 - 4}.5{mark}") for n, day in enumerate(days)),
    )
    assert read_text(text).channels == ("close", "last")
