"""Requests and answers about webhooks."""

from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from app.webhooks.tables import DeliveryState

Event = Literal["training.finished", "alias.changed", "forecast.issued", "drift.found"]
EVENTS: tuple[Event, ...] = get_args(Event)
Url = Annotated[
    str,
    Field(
        max_length=2000,
        description="`https://...` or `http://...`; redirects are not followed, and private "
        "addresses are refused unless `STATECAST_WEBHOOK_PRIVATE` is set.",
        examples=["https://example.com/statecast"],
    ),
]


class WebhookCreate(BaseModel):
    """Whom to tell of what."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"url": "https://example.com/statecast", "events": ["training.finished"]},
                {
                    "url": "https://example.com/statecast",
                    "events": ["forecast.issued", "alias.changed"],
                    "model": "co2-weekly",
                },
            ]
        },
    )

    url: Url
    events: list[Event] = Field(min_length=1, description="What to tell of.")
    model: str | None = Field(None, description="Tell of this model only; by default of all.")
    secret: str | None = Field(
        None,
        min_length=16,
        max_length=200,
        description="Key of the signatures; by default one is made.",
    )


class WebhookUpdate(BaseModel):
    """What to change; `active` true starts a disabled webhook again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"active": True}]})

    url: Url | None = None
    events: list[Event] | None = Field(None, min_length=1)
    active: bool | None = None


class WebhookRead(BaseModel):
    """A webhook, without its secret."""

    id: int
    url: str
    events: list[str]
    model: str | None
    active: bool
    disabled: str | None = Field(description="Why it gets no events; null while it is active.")
    failures: int = Field(description="Deliveries in a row that failed for good.")
    created_at: datetime


class WebhookCreated(WebhookRead):
    """A new webhook with its secret, which is shown this once."""

    secret: str = Field(
        description="Key of `Statecast-Signature: t=<seconds>,v1=<HMAC-SHA256 of "
        '"<seconds>.<body>", hexadecimal>`.'
    )


class DeliveryRead(BaseModel):
    """One event on its way to a webhook."""

    id: int
    event: str
    state: DeliveryState
    attempts: int
    error: str | None = Field(description="What went wrong the last time.")
    due_at: datetime | None = Field(description="When it is tried next.")
    created_at: datetime
    delivered_at: datetime | None
