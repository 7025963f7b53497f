"""Requests and responses about the audit."""

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class AuditQuery(BaseModel):
    """Which entries are listed."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=1000, description="Items on a page.")
    cursor: str | None = Field(None, description="`next` of the previous page.")
    project: str | None = Field(
        None, max_length=63, description="Only this project; a key sees its own only."
    )
    key: str | None = Field(None, max_length=16, description="Only changes by this key, by its id.")
    user: str | None = Field(
        None, max_length=200, description="Only changes by this user of a trusted proxy."
    )
    action: str | None = Field(None, max_length=60, description="Only this action.")
    resource: str | None = Field(
        None, max_length=500, description="Only resources whose path begins with this."
    )
    request_id: str | None = Field(None, max_length=128, description="Only this request.")
    start: AwareDatetime | None = Field(None, description="The earliest time.")
    end: AwareDatetime | None = Field(None, description="Entries are earlier than this.")


class AuditRead(BaseModel):
    """One change, as it was stored in the transaction of the change."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    time: datetime
    project: str
    key_id: str | None = Field(
        description="The key; `bootstrap` for that of the settings; null without a key."
    )
    user: str | None = Field(description="The user that a trusted proxy has named.")
    action: str = Field(description="The name of the operation, such as `put_observations`.")
    resource: str = Field(description="The path of what was changed or made.")
    request_id: str | None
