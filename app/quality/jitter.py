"""Find times that differ from regular ones by a jitter."""

import numpy as np

from app.quality.sample import Finding, Sample
from models.calendars.cadence import infer_cadence
from models.calendars.calendar import Continuous, learn_calendar

# As many steps at the beginning show whether there is a jitter.
_FIRST_ROWS = 4_096


def jitter_findings(sample: Sample) -> list[Finding]:
    """A finding if the rows of measurements follow a cadence give or take a jitter."""
    if sample.is_market or not infer_cadence(sample.times[:_FIRST_ROWS]).jitter_seconds:
        return []
    evidence = infer_cadence(sample.times, sample.timezone)
    if evidence.cadence is None or not evidence.jitter_seconds:
        return []
    calendar = learn_calendar(sample.times, evidence.cadence, "continuous", sample.timezone)
    if not isinstance(calendar, Continuous):
        return []
    rows = calendar.nearest(sample.times)
    meeting = np.flatnonzero(np.diff(rows) == np.timedelta64(0)) + 1
    message = (
        f"The rows come every {evidence.cadence.text}, give or take "
        f"{evidence.jitter_seconds:.3g} s (19 of 20 steps differ less). They are stored as they "
        "came. Forecasts put each row at the nearest step, and the first of the rows that meet in "
        f"a step counts. Rows that meet an earlier one: {len(meeting)}."
    )
    count = len(rows) - int((rows == sample.times).sum())
    return [Finding("jitter", message, count, tuple((int(row), None) for row in meeting[:5]))]
