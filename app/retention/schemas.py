"""Requests and answers about retention."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.retention.policy import RuleSource

MOST_DAYS = 36_500

Days = Annotated[int | None, Field(ge=1, le=MOST_DAYS)]


class RetentionSet(BaseModel):
    """A model's own rules. Omitted rules follow the settings; null removes the limit."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"forecasts_days": 90, "versions": None}, {}]},
    )

    forecasts_days: Days = Field(
        None,
        description="Forecasts older than this are deleted; the age counts from their creation.",
    )
    scores_days: Days = Field(
        None,
        description="The same for the scores of single points, which are deleted with their "
        "forecast at the latest. Their sums stay: performance over all time is unchanged.",
    )
    states_days: Days = Field(
        None,
        description="A state is deleted if no forecast was made from it for this long and no alias "
        "points to its version or can be rolled back to it. It is computed again when a forecast "
        "needs it.",
    )
    versions: Annotated[int | None, Field(ge=1, le=1_000_000)] = Field(
        None,
        description="How many of the newest versions are kept in addition to those that are "
        "needed by an alias, a rollback, an unfinished job, or forecasts of the last 30 days.",
    )
    rollbacks: Annotated[int | None, Field(ge=1, le=1_000_000)] = Field(
        None,
        description="How many rollbacks of every alias stay possible, with states that are ready "
        "to serve.",
    )


class Rule(BaseModel):
    """One rule of a policy."""

    value: int | None = Field(description="Null: without a limit.")
    source: RuleSource = Field(
        description="`model` if the model has a rule of its own, else `settings`."
    )


class PolicyRead(BaseModel):
    """The rules that apply to a model."""

    forecasts_days: Rule
    scores_days: Rule
    states_days: Rule
    versions: Rule
    rollbacks: Rule


class WouldDelete(BaseModel):
    """What a cleaning would delete if it began now; scores are those of single points."""

    forecasts: int
    scores: int
    states: int
    versions: int


class RetentionRead(BaseModel):
    """A model's retention policy and its effect now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "co2-weekly",
                    "policy": {
                        "forecasts_days": {"value": 90, "source": "model"},
                        "scores_days": {"value": 365, "source": "settings"},
                        "states_days": {"value": 30, "source": "settings"},
                        "versions": {"value": 50, "source": "settings"},
                        "rollbacks": {"value": 5, "source": "settings"},
                    },
                    "would_delete": {"forecasts": 12, "scores": 144, "states": 0, "versions": 0},
                    "next_clean_at": "2026-11-22T03:00:00Z",
                }
            ]
        }
    )

    model: str
    policy: PolicyRead
    would_delete: WouldDelete
    next_clean_at: datetime = Field(description="When the next nightly cleaning begins.")
