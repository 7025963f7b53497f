"""Findings of a series' uploads that still ask for a decision, such as a likely placeholder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.series.tables import Series, Upload

# Findings that leave open what the numbers or times mean. A network would learn from a wrong
# answer without an error.
QUESTIONS = frozenset(
    {
        "angular_hint",
        "clock_changes",
        "clocks_disagree",
        "interval_ends",
        "outside_sessions",
        "possible_counters",
        "possible_time_parts",
        "sentinel",
        "unlikely_for_unit",
        "zone_disagrees",
        "zone_unknown",
    }
)
# Those that another time zone of the series answers.
_OF_ZONE = frozenset({"clock_changes", "outside_sessions", "zone_disagrees", "zone_unknown"})
_MOST_UPLOADS = 100


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """A finding that nothing has resolved since."""

    code: str
    message: str


def open_findings(session: Session, panel: Sequence[Series]) -> list[OpenFinding]:
    """The open findings of these series, each once, those of the newest uploads first.

    With several series, each message begins with the name of its series.
    """
    by_id = {series.id: series for series in panel}
    found: dict[OpenFinding, None] = {}
    for row in session.execute(_newest(list(by_id))):
        series = by_id[row.series_id]
        for issue in row.issues or []:
            if _is_open(issue, series, row.timezone):
                prefix = f"{series.name}: " if len(panel) > 1 else ""
                found[OpenFinding(issue["code"], prefix + issue["message"])] = None
    return list(found)


def _newest(series_ids: list[int]) -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            Upload.series_id,
            Upload.report["issues"].label("issues"),
            Upload.report["dialect"]["timezone"].as_string().label("timezone"),
        )
        .where(Upload.series_id.in_(series_ids))
        .order_by(Upload.id.desc())
        .limit(_MOST_UPLOADS)
    )


def _is_open(issue: dict[str, Any], series: Series, timezone: str | None) -> bool:
    if issue["code"] not in QUESTIONS:
        return False
    if issue["code"] in _OF_ZONE and timezone not in (None, series.timezone):
        return False
    suggestion = issue.get("suggestion")
    return not suggestion or _would_change(suggestion, series)


def _would_change(suggestion: dict[str, Any], series: Series) -> bool:
    """Whether a suggested PATCH would change the series."""
    channels = {channel["name"]: channel for channel in series.channels}
    for suggested in suggestion.get("channels", []):
        present = channels.get(suggested["name"])
        if present is not None and any(
            _differs(present.get(name), value) for name, value in suggested.items()
        ):
            return True
    others = {name: value for name, value in suggestion.items() if name != "channels"}
    return any(getattr(series, name, None) != value for name, value in others.items())


def _differs(present: Any, suggested: Any) -> bool:
    """A list is there if all of its entries are."""
    if isinstance(suggested, list):
        return any(entry not in (present or []) for entry in suggested)
    return bool(present != suggested)
