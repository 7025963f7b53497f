"""Requests and answers about aliases."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.registry.schemas import ModelName
from app.registry.tables import AliasAction


def _not_a_version(name: str) -> str:
    if name == "latest" or name.isdigit():
        raise PydanticCustomError(
            "alias_name", "An alias must be told apart from a version: not `latest`, not a number"
        )
    return name


AliasName = Annotated[
    ModelName,
    AfterValidator(_not_a_version),
    Field(
        description="As a model's name, but neither `latest` nor all digits. `champion` is "
        "what is forecast with by default, and has to pass the gate.",
        examples=["champion"],
    ),
]


class AliasSet(BaseModel):
    """Where an alias is to point."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"version": 2},
                {"version": "challenger"},
                {"version": 1, "force": True, "reason": "The sensor of version 2 was replaced."},
            ]
        },
    )

    version: int | str = Field(description="A trained version's number, another alias or `latest`.")
    force: bool = Field(
        False, description="Point `champion` there without the gate; needs a `reason`."
    )
    reason: str | None = Field(
        None, min_length=1, max_length=1000, description="Kept in the history."
    )


class EvidenceRead(BaseModel):
    """A version beside one rival, from the same origins of held-out data."""

    against: str = Field(
        description="`naive` and `seasonal_naive`, or `class_prior` for a model of classes; "
        "`champion`."
    )
    metric: str = Field(
        description="`mae` in the target's unit; `relative_mae`, the mean over several targets or "
        "series in units of the naive forecast's MAE; or `log_loss`."
    )
    value: float | None = Field(description="The version's.")
    other: float | None = Field(description="The rival's.")
    skill: float | None = Field(description="1 - value / other.")
    p_value: float | None = Field(description="Of a Diebold-Mariano test of the difference.")
    origins: int = Field(description="How many origins were compared.")
    passed: bool
    sentence: str


class AliasChangeRead(BaseModel):
    """One line of an alias's history."""

    number: int
    action: AliasAction
    version: int | None = Field(description="Where it pointed afterwards; null if nowhere.")
    forced: bool = Field(description="Whether the gate was left out.")
    reason: str | None
    evidence: list[EvidenceRead] | None = Field(description="What the gate found, if it was asked.")
    schedule: int | None = Field(description="The schedule that did it; null for a client.")
    changed_at: datetime


class AliasRead(BaseModel):
    """Where an alias points, and how that came."""

    name: str
    version: int | None = Field(description="Null for an alias that was deleted.")
    changed_at: datetime
    history: list[AliasChangeRead] = Field(description="The newest first, at most 100.")
