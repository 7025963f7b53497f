"""JSON as interfaces give it: which rows are taken, and at which times, whatever their shape."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.parsing.errors import (
    DamagedFile,
    FileTooLarge,
    OptionInvalid,
    SeveralSeries,
    SeveralTables,
    UnreadableFile,
)
from tests.app.parsing.files import codes, column, moments, read_text

pytestmark = pytest.mark.unit

Times = list[datetime]
START = datetime(2021, 3, 27, 22, tzinfo=UTC)
STEPS = {
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(days=7),
}
ROWS = 40


def values(offset: int = 0) -> list[float]:
    """Numbers that neither repeat nor stay."""
    return [round(offset + n * 7919 % 101 / 8, 3) for n in range(ROWS)]


def iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def seconds(time: datetime) -> int:
    return int(time.timestamp())


FORMS: dict[str, Callable[[datetime], Any]] = {
    "iso": iso,
    "ms": milliseconds,
    "s": seconds,
    "blank": lambda time: f"{time:%Y-%m-%d %H:%M}",
}
ONE, TWO = values(), values(50)


def records(times: list[Any], *names: str) -> list[dict[str, Any]]:
    """Objects of a time and two numbers."""
    return [dict(zip(names, row, strict=True)) for row in zip(times, ONE, TWO, strict=True)]


def rows(times: list[Any]) -> list[list[Any]]:
    """Arrays of a time and two numbers."""
    return [list(row) for row in zip(times, ONE, TWO, strict=True)]


# Documents of the same two channels, by name: each is made of the times as written.
SHAPES: dict[str, Callable[[list[Any]], Any]] = {
    "arrays with names": lambda t: [["time", "flow", "level"], *rows(t)],
    "parallel arrays": lambda t: {"time": t, "flow": ONE, "level": TWO},
    "parallel arrays inside": lambda t: {
        "lat": 52.5,
        "units": {"time": "x"},
        "hourly": {"time": t, "flow": ONE, "level": TWO},
    },
    "parallel arrays at two depths": lambda t: {
        "chart": {
            "result": [{"timestamp": t, "indicators": {"quote": [{"flow": ONE, "level": TWO}]}}]
        }
    },
    "records": lambda t: records(t, "time", "flow", "level"),
    "records deep": lambda t: {
        "in": {"columns": [{"name": "flow"}, {"name": "level"}]},
        "out": {"a": {"b": records(t, "time", "flow", "level")}},
        "meta": {},
    },
    "keyed by time": lambda t: {
        "Meta": {"1. Information": "made", "2. Symbol": "X"},
        "Series (1h)": {
            str(time): {"flow": a, "level": b} for time, a, b in zip(t, ONE, TWO, strict=True)
        },
    },
    "columns keyed by time": lambda t: {
        "flow": dict(zip(map(str, t), ONE, strict=True)),
        "level": dict(zip(map(str, t), TWO, strict=True)),
    },
    "records under numbers": lambda t: {
        str(n): row for n, row in enumerate(records(t, "time", "flow", "level"))
    },
    "records under long numbers": lambda t: {
        str(1_600_000_000 + 7 * n): row for n, row in enumerate(records(t, "time", "flow", "level"))
    },
    "records under names": lambda t: {
        "data": {f"-M{n}x": row for n, row in enumerate(records(t, "time", "flow", "level"))}
    },
    "traces": lambda t: [{"time": t, "flow": ONE, "level": TWO, "name": "a"}],
    "columns keyed by number": lambda t: {
        name: {str(n): one for n, one in enumerate(some)}
        for name, some in (("time", t), ("flow", ONE), ("level", TWO))
    },
    "split": lambda t: {
        "columns": ["flow", "level"],
        "index": t,
        "data": [list(row) for row in zip(ONE, TWO, strict=True)],
    },
    "column_names and data": lambda t: {
        "dataset": {"id": 5, "column_names": ["time", "flow", "level"], "data": rows(t)}
    },
    "columns and values of a query": lambda t: {
        "results": [
            {"series": [{"name": "m", "columns": ["time", "flow", "level"], "values": rows(t)}]}
        ]
    },
    "fields elsewhere": lambda t: {
        "schema": {"fields": [{"name": "time"}, {"name": "flow"}, {"name": "level"}]},
        "data": {"values": [t, ONE, TWO]},
    },
    "streams": lambda t: {
        name: {"data": some, "series_type": "distance", "original_size": ROWS}
        for name, some in (("time", t), ("flow", ONE), ("level", TWO))
    },
    "pairs": lambda t: {
        "flow": [list(pair) for pair in zip(t, ONE, strict=True)],
        "level": [list(pair) for pair in zip(t, TWO, strict=True)],
    },
    "table with a schema": lambda t: {
        "schema": {"fields": [{"name": "time", "type": "datetime"}]},
        "data": records(t, "time", "flow", "level"),
    },
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: str, step: str, form: str) -> None:
    times = [START + STEPS[step] * n for n in range(ROWS)]
    document = SHAPES[shape]([FORMS[form](time) for time in times])
    read = read_text(json.dumps(document, indent=1 if step == "days" else None))
    assert moments(read) == [f"{time:%Y-%m-%dT%H:%M:%S}" for time in times]
    assert read.channels == ("flow", "level")
    assert (column(read, "flow"), column(read, "level")) == (ONE, TWO)
    assert read.dialect["format"] == "json"


@pytest.mark.parametrize("form", ["ms", "iso"])
@pytest.mark.parametrize("between", [", ", "\n"])
def test_arrays_without_names(form: str, between: str) -> None:
    times = [START + STEPS["hours"] * n for n in range(ROWS)]
    lines = [
        json.dumps([FORMS[form](time), str(a), b])
        for time, a, b in zip(times, ONE, TWO, strict=True)
    ]
    text = "\n".join(lines) if between == "\n" else f"[{', '.join(lines)}]"
    read = read_text(text)
    assert moments(read) == [f"{time:%Y-%m-%dT%H:%M:%S}" for time in times]
    assert read.values.T.tolist() == [ONE, TWO]


class TestWhatIsLeftOut:
    def test_other_lists_are_named(self) -> None:
        document = {
            "inputs": {"columns": [{"name": "a"}]},
            "sources": ["x", "y"],
            "hourly": records([iso(START + STEPS["hours"] * n) for n in range(ROWS)], *"tab"),
        }
        read = read_text(json.dumps(document))
        (left_out,) = [one for one in read.issues if one.code == "other_tables"]
        assert left_out.count == 2
        assert "inputs.columns (1 items), sources (2 items)" in left_out.message

    def test_the_longest_table_is_read(self) -> None:
        hours = [iso(START + STEPS["hours"] * n) for n in range(ROWS)]
        document = {
            "daily": {"time": ["2021-03-27", "2021-03-28"], "most": [1, 2]},
            "hourly": {"time": hours, "flow": ONE},
        }
        read = read_text(json.dumps(document))
        assert read.channels == ("flow",)
        assert "daily.time" in next(i.message for i in read.issues if i.code == "other_tables")
        assert moments(read_text(json.dumps(document), sheet="daily")) == [
            "2021-03-27T00:00:00",
            "2021-03-28T00:00:00",
        ]

    @pytest.mark.parametrize("as_lines", [True, False])
    def test_lists_in_rows_are_left_out(self, as_lines: bool) -> None:
        made = [
            {
                "received": iso(START + STEPS["minutes"] * n),
                "up": {"payload": {"temp": one}, "gateways": [{"id": "a"}, {"id": "b"}]},
                "tags": [],
            }
            for n, one in enumerate(ONE)
        ]
        text = "\n".join(map(json.dumps, made)) if as_lines else json.dumps(made)
        read = read_text(text)
        assert (read.channels, column(read, "up.payload.temp")) == (("up.payload.temp",), ONE)
        assert "up.gateways, tags" in read.issues[0].message
        assert codes(read)["other_columns"] == 2

    def test_features_of_a_map(self) -> None:
        features = [
            {
                "properties": {"time": milliseconds(START + STEPS["hours"] * n), "mag": one},
                "geometry": {"type": "Point", "coordinates": [1.5, 2.5]},
            }
            for n, one in enumerate(ONE)
        ]
        read = read_text(json.dumps({"type": "FeatureCollection", "features": features}))
        assert column(read, "properties.mag") == ONE


class TestSeveral:
    TIMES = tuple(START + STEPS["hours"] * n for n in range(ROWS))

    def test_equally_long_tables_are_asked_for(self) -> None:
        times = [iso(time) for time in self.TIMES]
        document = {
            "air": records(times, "time", "co", "no"),
            "water": records(times, "when_date", "ph", "flow"),
        }
        with pytest.raises(SeveralTables, match=r"`sheet=air`, `sheet=water`"):
            read_text(json.dumps(document))
        assert read_text(json.dumps(document), sheet="water").channels == ("ph", "flow")
        assert read_text(json.dumps(document), sheet="1").channels == ("co", "no")
        with pytest.raises(OptionInvalid, match=r"air, water"):
            read_text(json.dumps(document), sheet="fire")

    def test_tables_with_long_names_have_numbers(self) -> None:
        times = [iso(time) for time in self.TIMES]
        document = {"x" * 300: records(times, "time", "a", "b"), "y": records(times, *"tcd")}
        with pytest.raises(SeveralTables, match=r"`sheet=1`, `sheet=y`"):
            read_text(json.dumps(document))
        assert read_text(json.dumps(document), sheet="1").channels == ("a", "b")

    @pytest.mark.parametrize(
        ("document", "split"),
        [
            (lambda t: {"bars": {s: records(t, "t", "o", "c") for s in ("AAPL", "MSFT")}}, "key"),
            (
                lambda t: {
                    "data": {
                        "result": [
                            {"metric": {"job": "api", "host": host}, "values": rows(t)}
                            for host in ("a", "b")
                        ]
                    }
                },
                "host",
            ),
            (lambda t: [{"target": s, "datapoints": rows(t)} for s in ("cpu", "ram")], "target"),
        ],
    )
    def test_series_of_one_kind_have_the_labels_around_them(
        self, document: Callable[[list[Any]], Any], split: str
    ) -> None:
        text = json.dumps(document([iso(time) for time in self.TIMES]))
        with pytest.raises(SeveralSeries, match=f"`split={split}`"):
            read_text(text)


class TestStatedZones:
    LOCAL = ("2023-07-10T00:00", "2023-07-10T01:00", "2023-07-10T02:00")

    def read(self, times: Sequence[str], name: str = "time", **facts: Any) -> list[str]:
        document = {**facts, "hourly": {name: times, "t": list(range(len(times)))}}
        return moments(read_text(json.dumps(document)))

    @pytest.mark.parametrize(
        ("facts", "first"),
        [
            ({"utc_offset_seconds": 3600}, "2023-07-09T23:00:00"),
            ({"utc_offset_seconds": -12600}, "2023-07-10T03:30:00"),
            ({"utc_offset_seconds": 0, "timezone": "GMT"}, "2023-07-10T00:00:00"),
            ({"utcOffset": "+05:30"}, "2023-07-09T18:30:00"),
            ({"meta": {"gmtoffset": -18000}}, "2023-07-10T05:00:00"),
            ({"tzoffset": 2.0, "timezone": "Europe/Berlin"}, "2023-07-09T22:00:00"),
            ({"location": {"tz_id": "America/New_York"}}, "2023-07-10T04:00:00"),
            ({"timezone": "Asia/Kolkata"}, "2023-07-09T18:30:00"),
            ({"timezone": "not a zone", "elevation": 3600}, "2023-07-10T00:00:00"),
        ],
    )
    def test_local_times(self, facts: dict[str, Any], first: str) -> None:
        assert self.read(self.LOCAL, **facts)[0] == first

    def test_dates_begin_at_their_midnight(self) -> None:
        assert self.read(["2023-07-10", "2023-07-11"], utc_offset_seconds=7200) == [
            "2023-07-09T22:00:00",
            "2023-07-10T22:00:00",
        ]

    @pytest.mark.parametrize(
        ("times", "name"),
        [
            (["2023-07-10T00:00Z", "2023-07-10T01:00Z"], "time"),
            (["2023-07-10T00:00", "2023-07-10T01:00"], "time_utc"),
            (["1688947200", "1688950800"], "time"),
        ],
    )
    def test_times_in_utc_stay(self, times: list[str], name: str) -> None:
        read = self.read(times, name, utc_offset_seconds=3600)
        assert read == ["2023-07-10T00:00:00", "2023-07-10T01:00:00"]

    def test_a_finding_names_it(self) -> None:
        document = {"utc_offset_seconds": 3600, "hourly": {"time": self.LOCAL, "t": [1, 2, 3]}}
        issues = read_text(json.dumps(document)).issues
        assert "+01:00" in next(one.message for one in issues if one.code == "zone_names")


class TestRefusals:
    @pytest.mark.parametrize("depth", [60, 400])
    def test_deep_documents(self, depth: int) -> None:
        document: Any = {"time": "2021-01-01", "a": 1}
        for _ in range(depth):
            document = {"in": [document, 1]}
        with pytest.raises(UnreadableFile):
            read_text(json.dumps(document))

    def test_a_broken_document(self) -> None:
        with pytest.raises(DamagedFile, match=r"line 2 column 2"):
            read_text('{"time": ["2021-01-01"\n "2021-01-02"]}')

    @pytest.mark.parametrize(
        "text",
        [
            '[["time", "a"], ["2021-01-01", "\\ud800"]]',
            '{"\\ud800": [1, 2], "b": [{"time": "2021-01-01", "\\udc00": 1}]}',
        ],
    )
    def test_half_a_character(self, text: str) -> None:
        with pytest.raises(DamagedFile, match=r"half a character"):
            read_text(text)

    def test_a_line_that_is_not_an_array(self) -> None:
        with pytest.raises(UnreadableFile, match=r"Line 2"):
            read_text('["2021-01-01", 1]\n{"a": 1}\n')

    def test_cells_are_bounded(self) -> None:
        document = {"columns": [f"c{n}" for n in range(400)], "data": [[1] * 400] * 400}
        with pytest.raises(FileTooLarge):
            read_text(json.dumps(document), limit_bytes=1_000_000)


def test_rows_behind_an_object_that_describes_them() -> None:
    rows = [{"date": iso(START + n * STEPS["hours"]), "value": v} for n, v in enumerate(values())]
    table = read_text(json.dumps([{"page": 1, "pages": 1}, rows]))
    assert column(table, "value") == values()


def test_a_numbered_name_of_the_zone() -> None:
    times = [datetime(2023, 1, 2) + n * STEPS["hours"] for n in range(ROWS)]  # noqa: DTZ001
    document = {
        "Meta Data": {"1. Information": "bars", "6. Time Zone": "US/Eastern"},
        "Series": {
            f"{t:%Y-%m-%d %H:%M:%S}": {"4. close": v} for t, v in zip(times, values(), strict=True)
        },
    }
    assert moments(read_text(json.dumps(document)))[0] == "2023-01-02T05:00:00"


def test_streams_without_a_clock_are_read_by_the_remedy_that_is_named() -> None:
    seconds = {"time": {"data": list(range(ROWS))}, "watts": {"data": ONE}}
    with pytest.raises(UnreadableFile, match=r"by `start=` and `cadence=`"):
        read_text(json.dumps(seconds))
    read = read_text(json.dumps(seconds), start="2024-01-01T08:00:00Z", cadence="1s")
    assert moments(read)[:2] == ["2024-01-01T08:00:00", "2024-01-01T08:00:01"]
    assert column(read, "watts") == ONE
