"""What is exported and uploaded again is the same series, bit for bit, whatever its names."""

import csv
import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.csv_cells import neutralize
from app.series.schemas import ChannelSettings
from tests.app.ingest.test_observations import hours, put
from tests.app.ingest.test_series import create

PATH = "/v1/series/{}/observations"
ODD_NAMES = [
    *("=cmd|' /C calc'!A0", "+1+1", "-x", "@SUM(A1)", "'quoted", "'=twice"),
    *('a,b "c"; d', "Ω (°C)", "#comment", "<ANGLE>", "-5", "high"),
]
# Channels keep what a file can say; a value is any number but those that are none.
numbers = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 5e-324, 1.7976931348623157e308, 0.1, -1e-7, 1 / 3]),
    st.floats(allow_nan=False, allow_infinity=False),
)


def arrow_table(client: TestClient, name: str, **query: Any) -> pa.Table:
    """A series as an Arrow table."""
    answer = client.get(PATH.format(name), params={"format": "arrow", **query})
    assert answer.status_code == 200, answer.text
    return pa.ipc.open_stream(io.BytesIO(answer.content)).read_all()


def bits(table: pa.Table) -> list[Any]:
    """Names and numbers, so that 0 and -0 are not the same."""
    columns = [np.array(column.to_numpy(), np.float64).view(np.int64) for column in table.columns]
    return [table.column_names, *(column.tolist() for column in columns)]


@pytest.mark.parametrize("form", ["csv", "arrow", "parquet"])
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(st.sampled_from(ODD_NAMES), min_size=1, max_size=4, unique=True),
    rows=st.lists(st.tuples(*[numbers] * 4), min_size=1, max_size=6),
    microseconds=st.sampled_from(["", ".000001", ".5"]),
)
def test_a_series_reads_back_equal(
    client: TestClient,
    form: str,
    names: list[str],
    rows: list[tuple[float | None, ...]],
    microseconds: str,
) -> None:
    for name in ("s", "t"):
        client.delete(f"/v1/series/{name}")
    settings = {"unit": "°C", "missing": [-9999], "angular": True, "minimum": 0, "maximum": 1e9}
    channels = [{"name": name, **settings} for name in names]
    create(client, "s", channels=channels)
    clock = [hour.replace("+", f"{microseconds}+") for hour in hours(len(rows) + 1)]
    # Of a column without a number a CSV file does not say that it is one.
    content = [list(row[: len(names)]) for row in rows] + [[1.5] * len(names)]
    body = [[time, *row] for time, row in zip(clock, content, strict=True)]
    assert put(client, ["time", *names], body).status_code == 200
    exported = client.get(PATH.format("s"), params={"format": form}).content
    report = client.post("/v1/series/t/uploads?create=true", content=exported)
    assert report.status_code == 201, report.text
    assert bits(arrow_table(client, "t")) == bits(arrow_table(client, "s"))
    if form != "csv":
        same = [client.get(f"/v1/series/{name}").json()["channels"] for name in ("s", "t")]
        assert same[0] == same[1] == channels


class TestFiles:
    def test_a_spreadsheet_runs_no_name_and_no_text(self, client: TestClient) -> None:
        create(client, "s")
        names = ["=cmd|' /C calc'!A0", "-2+3", "-5", "a,b"]
        put(client, ["time", *names], [[hours(1)[0], -1, 2, 3, -4e-7]])
        text = client.get(PATH.format("s"), params={"format": "csv"}).text
        header, row = csv.reader(io.StringIO(text))
        assert header == ["time", "'=cmd|' /C calc'!A0", "'-2+3", "-5", "a,b"]
        assert row[1:] == ["-1", "2", "3", "-4e-7"]
        content = "time,a\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n=cmd(),4\n-7,x\n"
        report = client.post("/v1/series/q/uploads?create=true", content=content).json()
        path = f"/v1/series/q/uploads/{report['id']}/quarantine"
        kept = list(csv.DictReader(io.StringIO(client.get(path).text)))
        assert [line["text"] for line in kept] == ["'=cmd(),4", "'-7,x"]

    @pytest.mark.unit
    @pytest.mark.parametrize(
        ("cell", "shown"),
        [("=1", "'=1"), ("\t=1", "'\t=1"), ("\uff1d1", "'\uff1d1"), ("'=1", "''=1"), ("@a", "'@a")]
        + [(each, each) for each in ("-5", "+1.5e3", "a=1", "it's", "", None, -5, 1.5)],
    )
    def test_only_texts_that_would_run_get_an_apostrophe(self, cell: Any, shown: Any) -> None:
        assert neutralize(cell) == shown

    def test_the_form_follows_from_accept_and_the_address_goes_first(
        self, client: TestClient
    ) -> None:
        create(client, "s", kind="climate", channels=[{"name": "a", "unit": "K"}])
        put(client, ["time", "a"], [[hours(1)[0], 1], [hours(2)[1], None]])
        media = "application/vnd.apache.parquet"
        answer = client.get(PATH.format("s"), headers={"accept": media})
        assert answer.headers["content-type"] == media
        assert answer.headers["content-disposition"] == "attachment; filename=s.parquet"
        table = pq.ParquetFile(io.BytesIO(answer.content)).read()
        assert table.column("a").to_pylist() == [1.0, None]
        assert table.schema.field("a").metadata == {b"unit": b"K"}
        assert b'"kind": "climate"' in table.schema.metadata[b"statecast"]
        path = PATH.format("s") + "?format=json"
        assert client.get(path, headers={"accept": media}).json()["revision"] == 1

    def test_metadata_that_makes_no_sense_is_passed_over(self, client: TestClient) -> None:
        sentence = {b"unit": b"x" * 99, b"missing": b"[[", b"angular": b"maybe"}
        schema = pa.schema(
            [pa.field("time", pa.string()), pa.field("a", pa.float64(), True, sentence)]
        )
        days = [f"2024-01-{day:02}" for day in range(1, 5)]
        target = io.BytesIO()
        with pa.ipc.new_stream(target, schema) as writer:
            writer.write_table(pa.table([days, [1.0, 2.0, 3.0, 4.0]], schema=schema))
        answer = client.post("/v1/series/s/uploads?create=true", content=target.getvalue())
        assert answer.status_code == 201, answer.text
        (channel,) = client.get("/v1/series/s").json()["channels"]
        assert channel == ChannelSettings(name="a").model_dump()
