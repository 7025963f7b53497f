"""Findings of reading a file: issues to report, and lines that could not be used."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from app.parsing.finding_codes import CODES

EXAMPLES = 5
TEXT_LENGTH = 500
# Quarantined lines keep enough text to be corrected.
QUARANTINED_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Example:
    """A line of the file, numbered from 1."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Issue:
    """A finding as a report shows it, with a count and a few lines of the file.

    `action` says what was done about it; `suggestion` holds settings that would resolve it, as the
    body of a PATCH of the series.
    """

    code: str
    message: str
    count: int
    examples: tuple[Example, ...] = ()
    action: str = ""
    suggestion: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that is quarantined instead of being stored, and why."""

    line: int
    code: str
    reason: str
    text: str


REJECTIONS = {
    "wrong_field_count": "a wrong number of fields",
    "unreadable_json": "text that is not a JSON object",
    "unreadable_time": "a time that cannot be read",
    "skipped_hour": "a time that no clock of the time zone showed. If the file's clock is never "
    "set forward or back, use a zone such as `timezone=Etc/GMT-1` (always an hour ahead of UTC)",
    "unclear_hour": "a time that occurred twice when clocks went back, in an order that does not "
    "show which one it is",
    "unreadable_period": "a period that its day does not have",
    "no_symbol": "no value in the column that names their series",
    "unreadable_number": "a field that is not a number, and no number",
    "infinite_value": "an infinite number, and no other",
    "ohlc_violation": "prices that violate low <= open, close <= high or are not above zero",
}


@dataclass(slots=True)
class Findings:
    """Issues and rejected lines, collected while a file is read."""

    issues: list[Issue] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def report(
        self,
        code: str,
        message: str,
        count: int,
        lines: Iterable[Example] = (),
        suggestion: dict[str, Any] | None = None,
    ) -> None:
        """Add an issue with its first examples."""
        examples = tuple(Example(e.line, shown(e.text)) for e in islice(lines, EXAMPLES))
        action = CODES[code].action
        self.issues.append(Issue(code, message, count, examples, action, suggestion))

    def reject(self, line: int, code: str, reason: str, text: str) -> None:
        """Quarantine a line."""
        self.rejected.append(Rejected(line, code, reason, shown(text, QUARANTINED_LENGTH)))

    def take(self, other: "Findings") -> None:
        """Add the findings of another one."""
        self.issues += other.issues
        self.rejected += other.rejected

    def all_issues(self) -> list[Issue]:
        """The issues, and one for each cause for which lines are quarantined."""
        causes = []
        for code, what in REJECTIONS.items():
            lines = [one for one in self.rejected if one.code == code]
            if lines:
                examples = tuple(Example(one.line, shown(one.text)) for one in lines[:EXAMPLES])
                message = f"{len(lines)} rows are quarantined: {what}."
                causes.append(Issue(code, message, len(lines), examples, CODES[code].action))
        return self.issues + causes


def shown(text: str, length: int = TEXT_LENGTH) -> str:
    """A line as a report can hold it: cut to `length`, and without NUL, which JSONB refuses."""
    clean = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return clean if len(clean) <= length else f"{clean[: length - 1]}…"
