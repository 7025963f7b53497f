"""Webhooks over HTTP, and their deliveries to a real receiver."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.db import Database, utc_now
from app.encryption import Cipher
from app.jobs.tables import Job, JobState
from app.settings import Settings
from app.webhooks import service
from app.webhooks.addresses import AddressRefused, resolve
from app.webhooks.schemas import EVENTS
from app.webhooks.service import WebhookEvent
from app.webhooks.signing import sign
from app.webhooks.tables import DeliveryState, WebhookDelivery
from app.worker.webhook_delivery import WebhookSender
from tests.app.conftest import ROWS, put_rows, weekly_rows
from tests.app.test_problems import check_problem

SECRET = "a secret of some length"
SETTINGS = Settings(secret_key=SecretStr("the key of the tests"))
PUBLIC = "https://93.184.215.14/hook"


@dataclass
class Receiver:
    """A server that answers with a status and keeps what it was sent."""

    status: int = 204
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on this machine."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.heard.append((dict(self.headers), body))
            self.send_response(kept.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}/hook?a=1"
    yield kept
    server.shutdown()
    server.server_close()


def add(database: Database, url: str, model: str | None = None) -> int:
    """A webhook for all events, stored without a look at its address."""
    request = service.WebhookCreate(url=url, events=list(EVENTS), secret=SECRET, model=model)
    stored = Cipher(SETTINGS).encrypt(SECRET)
    with database.transaction() as session:
        return service.create_webhook(session, request, stored).id


def tell(database: Database, model: str = "m") -> None:
    with database.transaction() as session:
        service.emit(session, WebhookEvent("training.finished", model, {"version": 1}))


def deliveries(database: Database) -> list[WebhookDelivery]:
    with database.reading() as session:
        return list(session.scalars(sa.select(WebhookDelivery).order_by(WebhookDelivery.id)))


def make_due(database: Database) -> None:
    """Let the time pass until everything is due."""
    with database.transaction() as session:
        session.execute(sa.update(WebhookDelivery).values(due_at=utc_now() - timedelta(seconds=1)))


def sender(database: Database, *, private: bool = True) -> WebhookSender:
    return WebhookSender(database, SETTINGS.model_copy(update={"webhook_private": private}))


class TestDelivery:
    @pytest.mark.one_database
    def test_the_receiver_hears_the_event_signed(
        self, database: Database, receiver: Receiver
    ) -> None:
        add(database, receiver.url)
        tell(database)
        assert sender(database).deliver() == 1
        ((headers, body),) = receiver.heard
        reported = json.loads(body)
        assert (reported["event"], reported["data"]) == (
            "training.finished",
            {"model": "m", "version": 1},
        )
        stamp, signature = headers["Statecast-Signature"].split(",")
        text = stamp.removeprefix("t=").encode() + b"." + body
        wanted = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
        assert signature == f"v1={wanted}"
        (delivery,) = deliveries(database)
        assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 1)
        assert sender(database).deliver() == 0

    @pytest.mark.one_database
    @pytest.mark.parametrize("status", [500, 404, 302])
    def test_a_refusal_is_tried_again_later_and_no_redirect_is_followed(
        self, database: Database, receiver: Receiver, status: int
    ) -> None:
        receiver.status = status
        add(database, receiver.url)
        tell(database)
        assert sender(database).deliver() == 1
        (delivery,) = deliveries(database)
        assert delivery.state is DeliveryState.PENDING
        assert delivery.error == f"The receiver answered with the status {status}."
        assert delivery.due_at > utc_now() + timedelta(seconds=5)
        assert sender(database).deliver() == 0
        make_due(database)
        receiver.status = 200
        sender(database).deliver()
        assert len(receiver.heard) == 2
        assert receiver.heard[0][1] == receiver.heard[1][1]
        assert deliveries(database)[0].state is DeliveryState.DELIVERED

    def test_a_receiver_that_never_hears_is_given_up_and_at_last_disabled(
        self, database: Database, client: TestClient, receiver: Receiver
    ) -> None:
        receiver.status = 500
        number = add(database, receiver.url)
        for _ in range(service.FAILURES_TO_DISABLE):
            tell(database)
        for _ in range(service.MOST_ATTEMPTS * service.FAILURES_TO_DISABLE):
            make_due(database)
            sender(database).deliver()
        assert {each.state for each in deliveries(database)} == {DeliveryState.FAILED}
        shown = client.get(f"/v1/webhooks/{number}").json()
        assert not shown["active"]
        assert "5 deliveries in a row failed" in shown["disabled"]
        tell(database)
        assert len(deliveries(database)) == service.FAILURES_TO_DISABLE
        again = client.patch(f"/v1/webhooks/{number}", json={"active": True}).json()
        assert (again["active"], again["failures"]) == (True, 0)

    @pytest.mark.one_database
    def test_nobody_there(self, database: Database) -> None:
        add(database, "http://127.0.0.1:9/hook")
        tell(database)
        sender(database).deliver()
        (delivery,) = deliveries(database)
        assert delivery.state is DeliveryState.PENDING
        assert delivery.error

    @pytest.mark.one_database
    def test_an_address_is_checked_again_before_it_is_called(
        self, database: Database, receiver: Receiver
    ) -> None:
        add(database, receiver.url)
        tell(database)
        sender(database, private=False).deliver()
        assert receiver.heard == []
        assert "public address" in (deliveries(database)[0].error or "")

    def test_two_senders_never_claim_the_same_delivery(
        self, database: Database, receiver: Receiver
    ) -> None:
        add(database, receiver.url)
        tell(database)
        with database.transaction() as session:
            assert len(service.claim_due(session)) == 1
        assert sender(database).deliver() == 0

    def test_an_event_that_is_rolled_back_was_never_sent(
        self, database: Database, receiver: Receiver
    ) -> None:
        add(database, receiver.url)
        with database.transaction() as session:
            service.emit(session, WebhookEvent("training.finished", "m", {}))
            session.rollback()
        assert deliveries(database) == []

    def test_only_the_model_that_was_asked_for(
        self, database: Database, receiver: Receiver
    ) -> None:
        add(database, receiver.url, model="mine")
        tell(database, "other")
        tell(database, "mine")
        assert [json.loads(each.body)["data"]["model"] for each in deliveries(database)] == ["mine"]

    def test_old_ones_are_forgotten(self, database: Database, receiver: Receiver) -> None:
        add(database, receiver.url)
        tell(database)
        sender(database).deliver()
        tell(database)
        with database.transaction() as session:
            long_ago = utc_now() - timedelta(days=8)
            session.execute(sa.update(WebhookDelivery).values(created_at=long_ago))
            service.delete_old_deliveries(session)
        assert [each.state for each in deliveries(database)] == [DeliveryState.PENDING]


class TestTraining:
    @pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED])
    def test_its_end_is_reported(
        self, database: Database, receiver: Receiver, state: JobState
    ) -> None:
        add(database, receiver.url)
        job = Job(kind="train", subject={"model": "m", "version": 3}, state=state, error=None)
        with database.transaction() as session:
            service.training_ended(session, job)
        (delivery,) = deliveries(database)
        data = json.loads(delivery.body)["data"]
        assert (data["version"], data["state"]) == (3, state)


class TestModels:
    def test_aliases_and_the_forecasts_of_appends_are_sent(
        self, database: Database, client: TestClient, model: str, receiver: Receiver
    ) -> None:
        add(database, receiver.url, model=model)
        answer = client.put(f"/v1/models/{model}/aliases/challenger", json={"version": 1})
        assert answer.status_code == 200, answer.text
        (entry,) = put_rows(client, weekly_rows(ROWS, 1))["forecasts"]
        aliased, issued = (json.loads(each.body) for each in deliveries(database)[-2:])
        assert aliased["event"] == "alias.changed"
        assert aliased["data"] == {
            "model": model,
            "alias": "challenger",
            "version": 1,
            "action": "set",
        }
        assert issued["event"] == "forecast.issued"
        assert issued["data"]["id"] == entry["id"]
        assert issued["data"]["origin"] == entry["origin"]


class TestRoutes:
    def test_a_webhook_from_start_to_end(self, client: TestClient) -> None:
        body = {"url": PUBLIC, "events": ["forecast.issued", "alias.changed"]}
        answer = client.post("/v1/webhooks", json=body)
        assert answer.status_code == 201
        created = answer.json()
        assert len(created["secret"]) >= 16
        path = answer.headers["Location"]
        shown = client.get(path).json()
        assert shown == {name: value for name, value in created.items() if name != "secret"}
        assert client.get("/v1/webhooks").json()["items"] == [shown]
        changed = client.patch(path, json={"events": ["training.finished"], "active": False}).json()
        assert (changed["events"], changed["active"]) == (["training.finished"], False)
        assert client.get(f"{path}/deliveries").json() == {"items": [], "next": None}
        assert client.delete(path).status_code == 204
        check_problem(client.get(path), 404)

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        "url",
        [
            "ftp://example.com/x",
            "not a url",
            "https://",
            "http://user:password@93.184.215.14/",
            "http://127.0.0.1/hook",
            "http://10.0.0.1/hook",
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]/hook",
            "http://[::ffff:127.0.0.1]/hook",
            "http://0.0.0.0/hook",
            "http://localhost/hook",
            "http://93.184.215.14:99999/hook",
            "http://no-such-host.invalid/hook",
            "http://[::1",
            "http://]/",
            "http://[v1.a]/",
            "http://a..b/",
            "http://93.184.215.14:0/",
            "http://93.184.215.14/a b",
            "http://93.184.215.14\\@127.0.0.1/",
            "http://93.184.215.14/\r\nX: 1",
            "http://\u00fcber.example/",
            "http://[2002:7f00:1::]/",
            "http://[::127.0.0.1]/",
            "http://[::93.184.215.14]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[64:ff9b:1::a00:1]/",
            "http://[2001:0:1::1]/",
            "http://[fec0::1]/",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "http://[::]/",
            "http://192.0.0.8/",
            "http://192.88.99.1/",
            "http://100.64.0.1/",
            "http://240.0.0.1/",
            "http://0x7f000001/",
            "http://2130706433/",
        ],
    )
    def test_addresses_that_must_not_be_called(self, client: TestClient, url: str) -> None:
        body = {"url": url, "events": ["training.finished"]}
        problem = check_problem(client.post("/v1/webhooks", json=body), 422)
        assert problem["errors"][0]["pointer"] == "/url"

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"events": []}, "/events"),
            ({"events": ["rain"]}, "/events/0"),
            ({"secret": "short"}, "/secret"),
            ({"other": 1}, "/other"),
        ],
    )
    def test_what_cannot_be(self, client: TestClient, change: dict[str, Any], pointer: str) -> None:
        body = {"url": PUBLIC, "events": ["training.finished"], **change}
        problem = check_problem(client.post("/v1/webhooks", json=body), 422)
        assert problem["errors"][0]["pointer"] == pointer

    @pytest.mark.parametrize("method", ["get", "patch", "delete"])
    def test_one_that_is_not_there(self, client: TestClient, method: str) -> None:
        body = {"json": {"active": True}} if method == "patch" else {}
        check_problem(getattr(client, method)("/v1/webhooks/7", **body), 404)


@pytest.mark.unit
def test_a_public_name_is_called_by_its_number() -> None:
    target = resolve("http://93.184.215.14:8080/a?b=c", private_allowed=False)
    assert (target.address, target.port, target.path) == ("93.184.215.14", 8080, "/a?b=c")
    with pytest.raises(AddressRefused, match="public address"):
        resolve("https://192.168.1.1", private_allowed=False)


@pytest.mark.unit
def test_a_signature_is_the_documented_one() -> None:
    digest = hmac.new(b"key", b"12.body", hashlib.sha256).hexdigest()
    assert sign("key", b"body", moment=12) == f"t=12,v1={digest}"
