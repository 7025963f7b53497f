"""The base of everything in a spec: plain data that does not change."""

from pydantic import BaseModel, ConfigDict


class SpecPart(BaseModel):
    """Base of the spec's parts: unknown fields are refused, values are not changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)
