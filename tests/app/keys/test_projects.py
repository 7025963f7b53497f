"""A neighbour's resources: every operation of the OpenAPI document answers as if they were not."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from app.access.acting import acting_for
from app.db import Database
from app.jobs.tables import JobCheckpoint
from app.main import create_app
from app.settings import Settings
from app.webhooks.service import WebhookEvent, emit
from tests.app.conftest import SPEC, Trainer, weekly_rows
from tests.app.deployed import point
from tests.app.keys.conftest import OPERATOR, Headers, MakeKey

if TYPE_CHECKING:
    from models.training.trained import Trained

DOCUMENT: dict[str, Any] = create_app(Settings(api_key=None)).openapi()
# All that the neighbour has carries this word in its name.
WORD = "hidden"
SERIES, MODEL = f"{WORD}-weekly", f"{WORD}-gru"
RANGE = {"start": "2000-01-01T00:00:00Z", "end": "2001-01-01T00:00:00Z"}
UNITS = {"/layers/0/units": {"type": "int", "low": 2, "high": 8, "step": 2}}
STUDY = {
    "name": f"{WORD}-tuned",
    "series": SERIES,
    "spec": {"horizon": 4, "epochs": 9},
    "search": {"method": "random", "trials": 3, "space": UNITS},
}
TRAINING = {"name": MODEL, "series": SERIES, "spec": SPEC}
# Bodies that name something, where the example of the document would not do.
BODIES = {
    "POST /v1/models": TRAINING,
    "POST /v1/studies": STUDY,
    "POST /v1/forecasts:batch": {"requests": [{"model": MODEL}]},
}
SHOPS = "time,shop,y\n" + "".join(
    f"2024-01-{day:02},{shop},{day}\n" for day in range(1, 29) for shop in ("a", "b")
)
PARTS = {"split": WORD, "sha256": hashlib.sha256(SHOPS.encode()).hexdigest()}
QUERIES = {
    "DELETE /v1/series/{name}/observations": RANGE,
    "GET /v1/uploads": PARTS,
}
# An id of the request is in every problem.
SAME_ID = {"X-Request-ID": "same"}
HOOK = {"url": "https://93.184.216.34/hidden", "events": ["alias.changed"]}


@dataclass
class Neighbour:
    """A project in which every kind of resource exists; `ids` fills the paths."""

    headers: Headers
    ids: dict[str, Any]


@dataclass
class Filler:
    """Sends what fills the neighbour's project."""

    client: TestClient
    headers: Headers

    def send(self, method: str, path: str, **sent: Any) -> Any:
        answer = self.client.request(method, f"/v1{path}", headers=self.headers, **sent)
        assert answer.status_code < 300, (path, answer.text)
        return answer.json() if answer.content else None


@pytest.fixture(scope="session")
def trained_hidden() -> list["Trained"]:
    """The neighbour's network, once the first test has needed it: it knows its series by name."""
    return []


