"""Requests and responses about keys."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.access.scopes import Scope
from app.keys.secrets import shown_prefix
from app.keys.tables import ApiKey

LONGEST_OVERLAP_SECONDS = 30 * 86_400

ProjectName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        description="Letters, digits, `.`, `_` and `-`; at most 63 characters.",
    ),
]


class KeyCreate(BaseModel):
    """A new key: what it may do, in which project, and until when."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "dashboard", "scopes": ["read"]},
                {
                    "name": "loader",
                    "scopes": ["read", "write"],
                    "project": "shop",
                    "expires_at": "2030-01-01T00:00:00Z",
                },
            ]
        },
    )

    name: str = Field(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="What it is for; several keys may have one name.",
    )
    scopes: list[Scope] = Field(
        min_length=1, max_length=20, description="What it may do; `admin` includes all others."
    )
    project: ProjectName | None = Field(
        None, description="The project whose resources it sees; by default that of the request."
    )
    expires_at: AwareDatetime | None = Field(
        None, description="When it ends; by default it does not."
    )


class KeyRotate(BaseModel):
    """How long the old key stays valid beside its successor."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"overlap_seconds": 3600}]}
    )

    overlap_seconds: int = Field(
        86_400,
        ge=0,
        le=LONGEST_OVERLAP_SECONDS,
        description="Seconds after which the old key ends, if it does not end before.",
    )


class KeyRead(BaseModel):
    """A key, without its secret."""

    id: str
    name: str
    prefix: str = Field(description="The beginning of the key, by which its owner knows it.")
    scopes: list[Scope]
    project: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="Stored at most once a minute.")

    @classmethod
    def from_row(cls, key: ApiKey) -> Self:
        """The response for a stored key."""
        return cls.model_validate(
            {
                "prefix": shown_prefix(key.id),
                **{name: getattr(key, name) for name in KeyRead.model_fields if name != "prefix"},
            }
        )


class KeyCreated(KeyRead):
    """A new key with its secret, which is shown only here."""

    secret: str = Field(description="What `Authorization: Bearer ...` sends.", repr=False)
