"""Request to check live states."""

from pydantic import BaseModel, ConfigDict, Field


class CheckCreate(BaseModel):
    """Which states to check."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"series": "co2"}]})

    series: str | None = Field(None, description="Only the states on this series; by default all.")
