"""Check, before training, whether a spec can work on a series, and fill in its defaults."""

from collections.abc import Iterator, Sequence
from itertools import islice

from models.calendars.cadence import Cadence
from models.checks.cost import TrainingLimits, cost_problems
from models.checks.covariates import COVARIATE_RULES
from models.checks.defaults import fill_defaults
from models.checks.network import NETWORK_RULES
from models.checks.profile import ChannelProfile, Layout, SeriesProfile
from models.checks.series import SERIES_RULES
from models.errors import DataError, Problem, SpecError
from models.grid.panel import blamed, panel_problems
from models.grid.splits import split_bounds
from models.spec.spec import Spec

__all__ = ["ChannelProfile", "SeriesProfile", "resolve"]

# A rule reports at most this many problems: a list of thousands may break it at every place.
MOST_PROBLEMS = 100


def resolve(
    spec: Spec,
    profile: SeriesProfile | Sequence[SeriesProfile],
    limits: TrainingLimits | None = None,
) -> Spec:
    """Fill in every default of a spec, and refuse a spec that cannot work.

    Args:
        spec: The requested spec; fields left out are chosen from the series, in a panel from the
            series with the fewest training rows.
        profile: The series for the training, or those of a panel.
        limits: What the training may need; None for no limit.

    Returns:
        The spec that is stored and trained. Resolving it again changes nothing.

    Raises:
        SpecError: With all broken rules, each with a JSON pointer into the spec; the pointer is
            empty if the series is the problem, and `/series/1` if a panel's second series is.
    """
    panel = [profile] if isinstance(profile, SeriesProfile) else list(profile)
    names = [each.name for each in panel]
    if unlike := list(panel_problems(names, [each.signature for each in panel])):
        raise SpecError(unlike)
    problems = list(_cadence_problems(spec, panel[0]))
    step = Cadence.parse(panel[0].cadence if problems or not spec.cadence else spec.cadence)
    layouts = _layouts(spec, panel, step, problems)
    resolved = _filled(spec, panel, layouts)
    found = [
        _problems_with(spec, resolved, each, layout)
        for each, layout in zip(panel, layouts, strict=True)
    ]
    problems += blamed(names, found)
    problems += _covariate_problems(resolved, panel, layouts)
    for network_rule in NETWORK_RULES:
        problems += islice(network_rule(resolved), MOST_PROBLEMS)
    if not problems and limits is not None:
        problems = list(cost_problems(resolved, panel, layouts, limits))
    if problems:
        raise SpecError(problems)
    return resolved


def _layouts(
    spec: Spec, panel: Sequence[SeriesProfile], step: Cadence, problems: list[Problem]
) -> list[Layout]:
    layouts = []
    for position, profile in enumerate(panel):
        try:
            layouts.append(profile.layout(step, spec.split))
        except DataError as error:
            pointer = f"/series/{position}" if len(panel) > 1 else ""
            raise SpecError([*problems, Problem(pointer, str(error))]) from error
    return Layout.pooled(layouts)


def _filled(spec: Spec, panel: Sequence[SeriesProfile], layouts: Sequence[Layout]) -> Spec:
    """The spec with defaults for the series with the fewest training rows."""
    shortest = min(range(len(panel)), key=lambda position: layouts[position].training_rows)
    return fill_defaults(spec, panel[shortest].pooled(panel), layouts[shortest])


def _problems_with(
    spec: Spec, resolved: Spec, profile: SeriesProfile, layout: Layout
) -> list[Problem]:
    problems = _split_problems(layout, spec)
    for rule in SERIES_RULES:
        problems += islice(rule(resolved, profile, layout), MOST_PROBLEMS)
    return problems


def _covariate_problems(
    resolved: Spec, panel: Sequence[SeriesProfile], layouts: Sequence[Layout]
) -> list[Problem]:
    """Known-future inputs must be usable in at least one series of a panel."""
    found = [
        [problem for rule in COVARIATE_RULES for problem in rule(resolved, profile, layout)]
        for profile, layout in zip(panel, layouts, strict=True)
    ]
    everywhere = set.intersection(*({each.pointer for each in problems} for problems in found))
    return [each for each in found[0] if each.pointer in everywhere]


def _cadence_problems(spec: Spec, profile: SeriesProfile) -> Iterator[Problem]:
    if spec.cadence is None:
        if spec.aggregate is not None:
            yield Problem(
                "/aggregate",
                f"`aggregate` needs a `cadence` coarser than the series' own, {profile.cadence}. "
                f"Received: {spec.aggregate} without `cadence`",
            )
        return
    try:
        step = Cadence.parse(spec.cadence)
    except DataError as error:
        yield Problem("/cadence", f"`cadence`: {error}")
        return
    if not step.is_multiple_of(Cadence.parse(profile.cadence)):
        yield Problem(
            "/cadence",
            f"`cadence` must be the series' own, {profile.cadence}, or a multiple of it. "
            f"Received: {spec.cadence}",
        )


def _split_problems(layout: Layout, spec: Spec) -> list[Problem]:
    if layout.splits is not None or len(layout.times) == 0:
        return []
    try:
        split_bounds(layout.times, spec.split, layout.observed)
    except SpecError as error:
        return error.problems
    return []
