"""Requests and answers about aliases."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.edge.limits import VersionNumber
from app.registry.schemas import ModelName
from app.registry.tables import AliasAction


def _not_a_version(name: str) -> str:
    if name == "latest" or name.isdigit():
        raise PydanticCustomError(
            "alias_name", "An alias must differ from names of versions: not `latest`, not a number"
        )
    return name


AliasName = Annotated[
    ModelName,
    AfterValidator(_not_a_version),
    Field(
        description="The rules of a model's name apply; `latest` and names of digits only are "
        "refused. `champion` serves by default and has to pass the gate.",
        examples=["champion"],
    ),
]


class AliasSet(BaseModel):
    """The version that an alias shall point to."""

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

    version: VersionNumber | str = Field(
        description="A trained version's number, another alias or `latest`."
    )
    force: bool = Field(False, description="Change `champion` without the gate; needs a `reason`.")
    reason: str | None = Field(
        None, min_length=1, max_length=1000, description="Stored in the history."
    )


class EvidenceRead(BaseModel):
    """The comparison of a version with one rival, from the same origins of held-out data."""

    against: str = Field(
        description="`naive` and `seasonal_naive`, or `class_prior` for a model of classes; "
        "`champion`."
    )
    metric: str = Field(
        description="`mae` in the target's unit; `relative_mae`, the mean over several targets or "
        "series in units of the naive forecast's MAE; or `log_loss`."
    )
    value: float | None = Field(description="The metric of the version.")
    other: float | None = Field(description="The metric of the rival.")
    skill: float | None = Field(description="1 - value / other.")
    p_value: float | None = Field(
        description="The p-value of a Diebold-Mariano test of the difference."
    )
    origins: int = Field(description="Number of compared origins.")
    passed: bool
    sentence: str


class AliasChangeRead(BaseModel):
    """One change in an alias's history."""

    number: int
    action: AliasAction
    version: int | None = Field(description="The version after the change; null after a deletion.")
    forced: bool = Field(description="Whether the gate was skipped.")
    reason: str | None
    evidence: list[EvidenceRead] | None = Field(
        description="The gate's comparisons; null if it did not run."
    )
    schedule: int | None = Field(
        description="The schedule that made the change; null for a client."
    )
    changed_at: datetime


class AliasRead(BaseModel):
    """The version that an alias points to, and the history of its changes."""

    name: str
    version: int | None = Field(description="Null if the alias was deleted.")
    changed_at: datetime
    history: list[AliasChangeRead] = Field(description="At most 100 changes, newest first.")
