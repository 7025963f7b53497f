"""Read stored JSON reports with the names of this release, also those of the release before."""

from typing import Any

from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from app.db import Json

# Figures of the class prior, by their names in the release before this one.
OLD_FIGURES = {
    "coin_accuracy": "class_prior_accuracy",
    "coin_log_loss": "class_prior_log_loss",
    "coin_brier": "class_prior_brier",
}
# Fields whose value names a rival.
RIVAL_FIELDS = ("against", "baseline")


class ReportJson(TypeDecorator[Any]):
    """JSON of metrics, evidence or sums; names of the last release are replaced when read."""

    impl = Json
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return with_current_names(value)


def with_current_names(stored: Any) -> Any:
    """A stored report with `class_prior` in place of the old name `coin`.

    Users can give targets any name, so a key counts as an old name only where its value cannot be
    that of a target: a figure is a number, and a test names its baseline.

    Args:
        stored: Plain JSON values.

    Returns:
        The same with the keys `coin_accuracy`, `coin_log_loss`, `coin_brier` and `coin`, and the
        rival `coin`, renamed to `class_prior...`.
    """
    if isinstance(stored, list):
        return [with_current_names(each) for each in stored]
    if not isinstance(stored, dict):
        return stored
    return {
        _current_key(key, value): _current_rival(key, with_current_names(value))
        for key, value in stored.items()
    }


def _current_key(key: str, value: Any) -> str:
    if key in OLD_FIGURES and not isinstance(value, dict):
        return OLD_FIGURES[key]
    is_test = key == "coin" and isinstance(value, dict) and value.get("baseline") == "coin"
    return "class_prior" if is_test else key


def _current_rival(key: str, value: Any) -> Any:
    return "class_prior" if key in RIVAL_FIELDS and value == "coin" else value
