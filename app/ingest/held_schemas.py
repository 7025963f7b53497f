"""Requests and answers about held rows."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.db import from_microseconds
from app.series.tables import HeldRow

MOST_IDS = 1000


class HeldRowRead(BaseModel):
    """A live row that is not stored yet, and why."""

    id: int
    time: datetime
    row: dict[str, float | None] = Field(description="The values by channel; null is missing.")
    code: str = Field(description="The code of the first issue.")
    message: str

    @classmethod
    def from_row(cls, held: HeldRow) -> "HeldRowRead":
        """The answer for a held row."""
        return cls(
            id=held.id,
            time=from_microseconds(held.time),
            row=held.row,
            code=held.code,
            message=held.message,
        )


class HeldRowIds(BaseModel):
    """Held rows to confirm or to discard."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"ids": [1, 2]}]})

    ids: list[Annotated[int, Field(ge=1, lt=2**31)]] = Field(
        min_length=1,
        max_length=MOST_IDS,
        description="`id` of rows in `GET /v1/series/{name}/quarantine`.",
    )


class HeldRowsDiscarded(BaseModel):
    """How many held rows were deleted."""

    rows_discarded: int
