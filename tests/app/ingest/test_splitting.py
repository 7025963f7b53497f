"""Files of several series, split into one series for each value of a column."""

from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from httpx2 import Response

from app.db import Database
from app.ingest import splitting
from app.series.tables import Upload
from tests.app.test_problems import check_problem

DAYS = range(13, 25)
TEXT = "Date,Symbol,price,size\n" + "".join(
    f"{day}/01/2024,{symbol},{day * scale},{day}\n"
    for day in DAYS
    for symbol, scale in (("AAPL", 1.5), ("BTC/USD", 2), ("^GSPC", 3))
)


def send(client: TestClient, text: str = TEXT, name: str = "m", **query: Any) -> Response:
    """Upload a file to be split."""
    return client.post(
        f"/v1/series/{name}/uploads", params={"split": "Symbol", **query}, content=text
    )


def names(client: TestClient) -> list[str]:
    """The names of all series."""
    return [series["name"] for series in client.get("/v1/series").json()["items"]]


SHOPS = "day,shop,article,kind,area,sold\n" + "".join(
    f"2024-01-{day:02},{shop},{article},{'fruit' if article == 'apple' else 'bread'},{shop * 50},"
    f"{shop * 10 + day % 4 + len(article)}\n"
    for day in range(1, 25)
    for shop in (1, 2)
    for article in ("apple", "roll")
)


class TestNames:
    def test_values_that_would_share_a_name_get_different_ones(self, client: TestClient) -> None:
        items = send(client, TEXT.replace("^GSPC", "BTC USD")).json()["items"]
        made = [item["series"] for item in items]
        assert made[0] == "m-AAPL"
        assert len(set(made)) == 3
        assert all(name.startswith("m-BTC-USD-") for name in made[1:])
        (alone,) = send(client, "Date,Symbol,price,size\n25/01/2024,BTC/USD,1,1\n").json()["items"]
        name = next(item["series"] for item in items if item["split"]["value"] == "BTC/USD")
        assert alone["series"] == name

    def test_values_in_any_script_and_of_any_length_get_names(self, client: TestClient) -> None:
        values = ["ÄÖ", "東京", "大阪", "x" * 300 + "1", "x" * 300 + "2"]
        rows = "".join(f"{day}/01/2024,{v},{day}\n" for day in DAYS for v in values)
        items = send(client, f"Date,Symbol,price\n{rows}").json()["items"]
        made = {item["split"]["value"]: item["series"] for item in items}
        assert sorted(made) == sorted(values)
        assert made["ÄÖ"] == "m-AO"
        assert len(set(made.values())) == 5
        assert all(len(name) <= 100 for name in made.values())
        again = send(client, f"Date,Symbol,price\n{rows}25/01/2024,東京,1\n").json()["items"]
        assert {item["split"]["value"]: item["series"] for item in again} == made


class TestSeveralColumns:
    def test_each_combination_becomes_a_series(self, client: TestClient) -> None:
        answer = send(client, SHOPS, split="shop,article").json()
        assert names(client) == ["m-1-apple", "m-1-roll", "m-2-apple", "m-2-roll"]
        assert answer["items"][1]["split"]["values"] == {"shop": "1", "article": "roll"}
        assert answer["items"][1]["split"]["column"] == "shop,article"
        counts = ("series", "rows_read", "rows_stored", "rows_quarantined", "cadence")
        assert [answer[name] for name in counts] == [4, 96, 96, 0, "1D"]

    def test_numbers_name_columns_as_well(self, client: TestClient) -> None:
        assert len(send(client, SHOPS, split="2,3").json()["items"]) == 4


class TestAttributes:
    def test_columns_with_one_value_for_each_series_become_attributes(
        self, client: TestClient
    ) -> None:
        items = send(client, SHOPS, split="shop,article").json()["items"]
        shown = client.get("/v1/series/m-2-apple").json()
        assert shown["attributes"] == {"shop": 2, "article": "apple", "kind": "fruit", "area": 100}
        assert [channel["name"] for channel in shown["channels"]] == ["sold"]
        assert "attributes" in {issue["code"] for issue in items[0]["issues"]}

    def test_a_later_file_keeps_what_is_an_attribute_and_what_is_a_channel(
        self, client: TestClient
    ) -> None:
        send(client, SHOPS, split="shop,article")
        more = "day,shop,article,kind,area,sold\n2024-01-25,1,apple,fruit,55,7\n"
        (item,) = send(client, more, split="shop,article").json()["items"]
        assert item["rows_stored"] == 1
        assert client.get("/v1/series/m-1-apple").json()["attributes"]["area"] == 55

    def test_a_number_that_is_the_same_everywhere_stays_a_channel(self, client: TestClient) -> None:
        rows = "".join(f"{day}/01/2024,{s},{day},0\n" for day in DAYS for s in "ab")
        send(client, f"Date,Symbol,price,rain\n{rows}")
        shown = client.get("/v1/series/m-a").json()
        assert [channel["name"] for channel in shown["channels"]] == ["price", "rain"]
        assert shown["attributes"] == {"Symbol": "a"}


