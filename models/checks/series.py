"""Rules between a spec and its series: channels, leads, lags, rows."""

from collections.abc import Iterator, Sequence
from math import ceil

import numpy as np

from models.checks.classes import CLASS_SERIES_RULES, class_count
from models.checks.profile import ChannelProfile, Layout, SeriesProfile, SeriesRule
from models.errors import Problem
from models.features.windows import window_reach
from models.series import iso
from models.spec.base import MOST_OUTPUTS
from models.spec.spec import Spec

# Training needs at least this many rows with a loss.
LEAST_ROWS_WITH_LOSS = 10
_LONGEST_STEP_SECONDS = {"day": 86_400, "week": 7 * 86_400, "year": 366 * 86_400}


def targets_can_be_predicted(
    spec: Spec, profile: SeriesProfile, layout: Layout
) -> Iterator[Problem]:
    """Targets are channels of the series, each once, with values that vary."""
    targets = spec.targets or []
    if not targets:
        yield Problem(
            "/targets",
            "`targets` must name at least 1 channel that varies. Received: none, of "
            f"{_listed(profile.names)}",
        )
    yield from _named_once("targets", targets)
    for position, name in enumerate(targets):
        pointer, channel = f"/targets/{position}", profile.channel(name)
        if channel is None:
            yield _unknown_channel("targets", position, name, profile)
        elif channel.constant:
            what = "no values" if channel.minimum is None else f"only {channel.minimum:g}"
            yield Problem(pointer, f"A target must vary. Received: {name}, which holds {what}")
        elif spec.transform == "log_return" and (channel.minimum or 0) <= 0:
            yield Problem(
                pointer,
                "`transform` log_return needs targets above 0. "
                f"Received: {name}, whose least value is {channel.minimum:g}",
            )
        elif _missing_in_training(channel, layout):
            yield Problem(
                pointer,
                "A target must have values in the training rows. "
                f"Received: {name}, observed from {channel.first} to {channel.last}",
            )


def features_can_teach(spec: Spec, profile: SeriesProfile, layout: Layout) -> Iterator[Problem]:
    """Features are channels of the series, each once; at least one input varies."""
    del layout
    features = spec.features or []
    yield from _named_once("features", features)
    for position, name in enumerate(features):
        if profile.channel(name) is None:
            yield _unknown_channel("features", position, name, profile)
    varying = {channel.name for channel in profile.varying}
    if not varying.intersection(features):
        yield Problem(
            "/features",
            "`features` must name at least 1 channel that varies. "
            f"Received: {_listed(features) or 'none'}",
        )


def leads_lie_ahead(spec: Spec, profile: SeriesProfile, layout: Layout) -> Iterator[Problem]:
    """Only one of horizon, leads and delay is given, and leads are shorter than the series."""
    del profile
    given = [name for name in ("horizon", "leads", "delay") if getattr(spec, name) is not None]
    if len(given) > 1:
        yield Problem(
            f"/{given[1]}",
            "Only one of `horizon`, `leads` and `delay` may be given. "
            f"Received: {' and '.join(f'`{name}`' for name in given)}",
        )
    leads = spec.lead_steps
    if not leads or min(leads) < 1 or len(set(leads)) < len(leads):
        shown = str(leads) if len(leads) <= 20 else f"{len(leads)} leads"
        yield Problem("/leads", f"`leads` must be different steps of at least 1. Received: {shown}")
    elif max(leads) >= len(layout.times):
        yield Problem(
            f"/{given[0]}",
            f"`{given[0]}` must be shorter than the history of {len(layout.times)} rows every "
            f"{layout.step.text}. Received: {max(leads)}",
        )
    of_each = class_count(spec) or len(spec.quantiles or [0.5])
    outputs = len(leads) * len(spec.targets or []) * of_each
    if outputs > MOST_OUTPUTS:
        yield Problem(
            f"/{given[0]}",
            f"A forecaster may have at most {MOST_OUTPUTS} outputs (leads times "
            "targets times quantiles or classes). "
            f"Received: {outputs}",
        )


def differences_lie_back(spec: Spec, profile: SeriesProfile, layout: Layout) -> Iterator[Problem]:
    """Differences are shorter than the training rows, each span once."""
    del profile
    rows = layout.training_rows
    for position, span in enumerate(spec.differences):
        if not 1 <= span < rows:
            yield Problem(
                f"/differences/{position}",
                f"`differences` must be from 1 to less than the {rows} training rows. "
                f"Received: {span}",
            )
    yield from _named_once("differences", [str(span) for span in spec.differences])


def lags_lie_back(spec: Spec, profile: SeriesProfile, layout: Layout) -> Iterator[Problem]:
    """The highway reads at most half of the training rows."""
    del profile
    lags = spec.highway.lags if spec.highway else None
    most = layout.training_rows // 2
    if lags is not None and lags > most:
        yield Problem(
            "/highway/lags",
            f"`highway.lags` must be at most half of the {layout.training_rows} training rows. "
            f"Received: {lags}",
        )


def cycles_are_longer_than_steps(
    spec: Spec, profile: SeriesProfile, layout: Layout
) -> Iterator[Problem]:
    """A calendar cycle is longer than the step, so that rows lie at different positions in it."""
    del profile
    cycles = spec.calendar_features or []
    for position, cycle in enumerate(cycles):
        if layout.step.approximate_seconds >= _LONGEST_STEP_SECONDS[cycle]:
            yield Problem(
                f"/calendar_features/{position}",
                f"A calendar feature must be longer than the step of {layout.step.text}. "
                f"Received: {cycle}",
            )
    yield from _named_once("calendar_features", cycles)


