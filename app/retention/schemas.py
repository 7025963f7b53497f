"""Requests and answers about what is kept for how long."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.retention.policy import Source

MOST_DAYS = 36_500

Days = Annotated[int | None, Field(ge=1, le=MOST_DAYS)]


class RetentionSet(BaseModel):
    """A model's own rules. What is left out follows the settings; null keeps for ever, or all."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"forecasts_days": 90, "versions": None}, {}]},
    )

    forecasts_days: Days = Field(None, description="Age of a forecast, from when it was made.")
    scores_days: Days = Field(
        None,
        description="The same for single scores, which go with their forecast at the latest. Their "
        "sums stay: performance over all time is the same.",
    )
    states_days: Days = Field(
        None,
        description="How long nothing was forecast from a state of a version that no alias points "
        "to or can be rolled back to. It is made again when it is asked for.",
    )
    versions: Annotated[int | None, Field(ge=1, le=1_000_000)] = Field(
        None,
        description="How many versions are kept, the newest ones, beside those that are needed: by "
        "an alias, a rollback, an unfinished job, or forecasts of the last 30 days.",
    )
    rollbacks: Annotated[int | None, Field(ge=1, le=1_000_000)] = Field(
        None,
        description="How many rollbacks of every alias stay possible, with states that serve at "
        "once.",
    )


class Rule(BaseModel):
    """One rule of a policy."""

    value: int | None = Field(description="Null is for ever, or all.")
    source: Source = Field(description="`model` if it was given for the model, else `settings`.")


class PolicyRead(BaseModel):
    """What holds for a model."""

    forecasts_days: Rule
    scores_days: Rule
    states_days: Rule
    versions: Rule
    rollbacks: Rule


class WouldDelete(BaseModel):
    """What a cleaning would delete if it began now; scores are single ones, whose sums stay."""

    forecasts: int
    scores: int
    states: int
    versions: int


class RetentionRead(BaseModel):
    """What is kept of a model for how long."""

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