class TestSplit:
    def test_each_symbol_becomes_a_series_with_its_report(self, client: TestClient) -> None:
        answer = send(client)
        assert answer.status_code == 201
        items = answer.json()["items"]
        assert (
            [item["series"] for item in items] == ["m-AAPL", "m-BTC-USD", "m-GSPC"] == names(client)
        )
        assert items[1]["split"] == {
            "column": "Symbol",
            "value": "BTC/USD",
            "of": 3,
            "values": {"Symbol": "BTC/USD"},
        }
        assert [(item["rows_read"], item["rows_stored"]) for item in items] == [(12, 12)] * 3
        rows = client.get("/v1/series/m-GSPC/observations").json()
        assert rows["columns"] == ["time", "price", "size"]
        assert rows["rows"][0] == ["2024-01-13T00:00:00Z", 39, 13]
        shown = client.get(f"/v1/series/m-AAPL/uploads/{items[0]['id']}").json()
        assert shown == items[0]

    def test_the_same_bytes_again_change_nothing_and_bring_back_what_went(
        self, client: TestClient
    ) -> None:
        first = send(client).json()
        again = send(client)
        assert (again.status_code, again.json()) == (200, first)
        client.delete("/v1/series/m-AAPL")
        healed = send(client)
        assert healed.status_code == 201
        assert healed.json()["items"][1:] == first["items"][1:]
        assert names(client) == ["m-AAPL", "m-BTC-USD", "m-GSPC"]
        assert send(client).status_code == 200

    def test_more_rows_merge_into_the_series(self, client: TestClient) -> None:
        send(client)
        body = {"channels": [{"name": "price", "missing": [-1]}]}
        client.patch("/v1/series/m-AAPL", json=body)
        more = "Date,Symbol,price,size\n24/01/2024,AAPL,36,24\n25/01/2024,AAPL,-1,5\n"
        (item,) = send(client, more).json()["items"]
        counted = (item["rows_stored"], item["rows_unchanged"], item["dialect"]["missing"])
        assert counted == (1, 1, {"price": [-1]})
        assert client.get("/v1/series/m-AAPL/observations").json()["rows"][-1][1] is None

    def test_a_row_that_cannot_be_used_is_kept_aside_with_its_own(self, client: TestClient) -> None:
        text = f"{TEXT}25/01/2024,BTC/USD,much,\n26/01/2024,,1,1\n27/01/2024,AAPL,1\n"
        items = send(client, text).json()["items"]
        assert [item["rows_quarantined"] for item in items] == [2, 1, 0]
        codes = [{issue["code"] for issue in item["issues"]} for item in items]
        assert {"no_symbol", "wrong_field_count"} <= codes[0]
        assert "unreadable_number" in codes[1]
        address = f"/v1/series/m-BTC-USD/uploads/{items[1]['id']}/quarantine"
        assert "25/01/2024,BTC/USD,much," in client.get(address).text

    def test_the_number_of_a_column_does_as_well(self, client: TestClient) -> None:
        rows = TEXT.split("\n", 1)[1]
        assert len(send(client, rows, split="2").json()["items"]) == 3


