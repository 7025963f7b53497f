"""The base class of everything in a spec: immutable data."""

from pydantic import BaseModel, ConfigDict


class SpecPart(BaseModel):
    """Base of a spec and its parts: unknown fields are refused, fields cannot be reassigned."""

    model_config = ConfigDict(extra="forbid", frozen=True)