def parts_hold_their_labels(
    spec: Spec, profile: SeriesProfile, layout: Layout
) -> Iterator[Problem]:
    """Validation and test, if not empty, contain an origin with its farthest label."""
    del profile
    farthest = max(spec.lead_steps, default=1)
    for part, rows in layout.held_out_rows.items():
        if rows <= farthest < len(layout.times):
            yield Problem(
                f"/split/{part}",
                f"`split.{part}` must leave more rows than the largest lead, {farthest}. "
                f"Received: {rows}",
            )


def training_rows_suffice(spec: Spec, profile: SeriesProfile, layout: Layout) -> Iterator[Problem]:
    """The training part contains the context, the farthest label and some rows to learn from."""
    del profile
    farthest = max(spec.lead_steps, default=1)
    if farthest >= len(layout.times) and len(layout.times) > LEAST_ROWS_WITH_LOSS:
        return
    name, context = _context_rows(spec)
    needed = context + farthest + LEAST_ROWS_WITH_LOSS
    if layout.training_rows >= needed:
        return
    if name == "lookback" and context > layout.training_rows:
        yield Problem(
            "/lookback",
            f"`lookback` must be shorter than the {layout.training_rows} training rows. "
            f"Received: {spec.lookback}",
        )
        return
    total = ceil(needed * len(layout.times) / max(1, layout.training_rows))
    yield Problem(
        "",
        f"Training needs at least {needed} training rows every {layout.step.text}: {context} of "
        f"`{name}`, {farthest} to the largest lead and {LEAST_ROWS_WITH_LOSS} to learn from; with "
        f"this split about {total} rows in total. Received: {layout.training_rows} training rows "
        f"of {len(layout.times)}",
    )


def parts_hold_values(spec: Spec, profile: SeriesProfile, layout: Layout) -> Iterator[Problem]:
    """Each part that is not empty holds values of a target, later than its first origin."""
    targets = [channel for channel in profile.channels if channel.name in (spec.targets or [])]
    lead = min(spec.lead_steps, default=1)
    for part, rows in layout.parts.items() if targets else ():
        labels = slice(rows.start + lead, rows.stop)
        # Parts with too few rows are the subject of other rules.
        least = min(LEAST_ROWS_WITH_LOSS if part == "train" else 1, labels.stop - labels.start)
        found = max(layout.values_in(labels, profile.times, each.present) for each in targets)
        if found < least:
            yield _too_few_values(part, rows, (least, found), profile, layout)


def _too_few_values(
    part: str, rows: slice, counts: tuple[int, int], profile: SeriesProfile, layout: Layout
) -> Problem:
    first, last = iso(layout.times[rows.start]), iso(layout.times[rows.stop - 1])
    longest = int(np.argmax(np.diff(profile.times)))
    hole = f"from {iso(profile.times[longest])} to {iso(profile.times[longest + 1])}"
    least, found = counts
    return Problem(
        f"/split/{part}",
        f"The {part} part, from {first} to {last}, must hold at least {least} values of a target "
        f"that can be predicted in it. Received: {found}; the longest step between two rows of the "
        f"series is {hole}. Begin the parts at times on the same side of it, or give `validation` "
        "and `test` as fractions, which count rows with values",
    )


def lanes_hold_a_chunk(spec: Spec, profile: SeriesProfile, layout: Layout) -> Iterator[Problem]:
    """The training rows suffice for a chunk in every lane."""
    del profile
    rows = layout.rows_to_learn
    lanes, chunk = spec.lanes or 1, spec.chunk or 1
    if chunk > rows:
        yield Problem(
            "/chunk",
            f"`chunk` must be at most the {rows} training rows. Received: {chunk}",
        )
    elif lanes > 1 and lanes * chunk > rows:
        yield Problem(
            "/lanes",
            f"`lanes` times `chunk` must be at most the {rows} training rows. "
            f"Received: {lanes} times {chunk}",
        )


SERIES_RULES: tuple[SeriesRule, ...] = (
    targets_can_be_predicted,
    *CLASS_SERIES_RULES,
    features_can_teach,
    leads_lie_ahead,
    differences_lie_back,
    lags_lie_back,
    cycles_are_longer_than_steps,
    parts_hold_their_labels,
    training_rows_suffice,
    parts_hold_values,
    lanes_hold_a_chunk,
)


def _context_rows(spec: Spec) -> tuple[str, int]:
    """The field that requires rows before the first label, and their number."""
    if spec.mode == "stateful":
        return "burn_in", spec.burn_in or 0
    return "lookback", window_reach(spec.lookback or 1, spec.step or 1)


def _missing_in_training(channel: ChannelProfile, layout: Layout) -> bool:
    if layout.splits is None or channel.first is None or channel.last is None:
        return False
    train = layout.times[layout.splits.train]
    return bool(channel.first > train[-1] or channel.last < train[0])


def _unknown_channel(field: str, position: int, name: str, profile: SeriesProfile) -> Problem:
    return Problem(
        f"/{field}/{position}",
        f"`{field}` must be channels of the series: {_listed(profile.names)}. Received: {name}",
    )


def _named_once(field: str, names: Sequence[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            yield Problem(f"/{field}/{position}", f"`{field}` must differ. Received twice: {name}")
        seen.add(name)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"