@pytest.fixture
def neighbour(
    client: TestClient, make_key: MakeKey, database: Database, trained_hidden: list["Trained"]
) -> Neighbour:
    trainer = Trainer(database, trained_hidden)
    filler = Filler(client, make_key("admin", project="shop"))
    series, model = f"/series/{SERIES}", f"/models/{MODEL}"
    filler.send("POST", "/series", json={"name": SERIES, "kind": "generic"})
    rows = {"columns": ["time", "y"], "rows": weekly_rows(0, 300)}
    filler.send("PUT", f"{series}/observations", json=rows)
    job = filler.send("POST", "/models", json=TRAINING)["job"]["id"]
    with acting_for("shop"):
        trainer.finish(job)
        point(database, MODEL, "champion", 1)
    file = b"time,y\n2006-01-07T00:00:00Z,1\n2006-01-14T00:00:00Z,x\n2006-01-21T00:00:00Z,3\n"
    upload = filler.send("POST", f"{series}/uploads", content=file)["id"]
    split = f"/series/{WORD}/uploads?create=true&split=shop"
    filler.send("POST", split, content=SHOPS.encode())
    filler.send("PATCH", series, json={"implausible": "hold"})
    odd = {"columns": ["time", "y"], "rows": [["2006-01-28T00:00:00Z", 1e9]]}
    filler.send("PUT", f"{series}/observations", json=odd)
    held = filler.send("GET", f"{series}/quarantine")["items"][0]["id"]
    with database.transaction() as session:
        session.add(JobCheckpoint(job_id=job, attempt=1, data=b"weights"))
    ids = {
        "name": {"series": SERIES, "models": MODEL},
        "version": 1,
        "alias": "champion",
        "upload_id": upload,
        "held": held,
        "job_id": job,
        "forecast_id": filler.send("POST", f"{model}/forecasts")["id"],
        "backtest_id": filler.send("POST", f"{model}/backtests")["id"],
        "schedule_id": filler.send("POST", f"{model}/schedules", json={"after_rows": 9})["id"],
        "study_id": filler.send("POST", "/studies", json=STUDY)["id"],
        "webhook_id": filler.send("POST", "/webhooks", json=HOOK)["id"],
        "key_id": filler.send("POST", "/keys", json={"name": WORD, "scopes": ["read"]})["id"],
    }
    return Neighbour(filler.headers, ids)


def filled(path: str, ids: dict[str, Any]) -> str:
    """A path with the neighbour's names; a parameter that is not known fails here."""
    kind = path.split("/")[2]

    def value(match: re.Match[str]) -> str:
        found = ids[match[1]]
        return str(found[kind] if isinstance(found, dict) else found)

    return re.sub(r"\{(\w+)\}", value, path)


