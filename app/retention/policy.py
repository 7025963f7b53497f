"""Policies: what is kept for how long, by the settings or by the model itself."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.orm import Session

from app.retention.tables import ModelRetention
from app.settings import Settings

Source = Literal["settings", "model"]


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one model; None keeps for ever, or all.

    Args:
        forecasts_days: Age of a forecast, from when it was made.
        scores_days: The same for its scores, which leave their sums behind.
        states_days: How long nothing was forecast from a state that nothing needs.
        versions: How many versions that nothing needs are kept.
        rollbacks: How many rollbacks of every alias stay possible.
    """

    forecasts_days: int | None
    scores_days: int | None
    states_days: int | None
    versions: int | None
    rollbacks: int | None

    def forecasts_before(self, now: datetime) -> datetime | None:
        """Forecasts made before this moment may go."""
        return _before(now, self.forecasts_days)

    def scores_before(self, now: datetime) -> datetime | None:
        """Scores of forecasts made before this moment may go: with the forecast at the latest."""
        ages = [days for days in (self.forecasts_days, self.scores_days) if days is not None]
        return _before(now, min(ages, default=None))

    def states_before(self, now: datetime) -> datetime | None:
        """States that were last forecast from before this moment may go."""
        return _before(now, self.states_days)


RULES = tuple(field.name for field in fields(Policy))


def policy_of(session: Session, model_id: int, settings: Settings) -> Policy:
    """What holds for a model: its own rules, and those of the settings where it has none."""
    return Policy(**{**_of_settings(settings), **own_rules(session, model_id)})


def own_rules(session: Session, model_id: int) -> dict[str, Any]:
    """The rules that were given for a model."""
    row = session.get(ModelRetention, model_id)
    return {} if row is None else dict(row.rules)


def set_rules(session: Session, model_id: int, rules: dict[str, Any]) -> None:
    """Give a model these rules and no others."""
    session.merge(ModelRetention(model_id=model_id, rules=rules))
    session.flush()


def _of_settings(settings: Settings) -> dict[str, int | None]:
    """The settings' rules: 0 is for ever there, because an empty variable says nothing."""
    return {name: getattr(settings, f"retention_{name}") or None for name in RULES}


def _before(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now - timedelta(days=days)
