"""Retention policies: the rules of the settings, replaced by those of a model."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.orm import Session

from app.retention.tables import ModelRetention
from app.settings import Settings

RuleSource = Literal["settings", "model"]


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one model; None is without a limit.

    Args:
        forecasts_days: Days from the creation of a forecast to its deletion.
        scores_days: The same for its scores, whose sums stay.
        states_days: Days from the last forecast made from an unneeded state to its deletion.
        versions: How many unneeded versions are kept.
        rollbacks: How many rollbacks of every alias stay possible.
    """

    forecasts_days: int | None
    scores_days: int | None
    states_days: int | None
    versions: int | None
    rollbacks: int | None

    def forecasts_before(self, now: datetime) -> datetime | None:
        """Forecasts made before this moment may be deleted."""
        return _before(now, self.forecasts_days)

    def scores_before(self, now: datetime) -> datetime | None:
        """Scores of forecasts made before this moment may be deleted.

        They are deleted with their forecast at the latest.
        """
        ages = [days for days in (self.forecasts_days, self.scores_days) if days is not None]
        return _before(now, min(ages, default=None))

    def states_before(self, now: datetime) -> datetime | None:
        """States whose last forecast was made before this moment may be deleted."""
        return _before(now, self.states_days)


RULES = tuple(field.name for field in fields(Policy))


def policy_of(session: Session, model_id: int, settings: Settings) -> Policy:
    """The rules that apply to a model: its own, and those of the settings for all others."""
    return Policy(**{**_of_settings(settings), **own_rules(session, model_id)})


def own_rules(session: Session, model_id: int) -> dict[str, Any]:
    """The rules that were set for the model."""
    row = session.get(ModelRetention, model_id)
    return {} if row is None else dict(row.rules)


def set_rules(session: Session, model_id: int, rules: dict[str, Any]) -> None:
    """Replace all rules of a model."""
    session.merge(ModelRetention(model_id=model_id, rules=rules))
    session.flush()


def _of_settings(settings: Settings) -> dict[str, int | None]:
    """The settings' rules. There 0 means without a limit, because a variable cannot be null."""
    return {name: getattr(settings, f"retention_{name}") or None for name in RULES}


def _before(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now - timedelta(days=days)