@pytest.mark.one_database
class TestRefusals:
    @pytest.mark.parametrize("split", ["Ticker", "0", "9", "Date"])
    def test_another_column_is_refused_with_the_list(self, client: TestClient, split: str) -> None:
        problem = check_problem(send(client, split=split), 422)
        assert problem["errors"][0]["pointer"] == "/query/split"
        assert "'Date', 'Symbol', 'price', 'size'" in problem["detail"]
        assert names(client) == []

    def test_a_name_that_leaves_no_room_is_refused(self, client: TestClient) -> None:
        detail = check_problem(send(client, name="n" * 90), 422)["detail"]
        assert "at most 87 characters" in detail
        assert names(client) == []

    def test_too_many_are_refused_with_their_number(self, client: TestClient) -> None:
        rows = "".join(f"{day}/01/2024,S{n},1\n" for n in range(10_001) for day in (13, 14))
        detail = check_problem(send(client, f"Date,Symbol,p\n{rows}"), 422)["detail"]
        assert "at most 10000 series. 'Symbol' make 10001" in detail

    def test_one_of_two_columns_is_refused_with_both(self, client: TestClient) -> None:
        problem = check_problem(send(client, SHOPS, split="shop"), 422)
        assert "`split=shop,article`" in problem["detail"]
        assert names(client) == []

    def test_a_series_of_another_time_zone_is_a_conflict(self, client: TestClient) -> None:
        send(client, timezone="Asia/Kolkata")
        assert send(client, TEXT + "25/01/2024,AAPL,1,1\n").status_code == 201
        client.post("/v1/series", json={"name": "m-new"})
        more = TEXT + "25/01/2024,new,1,1\n"
        assert "timezone" in check_problem(send(client, more), 409)["detail"]

    def test_without_split_the_refusal_says_how(self, client: TestClient) -> None:
        answer = client.post("/v1/series/m/uploads?create=true", content=TEXT)
        assert "`split=Symbol`" in check_problem(answer, 422)["detail"]


class TestInspection:
    def test_it_tells_the_series(self, client: TestClient) -> None:
        seen = client.post("/v1/uploads:inspect?split=Symbol", content=TEXT).json()
        assert [one["value"] for one in seen["series"]] == ["AAPL", "BTC/USD", "^GSPC"]
        assert {one["rows_read"] for one in seen["series"]} == {12}
        refused = client.post("/v1/uploads:inspect?split=x", content=TEXT).json()
        assert (refused["readable"], refused["series"]) == (False, None)


class TestManySeries:
    """The report for all is short, and the reports of all are a list in pages."""

    @pytest.fixture(autouse=True)
    def _few_are_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(splitting, "MOST_WHOLE_REPORTS", 2)
        monkeypatch.setattr(splitting, "MOST_SHOWN", 2)
        monkeypatch.setattr(splitting, "SERIES_PER_FLUSH", 2)

    def test_the_report_shows_the_first_and_where_all_are(self, client: TestClient) -> None:
        report = send(client, SHOPS, split="shop,article").json()
        assert (report["series"], report["rows_stored"]) == (4, 96)
        assert [item["series"] for item in report["items"]] == ["m-1-apple", "m-1-roll"]
        assert set(report["items"][0]) == {"series", "id", "rows_stored", "rows_quarantined"}
        address = f"{report['next']}&limit=3"
        first = client.get(address).json()
        rest = client.get(f"{address}&cursor={first['next']}").json()
        listed = [item["series"] for item in (*first["items"], *rest["items"])]
        assert (listed, rest["next"]) == (names(client), None)
        assert first["items"][0]["split"]["values"] == {"shop": "1", "article": "apple"}
        assert send(client, SHOPS, split="shop,article").json() == report

    def test_new_and_earlier_series_are_stored_together(self, client: TestClient) -> None:
        send(client, "".join(line for line in SHOPS.splitlines(True) if ",roll," not in line))
        longer = SHOPS + "2024-01-25,2,roll,bread,100,7\n"
        report = send(client, longer, split="shop,article").json()
        assert (report["series"], report["rows_stored"]) == (4, 97)
        kept = [client.get(f"/v1/series/{name}").json() for name in names(client)]
        assert [series["rows"] for series in kept] == [24, 24, 24, 25]
        assert [series["revision"] for series in kept] == [1, 1, 1, 1]

    def test_a_refused_part_leaves_nothing(self, client: TestClient, database: Database) -> None:
        client.post("/v1/series", json={"name": "m-2-roll", "kind": "ohlc"})
        check_problem(send(client, SHOPS, split="shop,article"), 409)
        with database.reading() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(Upload)) == 0
        assert names(client) == ["m-2-roll"]

    def test_an_address_without_a_hash_is_refused(self, client: TestClient) -> None:
        check_problem(client.get("/v1/uploads", params={"split": "m", "sha256": "x"}), 422)