def sent_with(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    """A body and a query that are valid: what is refused is the name."""
    sent: dict[str, Any] = {"params": QUERIES.get(f"{method} {path}", {})}
    content = operation.get("requestBody", {}).get("content", {})
    if "text/csv" in content:
        return {**sent, "content": b"time,y\n2030-01-01,1\n2030-01-08,2\n"}
    if "application/json" not in content:
        return sent
    schema = content["application/json"]["schema"]
    reference = next(each["$ref"] for each in schema.get("anyOf", [schema]) if "$ref" in each)
    example = DOCUMENT["components"]["schemas"][reference.rsplit("/", 1)[1]]["examples"][0]
    return {**sent, "json": BODIES.get(f"{method} {path}", example)}


def operations(*, with_names: bool) -> list[tuple[str, str, dict[str, Any]]]:
    """The operations whose path names something, or all others; those that read come first."""
    found = [
        (method.upper(), path, operation)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/v1/") and ("{" in path) == with_names
    ]
    return sorted(found, key=lambda each: each[0] != "GET")


def everything_of(client: TestClient, neighbour: Neighbour) -> list[Any]:
    """What the neighbour sees of its own."""
    read = [
        client.get(filled(path, neighbour.ids), headers={**neighbour.headers, **SAME_ID})
        for method, path, _ in operations(with_names=True)
        if method == "GET" and not path.endswith(("/events", "/artefact", "/retention"))
    ]
    assert {answer.status_code for answer in read} <= {200, 409}
    return [answer.content for answer in read]


class TestWalk:
    def test_a_neighbours_resource_is_a_404_everywhere_and_stays_as_it_is(
        self, client: TestClient, neighbour: Neighbour, make_key: MakeKey
    ) -> None:
        """One test, because the neighbour costs more than all of the requests."""
        stranger = make_key("admin", project="other")
        before = everything_of(client, neighbour)
        for method, path, operation in operations(with_names=True):
            address, sent = filled(path, neighbour.ids), sent_with(method, path, operation)
            answer = client.request(method, address, headers=stranger, **sent)
            assert answer.status_code == 404, (method, path, answer.text)
        for method, path, operation in operations(with_names=False):
            sent = sent_with(method, path, operation)
            answer = client.request(method, path, headers=stranger, **sent)
            if method == "GET":
                assert answer.status_code == 200, (path, answer.text)
                assert WORD not in answer.text, path
                assert not ids_in(answer.text, neighbour), path
            elif path in ("/v1/models", "/v1/studies"):
                assert answer.status_code == 404, (path, answer.text)
            elif path == "/v1/forecasts:batch":
                (item,) = answer.json()["items"]
                assert item["error"]["type"].endswith(":model-not-found")
        assert everything_of(client, neighbour) == before

    def test_filters_by_a_neighbours_name_find_nothing(
        self, client: TestClient, neighbour: Neighbour, make_key: MakeKey
    ) -> None:
        stranger = make_key("admin", project="other")
        for query in (
            f"/v1/jobs?model={MODEL}",
            f"/v1/forecasts?model={MODEL}&series={SERIES}",
            f"/v1/audit?resource=/v1/series/{SERIES}",
            f"/v1/uploads?split={WORD}&sha256={PARTS['sha256']}",
        ):
            assert client.get(query, headers=neighbour.headers).json()["items"], query
            assert client.get(query, headers=stranger).json()["items"] == [], query

    def test_equal_names_are_different_things(
        self, client: TestClient, neighbour: Neighbour, make_key: MakeKey, database: Database
    ) -> None:
        own = Filler(client, make_key("admin", project="other"))
        own.send("POST", "/series", json={"name": SERIES, "kind": "generic"})
        rows = {"columns": ["time", "y"], "rows": weekly_rows(0, 20)}
        own.send("PUT", f"/series/{SERIES}/observations", json=rows)
        assert own.send("GET", f"/series/{SERIES}")["rows"] == 20
        theirs = client.get(f"/v1/series/{SERIES}", headers=neighbour.headers).json()
        assert theirs["rows"] > 300
        queued = own.send("POST", "/models", json={**TRAINING, "spec": {"horizon": 1}})
        assert queued["version"] == 1
        answer = client.post(f"/v1/models/{MODEL}/forecasts", headers=own.headers)
        assert answer.status_code == 404
        assert answer.json()["type"].endswith(":no-trained-version")
        own.send("DELETE", f"/models/{MODEL}")
        own.send("DELETE", f"/series/{SERIES}")
        path = f"/v1/models/{MODEL}/forecasts/latest"
        assert client.get(path, headers=neighbour.headers).status_code == 200

    def test_a_restoring_key_of_idempotency_is_of_its_project(
        self, client: TestClient, neighbour: Neighbour, make_key: MakeKey
    ) -> None:
        once = {"Idempotency-Key": "the same"}
        for headers in (neighbour.headers, make_key("admin", project="other")):
            answer = client.post("/v1/webhooks", json=HOOK, headers={**headers, **once})
            assert answer.status_code == 201
        listed = client.get("/v1/webhooks", headers=neighbour.headers).json()["items"]
        assert len(listed) == 2

    def test_events_go_to_webhooks_of_their_project(
        self, client: TestClient, neighbour: Neighbour, make_key: MakeKey, database: Database
    ) -> None:
        own = Filler(client, make_key("admin", project="other"))
        hook = own.send("POST", "/webhooks", json=HOOK)["id"]
        with acting_for("shop"), database.transaction() as session:
            emit(session, WebhookEvent("alias.changed", MODEL, {}))
        assert own.send("GET", f"/webhooks/{hook}/deliveries")["items"] == []
        their = f"/v1/webhooks/{neighbour.ids['webhook_id']}/deliveries"
        assert len(client.get(their, headers=neighbour.headers).json()["items"]) == 1

    def test_the_key_of_the_settings_is_of_the_default_project(
        self, client: TestClient, neighbour: Neighbour
    ) -> None:
        assert client.get("/v1/series", headers=OPERATOR).json()["items"] == []
        assert client.get(f"/v1/series/{SERIES}", headers=OPERATOR).status_code == 404
        listed = client.get("/v1/keys", headers=OPERATOR).json()["items"]
        assert {key["project"] for key in listed} == {"shop"}


def ids_in(text: str, neighbour: Neighbour) -> list[str]:
    """The neighbour's long ids in an answer; numbers are not telling."""
    long = (each for each in neighbour.ids.values() if isinstance(each, str) and len(each) > 11)
    return [each for each in long if each in json.dumps(text)]
