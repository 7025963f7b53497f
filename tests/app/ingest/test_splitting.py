"""Files of several series, split into one series for each value of a column."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

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


class TestSplit:
    def test_each_symbol_becomes_a_series_with_its_report(self, client: TestClient) -> None:
        answer = send(client)
        assert answer.status_code == 201
        items = answer.json()["items"]
        assert (
            [item["series"] for item in items] == ["m-AAPL", "m-BTC-USD", "m-GSPC"] == names(client)
        )
        assert items[1]["split"] == {"column": "Symbol", "value": "BTC/USD", "of": 3}
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

    def test_values_that_would_share_a_name_are_refused(self, client: TestClient) -> None:
        text = TEXT.replace("^GSPC", "BTC USD")
        detail = check_problem(send(client, text), 422)["detail"]
        assert "m-BTC-USD ('BTC USD', 'BTC/USD')" in detail
        assert "letters" in check_problem(send(client, TEXT.replace("^GSPC", "ÄÖ")), 422)["detail"]
        assert names(client) == []

    def test_too_many_are_refused_with_their_number(self, client: TestClient) -> None:
        rows = "".join(f"{day}/01/2024,S{n},1\n" for n in range(201) for day in (13, 14))
        detail = check_problem(send(client, f"Date,Symbol,p\n{rows}"), 422)["detail"]
        assert "at most 200 different values. 'Symbol' has 201" in detail

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
