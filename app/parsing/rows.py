"""A table's rows while they are checked: which are usable, and why others are not."""

from collections.abc import Callable

import numpy as np

from app.parsing.errors import TooManyBadRows
from app.parsing.findings import REJECTIONS, Findings
from app.parsing.lines import Lines, Mask

MOST_REJECTED_SHARE = 0.5


class CheckedRows:
    """Lines with a mask of those that passed all checks; only a row's first failure is noted."""

    def __init__(self, lines: Lines, findings: Findings) -> None:
        self.lines = lines
        self.findings = findings
        self.usable: Mask = np.ones(len(lines), dtype=bool)

    def reject(self, mask: Mask, code: str, reason: Callable[[int], str]) -> None:
        """Quarantine the masked rows; `reason` is called with the index of each."""
        for row in np.flatnonzero(mask & self.usable).tolist():
            number, text = int(self.lines.numbers[row]), self.lines.texts[row]
            self.findings.reject(number, code, reason(row), text)
        self.usable &= ~mask

    def require_enough(self) -> None:
        """Refuse a file of which more than half of the rows cannot be used.

        Raises:
            TooManyBadRows: With the causes and an example of each.
        """
        unusable = int((~self.usable).sum())
        if unusable <= MOST_REJECTED_SHARE * len(self.lines):
            return
        causes = []
        for code, what in REJECTIONS.items():
            rows = [one for one in self.findings.rejected if one.code == code]
            if rows:
                causes.append(
                    f"{len(rows)} with {what} (line {rows[0].line}: {rows[0].reason}; "
                    f"{rows[0].text[:100]!r})"
                )
        raise TooManyBadRows(
            f"{unusable} of {len(self.lines)} rows cannot be used: {'; '.join(causes)}. If the "
            "file was misunderstood, say how to read it with `delimiter=`, `decimal=`, "
            "`timestamp=`, `timestamp_format=`, `header=` or `columns=`."
        )
