"""Webhooks, and their deliveries: stored in the transaction of the event, then claimed and sent."""

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access.acting import acting_project
from app.db import utc_now
from app.encryption import Cipher, is_encrypted
from app.errors import WebhookAddressRefused, WebhookNotFound
from app.jobs.tables import Job
from app.webhooks.addresses import AddressRefused, resolve
from app.webhooks.schemas import EventName, WebhookCreate, WebhookUpdate
from app.webhooks.tables import DeliveryState, Webhook, WebhookDelivery
from models.errors import Problem

# Attempts of a delivery: the last one is about ten minutes after the event.
MOST_ATTEMPTS = 7
FIRST_WAIT = timedelta(seconds=10)
# A webhook is disabled after this number of consecutive deliveries that failed in all attempts.
FAILURES_TO_DISABLE = 5
CLAIMED_AT_ONCE = 100
CLAIMED_OF_ONE = 5
# How long a claimed delivery is reserved for the worker that attempts it: longer than the claimed
# ones of a webhook take, at `DEADLINE_SECONDS` each.
LEASE = timedelta(minutes=2)
LIFETIME = timedelta(days=7)


def create_webhook(session: Session, request: WebhookCreate, secret: str) -> Webhook:
    """Store a webhook whose address was checked, with its encrypted secret."""
    webhook = Webhook(
        url=request.url,
        events=sorted(set(request.events)),
        model=request.model,
        secret=secret,
    )
    session.add(webhook)
    session.flush()
    return webhook


def new_secret() -> str:
    """A key for signatures."""
    return secrets.token_urlsafe(32)


def update_webhook(session: Session, webhook_id: int, request: WebhookUpdate) -> Webhook:
    """Change a webhook, whose new address was checked; activating it resets its failures.

    Raises:
        WebhookNotFound: If there is none.
    """
    webhook = get_webhook(session, webhook_id)
    if request.url is not None:
        webhook.url = request.url
    if request.events is not None:
        webhook.events = sorted(set(request.events))
    if request.active is not None:
        webhook.failures = 0
        webhook.disabled = None if request.active else "It was switched off."
    return webhook


def get_webhook(session: Session, webhook_id: int) -> Webhook:
    """The webhook with this id.

    Raises:
        WebhookNotFound: If there is none.
    """
    webhook = session.get(Webhook, webhook_id)
    if webhook is None:
        raise WebhookNotFound(f"There is no webhook {webhook_id}.")
    return webhook


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """An event for webhooks: its name, the model that it concerns, and data as plain JSON."""

    name: EventName
    model: str
    data: Mapping[str, object]


def emit(session: Session, *events: WebhookEvent) -> None:
    """Store deliveries for all webhooks that listen; they are sent if the transaction commits."""
    if not events:
        return
    models = sorted({event.model for event in events})
    parameters = {"project": acting_project(), "models": models}
    now = utc_now()
    for webhook in session.connection().execute(_LISTENING, parameters):
        for event in events:
            if event.name in webhook.events and webhook.model in (None, event.model):
                session.add(_delivery(webhook.id, event, now))


def _listening() -> sa.Select[int, list[str], str | None]:
    """The query for listening webhooks, built once: every append of a deployed model runs it."""
    listens = sa.or_(
        Webhook.model.is_(None), Webhook.model.in_(sa.bindparam("models", expanding=True))
    )
    return sa.select(Webhook.id, Webhook.events, Webhook.model).where(
        # It runs without the ORM, which would add the project.
        Webhook.project == sa.bindparam("project"),
        Webhook.disabled.is_(None),
        listens,
    )


_LISTENING = _listening()


def _delivery(webhook_id: int, event: WebhookEvent, now: datetime) -> WebhookDelivery:
    body = {
        "delivery": secrets.token_hex(16),
        "event": event.name,
        "created_at": now.isoformat().replace("+00:00", "Z"),
        "data": {"model": event.model, **event.data},
    }
    return WebhookDelivery(
        webhook_id=webhook_id, event=event.name, body=json.dumps(body), due_at=now
    )


