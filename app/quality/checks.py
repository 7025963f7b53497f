"""Values judged: everything that numbers alone can tell of a series."""

import numpy as np

from app.quality.clock_changes import find_clock_changes
from app.quality.flat_lines import Run, doubts_of_runs, long_runs
from app.quality.missing_values import doubts_of_absence, is_constant
from app.quality.sample import Doubt, Integers, Subject
from app.quality.sentinels import Found, doubts_of_sentinels, sentinels_of
from app.quality.spikes import Spikes, doubts_of_spikes, spikes_of
from app.quality.units import doubts_of_names, doubts_of_units, is_direction, unlikely_rows


# Numbers near the largest there are have infinite distances, which compare as they should.
@np.errstate(over="ignore", invalid="ignore")
def judge(subject: Subject) -> list[Doubt]:
    """All doubts about the values of a series."""
    if not len(subject.times):
        return []
    missing: list[int] = []
    empty: list[str] = []
    constant: list[str] = []
    sentinels: list[Found] = []
    unlikely: list[Integers] = []
    runs: list[list[Run]] = []
    spikes: list[Spikes] = []
    directions: list[bool] = []
    # Channel by channel: of a very long series one column is in memory at a time.
    for column, name in enumerate(subject.names):
        channel = subject.channel(column)
        missing.append(channel.missing)
        empty += [name] if channel.is_empty else []
        constant += [name] if is_constant(channel) else []
        sentinels.append(sentinels_of(channel, is_market=subject.is_market))
        rest = channel.without(list(sentinels[-1]))
        unlikely.append(unlikely_rows(rest))
        runs.append(long_runs(rest))
        spikes.append(spikes_of(rest, subject.is_near))
        directions.append(is_direction(rest))
    return [
        *doubts_of_absence(subject, missing, empty=empty, constant=constant),
        *doubts_of_sentinels(subject, sentinels),
        *doubts_of_units(subject, unlikely),
        *doubts_of_runs(subject, runs),
        *doubts_of_spikes(subject, spikes),
        *find_clock_changes(subject),
        *doubts_of_names(subject, directions),
    ]
