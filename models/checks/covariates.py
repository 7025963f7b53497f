"""Rules of what is known of the future: channels flagged by the user, and holidays."""

from collections.abc import Callable, Iterator

from models.calendars.cadence import Cadence
from models.calendars.holidays import FLAGS, HolidayFlags, check_code, named_codes
from models.checks.profile import Layout, SeriesProfile
from models.errors import DataError, Problem
from models.spec.spec import Spec

Rule = Callable[[Spec, SeriesProfile, Layout], Iterator[Problem]]

# Leads times what is known of each: as wide as the widest layer.
MOST_INPUTS = 4096
_LONGEST_STEP_SECONDS = Cadence("B", 1).approximate_seconds


def known_channels_can_teach(
    spec: Spec, profile: SeriesProfile, layout: Layout
) -> Iterator[Problem]:
    """Known-future channels are channels of the series that vary, each once, and no targets."""
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
            "A known-future channel must not be a target: what is known need not be predicted. "
            f"Received: {name}"
        )
    if channel.constant:
        return f"A known-future channel must vary. Received: {name}, which does not"
    return None


def known_future_is_no_wider_than_a_layer(
    spec: Spec, profile: SeriesProfile, layout: Layout
) -> Iterator[Problem]:
    """What is known of all leads together is a number of inputs that a head can have."""
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
    """Holiday codes are the library's, steps are a day or less, and training sees a holiday."""
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
    if not HolidayFlags(tuple(codes), profile.timezone, resampled).at(train).any():
        span = f"from {train[0]} to {train[-1]}" if len(train) else "none"
        yield Problem(
            "/holidays",
            "`holidays` must have a holiday in or beside the training rows. "
            f"Received: {', '.join(codes)}, with training rows {span}",
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


COVARIATE_RULES: tuple[Rule, ...] = (
    known_channels_can_teach,
    known_future_is_no_wider_than_a_layer,
    holidays_can_teach,
)
