"""Rules for known-future inputs: channels that the user declares, and holidays."""

from collections.abc import Iterator

import numpy as np

from models.arrays import Times
from models.calendars.cadence import Cadence
from models.calendars.holidays import FLAGS, HolidayFlags, check_code, named_codes
from models.checks.profile import Layout, SeriesProfile, SeriesRule
from models.errors import DataError, Problem
from models.spec.spec import Spec

# Leads times known inputs of each: as many as the widest layer has units.
MOST_INPUTS = 4096
_LONGEST_STEP_SECONDS = Cadence("B", 1).approximate_seconds
_YEAR = np.timedelta64(366, "D")


def known_channels_can_teach(
    spec: Spec, profile: SeriesProfile, layout: Layout
) -> Iterator[Problem]:
    """Known-future channels are varying channels of the series, each once, and not targets."""
    del layout
    for position, name in enumerate(spec.known_future):
        problem = _of_known_channel(spec, profile, position, name)
        if problem is not None:
            yield Problem(f"/known_future/{position}", problem)


def _of_known_channel(spec: Spec, profile: SeriesProfile, position: int, name: str) -> str | None:
    channel = profile.channel(name)
    if channel is None:
        shown = ", ".join(profile.names[:20])
        return f"`known_future` must be channels of the series: {shown}. Received: {name}"
    if name in spec.known_future[:position]:
        return f"`known_future` must differ. Received twice: {name}"
    if name in (spec.targets or []):
        return (
            "A known-future channel must not be a target: its values are known already. "
            f"Received: {name}"
        )
    if channel.constant:
        return f"A known-future channel must vary. Received: {name}, which is constant"
    return None


def known_future_fits_into_a_layer(
    spec: Spec, profile: SeriesProfile, layout: Layout
) -> Iterator[Problem]:
    """The known inputs of all leads together are at most `MOST_INPUTS`."""
    del layout
    angles = sum(
        channel.angular for channel in profile.channels if channel.name in spec.known_future
    )
    of_a_step = len(spec.known_future) + angles + FLAGS * bool(spec.holidays)
    inputs = len(spec.lead_steps) * of_a_step
    if inputs > MOST_INPUTS:
        yield Problem(
            "/known_future" if spec.known_future else "/holidays",
            f"At most {MOST_INPUTS} numbers may be known of the future (leads times those of a "
            f"step). Received: {len(spec.lead_steps)} leads times {of_a_step}",
        )


def holidays_can_teach(spec: Spec, profile: SeriesProfile, layout: Layout) -> Iterator[Problem]:
    """Codes are known, steps are at most a day, and a holiday touches the training rows."""
    codes = named_codes(spec.holidays)
    problems = list(_of_codes(codes))
    if codes and layout.step.approximate_seconds > _LONGEST_STEP_SECONDS:
        message = "`holidays` need steps of a day or less. Received: steps of " + layout.step.text
        problems.append(Problem("/holidays", message))
    yield from problems
    if not codes or problems:
        return
    resampled = layout.step != Cadence.parse(profile.cadence)
    train = layout.times if layout.splits is None else layout.times[layout.splits.train]
    if not _holiday_near(train, codes, profile.timezone, resampled=resampled):
        span = f"from {train[0]} to {train[-1]}" if len(train) else "none"
        yield Problem(
            "/holidays",
            "`holidays` must have a holiday within a day of a training row. "
            f"Received: {', '.join(codes)}, with training rows {span}",
        )


def _holiday_near(times: Times, codes: list[str], timezone: str, *, resampled: bool) -> bool:
    """Whether a row is within a day of a holiday; nearly always the first year of rows has one."""
    year = int(np.searchsorted(times, times[0] + _YEAR)) if len(times) else 0
    return any(
        HolidayFlags((code,), timezone, resampled).at(rows).any()
        for rows in (times[:year], times[year:])
        for code in codes
        if len(rows)
    )


def _of_codes(codes: list[str]) -> Iterator[Problem]:
    for position, code in enumerate(codes):
        pointer = f"/holidays/{position}"
        if code in codes[:position]:
            yield Problem(pointer, f"`holidays` must differ. Received twice: {code}")
        try:
            check_code(code)
        except DataError as error:
            yield Problem(pointer, f"`holidays`: {error}")


COVARIATE_RULES: tuple[SeriesRule, ...] = (
    known_channels_can_teach,
    known_future_fits_into_a_layer,
    holidays_can_teach,
)