def training_ended(session: Session, job: Job) -> None:
    """Emit the event of a finished training, however it ended."""
    version = job.subject.get("version")
    data = {"version": version, "job": job.id, "state": str(job.state), "error": job.error}
    emit(session, WebhookEvent("training.finished", str(job.subject.get("model")), data))


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that the caller may try, until its lease ends."""

    delivery_id: int
    attempt: int
    webhook_id: int
    url: str
    secret: str
    body: str


def claim_due(session: Session, busy: Collection[int] = ()) -> list[Claim]:
    """Claim due deliveries, a few of each webhook; each counts one more attempt.

    Args:
        session: The transaction of the claim.
        busy: Webhooks of which none is claimed, because the caller still tries others of them.
    """
    now = utc_now()
    pending = sa.and_(WebhookDelivery.state == DeliveryState.PENDING, WebhookDelivery.due_at <= now)
    rank = sa.func.row_number().over(
        partition_by=WebhookDelivery.webhook_id,
        order_by=(WebhookDelivery.due_at, WebhookDelivery.id),
    )
    ranked = (
        sa.select(WebhookDelivery.id, rank.label("rank"))
        .where(pending, WebhookDelivery.webhook_id.not_in(busy))
        .subquery()
    )
    # The first ones of all webhooks come before the second ones of any.
    found = sa.select(ranked.c.id).where(ranked.c.rank <= CLAIMED_OF_ONE)
    claim = (
        sa.update(WebhookDelivery)
        .where(pending)
        .values(due_at=now + LEASE, attempts=WebhookDelivery.attempts + 1)
        .returning(WebhookDelivery.attempts, WebhookDelivery.webhook_id, WebhookDelivery.body)
    )
    claimed = []
    for delivery_id in session.scalars(found.order_by(ranked.c.rank).limit(CLAIMED_AT_ONCE)).all():
        # Another worker can have claimed it in the meantime.
        row = session.execute(claim.where(WebhookDelivery.id == delivery_id)).first()
        if row is not None:
            webhook = session.get_one(Webhook, row.webhook_id)
            claimed.append(
                Claim(delivery_id, row.attempts, webhook.id, webhook.url, webhook.secret, row.body)
            )
    return claimed


def give_back(session: Session, claim: Claim) -> None:
    """Return a claimed delivery that was not tried: it is due at once, by anybody."""
    delivery = _claimed(session, claim)
    if delivery is not None:
        delivery.due_at, delivery.attempts = utc_now(), claim.attempt - 1


def record(session: Session, claim: Claim, error: str | None) -> None:
    """Record the result of an attempt; `error` is None if the receiver accepted it."""
    delivery = _claimed(session, claim)
    if delivery is None:
        return
    webhook = session.get_one(Webhook, delivery.webhook_id)
    now = utc_now()
    delivery.error = error
    if error is None:
        delivery.state, delivery.delivered_at, webhook.failures = DeliveryState.DELIVERED, now, 0
    elif delivery.attempts < MOST_ATTEMPTS:
        delivery.due_at = _next_attempt(now, delivery.attempts)
    else:
        delivery.state = DeliveryState.FAILED
        webhook.failures += 1
        if webhook.failures >= FAILURES_TO_DISABLE and webhook.disabled is None:
            webhook.disabled = f"{webhook.failures} deliveries in a row failed; the last: {error}"


def _claimed(session: Session, claim: Claim) -> WebhookDelivery | None:
    """The delivery, if no other worker has claimed it since the lease ended."""
    delivery = session.get(WebhookDelivery, claim.delivery_id)
    if delivery is None or delivery.state is not DeliveryState.PENDING:
        return None
    return delivery if delivery.attempts == claim.attempt else None


def delete_old_deliveries(session: Session) -> None:
    """Delete deliveries that ended over a week ago, and pending ones of disabled webhooks."""
    ended = WebhookDelivery.state != DeliveryState.PENDING
    old = WebhookDelivery.created_at < utc_now() - LIFETIME
    disabled = sa.select(Webhook.id).where(Webhook.disabled.is_not(None))
    unwanted = sa.and_(~ended, WebhookDelivery.webhook_id.in_(disabled))
    session.execute(sa.delete(WebhookDelivery).where(sa.or_(sa.and_(ended, old), unwanted)))


def _next_attempt(now: datetime, attempts: int) -> datetime:
    wait: timedelta = FIRST_WAIT * 2 ** (attempts - 1)
    return now + wait


def check_url(url: str, *, private_allowed: bool) -> None:
    """Check an address before the transaction that stores it: to look a host up takes seconds.

    Raises:
        WebhookAddressRefused: If it must not be called.
    """
    try:
        resolve(url, private_allowed=private_allowed)
    except AddressRefused as error:
        problem = Problem("/url", str(error))
        raise WebhookAddressRefused(str(error), errors=[problem]) from error


def encrypt_plain_secrets(session: Session, cipher: Cipher) -> None:
    """Encrypt the secrets that an earlier release has stored as they were."""
    for webhook in session.scalars(sa.select(Webhook)):
        if not is_encrypted(webhook.secret):
            webhook.secret = cipher.encrypt(webhook.secret)
