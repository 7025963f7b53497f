"""A receiver that does not answer delays its own deliveries only, and not for long."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.db import Database, utc_now
from app.webhooks import service
from app.webhooks.tables import DeliveryState, WebhookDelivery
from app.worker import webhook_delivery
from tests.app.webhooks.test_webhooks import add, deliveries, sender, tell

pytestmark = pytest.mark.one_database


@contextmanager
def dripping(piece: bytes) -> Iterator[str]:
    """The address of a server that sends a piece ten times a second, without an end."""
    server = socket.create_server(("127.0.0.1", 0))

    def drip(connection: socket.socket) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n" if piece else b"")
            while True:
                connection.sendall(piece)
                time.sleep(0.1)
        except OSError:
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=[connection], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    server.close()


@pytest.fixture(autouse=True)
def deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give receivers half a second."""
    monkeypatch.setattr(webhook_delivery, "DEADLINE_SECONDS", 0.5)


@pytest.mark.parametrize(
    "piece", [b"X-Header: a\r\n", b"X", b""], ids=["lines", "bytes", "nothing"]
)
def test_an_answer_without_an_end_is_given_up(database: Database, piece: bytes) -> None:
    with dripping(piece) as url:
        add(database, url)
        tell(database)
        sender(database).deliver()
    (delivery,) = deliveries(database)
    assert delivery.state is DeliveryState.PENDING
    assert delivery.error == webhook_delivery.TOO_SLOW


def test_others_are_delivered_while_one_is_slow(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, let_go = threading.Event(), threading.Event()

    def post(target: object, *_: object) -> int:
        if "slow" in str(target):
            let_go.wait(20)
        else:
            heard.set()
        return 200

    monkeypatch.setattr(webhook_delivery, "_post", post)
    for path in ("slow", "quick"):
        add(database, f"http://127.0.0.1:9/{path}")
    tell(database)
    running = sender(database)
    running.start()
    assert heard.wait(10)
    assert {each.state for each in deliveries(database)} >= {DeliveryState.PENDING}
    let_go.set()
    running.stop()


def test_the_deliveries_of_one_webhook_do_not_fill_the_claim(database: Database) -> None:
    many, other = add(database, "http://127.0.0.1:9/many"), None
    for _ in range(2 * service.CLAIMED_AT_ONCE):
        tell(database)
    other = add(database, "http://127.0.0.1:9/other")
    tell(database)
    with database.transaction() as session:
        claimed = [each.webhook_id for each in service.claim_due(session)]
    assert claimed.count(many) == service.CLAIMED_OF_ONE
    assert claimed.count(other) == 1


def test_the_others_of_a_webhook_are_given_back_after_a_failure(database: Database) -> None:
    add(database, "http://127.0.0.1:9/closed")
    for _ in range(3):
        tell(database)
    sender(database).deliver()
    assert [each.attempts for each in deliveries(database)] == [1, 0, 0]


def test_an_attempt_whose_lease_has_ended_records_nothing(database: Database) -> None:
    add(database, "http://127.0.0.1:9/")
    tell(database)
    with database.transaction() as session:
        (late,) = service.claim_due(session)
        session.execute(sa.update(WebhookDelivery).values(due_at=utc_now() - timedelta(seconds=1)))
    with database.transaction() as session:
        (second,) = service.claim_due(session)
        service.record(session, late, "too late")
    (delivery,) = deliveries(database)
    assert (delivery.error, delivery.attempts) == (None, second.attempt)


def test_the_lease_outlasts_the_longest_try() -> None:
    longest = service.CLAIMED_OF_ONE * (10 + 5)
    assert timedelta(seconds=longest) < service.LEASE
