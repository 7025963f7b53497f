"""Routes of webhooks: create, list, show, change and delete them, and list their deliveries."""

import sqlalchemy as sa
from fastapi import Response

from app.dependencies import DatabaseDependency, SettingsDependency
from app.edge.limits import RowId
from app.edge.routing import ServiceRouter
from app.encryption import Cipher
from app.errors import IdempotencyKeyReused, WebhookAddressRefused, WebhookNotFound
from app.idempotency import Answer, OnceOnlyDependency
from app.pagination import Page, Paging
from app.problems import documented
from app.webhooks import service
from app.webhooks.schemas import (
    DeliveryRead,
    WebhookCreate,
    WebhookCreated,
    WebhookRead,
    WebhookUpdate,
)
from app.webhooks.tables import DeliveryState, Webhook, WebhookDelivery

router = ServiceRouter(tags=["webhooks"], prefix="/webhooks")


@router.post(
    "",
    status_code=201,
    response_model=WebhookCreated,
    responses=documented(WebhookAddressRefused, IdempotencyKeyReused),
)
def create_webhook(
    body: WebhookCreate,
    database: DatabaseDependency,
    settings: SettingsDependency,
    once_only: OnceOnlyDependency,
) -> Response:
    """Send events to an address, signed, and repeated until it answers with a 2xx status."""

    service.check_url(body.url, private_allowed=settings.webhook_private)
    secret = body.secret or service.new_secret()

    def create() -> Answer:
        webhook = service.create_webhook(session, body, Cipher(settings).encrypt(secret))
        created = WebhookCreated(**_read(webhook).model_dump(), secret=secret)
        return Answer(201, created, f"/v1/webhooks/{webhook.id}", is_secret=True)

    with database.transaction() as session:
        return once_only.run(session, create)


@router.get("")
def list_webhooks(database: DatabaseDependency, paging: Paging) -> Page[WebhookRead]:
    """List the webhooks, oldest first."""
    statement = paging.select(sa.select(Webhook), Webhook.id)
    with database.reading() as session:
        rows = list(session.scalars(statement))
    return paging.page(rows, key=lambda webhook: webhook.id, read=_read)


@router.get("/{webhook_id}", responses=documented(WebhookNotFound))
def show_webhook(webhook_id: RowId, database: DatabaseDependency) -> WebhookRead:
    """Show a webhook, and whether events are still sent to it."""
    with database.reading() as session:
        return _read(service.get_webhook(session, webhook_id))


@router.patch("/{webhook_id}", responses=documented(WebhookNotFound, WebhookAddressRefused))
def update_webhook(
    webhook_id: RowId,
    body: WebhookUpdate,
    database: DatabaseDependency,
    settings: SettingsDependency,
) -> WebhookRead:
    """Change a webhook, switch it off, or switch it on again after it was disabled."""
    if body.url is not None:
        service.check_url(body.url, private_allowed=settings.webhook_private)
    with database.transaction() as session:
        return _read(service.update_webhook(session, webhook_id, body))


@router.delete("/{webhook_id}", status_code=204, responses=documented(WebhookNotFound))
def delete_webhook(webhook_id: RowId, database: DatabaseDependency) -> None:
    """Delete a webhook with all its deliveries."""
    with database.transaction() as session:
        session.delete(service.get_webhook(session, webhook_id))


@router.get("/{webhook_id}/deliveries", responses=documented(WebhookNotFound))
def list_deliveries(
    webhook_id: RowId, database: DatabaseDependency, paging: Paging
) -> Page[DeliveryRead]:
    """List the pending deliveries and those of the last seven days, newest first."""
    of_webhook = sa.select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    statement = paging.select(of_webhook, WebhookDelivery.id, descending=True)
    with database.reading() as session:
        service.get_webhook(session, webhook_id)
        rows = list(session.scalars(statement))
    return paging.page(rows, key=lambda delivery: delivery.id, read=_read_delivery)


def _read(webhook: Webhook) -> WebhookRead:
    return WebhookRead(
        id=webhook.id,
        url=webhook.url,
        events=webhook.events,
        model=webhook.model,
        active=webhook.disabled is None,
        disabled=webhook.disabled,
        failures=webhook.failures,
        created_at=webhook.created_at,
    )


def _read_delivery(delivery: WebhookDelivery) -> DeliveryRead:
    pending = delivery.state is DeliveryState.PENDING
    return DeliveryRead(
        id=delivery.id,
        event=delivery.event,
        state=delivery.state,
        attempts=delivery.attempts,
        error=delivery.error,
        due_at=delivery.due_at if pending else None,
        created_at=delivery.created_at,
        delivered_at=delivery.delivered_at,
    )
