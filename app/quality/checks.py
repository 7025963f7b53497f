"""Data-quality checks of a series' values, all that need nothing but its rows."""

import numpy as np

from app.quality.clock_changes import clock_change_findings
from app.quality.flat_lines import Run, flat_line_findings, long_runs
from app.quality.jitter import jitter_findings
from app.quality.limits import limit_findings, rows_outside
from app.quality.missing_values import is_constant, missing_value_findings
from app.quality.sample import Finding, Integers, Sample
from app.quality.sentinels import SentinelCounts, find_sentinels, sentinel_findings
from app.quality.spikes import Spikes, find_spikes, spike_findings
from app.quality.units import is_direction, name_findings, unit_findings, unlikely_rows


# Differences of numbers near the largest float64 are infinite, and still compare correctly.
@np.errstate(over="ignore", invalid="ignore")
def check_values(sample: Sample) -> list[Finding]:
    """All findings about the values of a series."""
    if not len(sample.times):
        return []
    missing: list[int] = []
    empty: list[str] = []
    constant: list[str] = []
    outside: list[Integers] = []
    sentinels: list[SentinelCounts] = []
    unlikely: list[Integers] = []
    runs: list[list[Run]] = []
    spikes: list[Spikes] = []
    directions: list[bool] = []
    # Channel by channel: of a very long series only one column is copied at a time.
    for column, name in enumerate(sample.names):
        channel = sample.channel(column)
        missing.append(channel.missing)
        empty += [name] if channel.is_empty else []
        constant += [name] if is_constant(channel) else []
        outside.append(rows_outside(channel))
        sentinels.append(find_sentinels(channel, is_market=sample.is_market))
        rest = channel.without(list(sentinels[-1]))
        unlikely.append(unlikely_rows(rest))
        runs.append(long_runs(rest))
        spikes.append(find_spikes(rest, sample.is_near))
        directions.append(is_direction(rest))
    return [
        *missing_value_findings(sample, missing, empty=empty, constant=constant),
        *limit_findings(sample, outside),
        *sentinel_findings(sample, sentinels),
        *unit_findings(sample, unlikely),
        *flat_line_findings(sample, runs),
        *spike_findings(sample, spikes),
        *clock_change_findings(sample),
        *jitter_findings(sample),
        *name_findings(sample, directions),
    ]
