"""Checks: whether a spec can work on a series, with its defaults filled in, before training."""

from collections.abc import Iterator

from models.cadence import Cadence
from models.covariate_rules import COVARIATE_RULES
from models.defaults import fill_defaults
from models.errors import DataError, Problem, SpecError
from models.facts import ChannelFacts, Layout, SeriesFacts
from models.network_rules import NETWORK_RULES
from models.series_rules import SERIES_RULES
from models.spec import Spec
from models.splits import split_bounds

__all__ = ["ChannelFacts", "SeriesFacts", "resolve"]


def resolve(spec: Spec, facts: SeriesFacts) -> Spec:
    """Fill in every default of a spec, and refuse one that cannot work.

    Args:
        spec: What was asked for; fields left out are chosen from the series.
        facts: The series it will be trained on.

    Returns:
        The spec that is stored and trained. Resolving it again changes nothing.

    Raises:
        SpecError: With all broken rules at once, each with a JSON pointer into the spec; the
            pointer is empty where the series itself is the problem.
    """
    problems = list(_cadence_problems(spec, facts))
    step = Cadence.parse(facts.cadence if problems or not spec.cadence else spec.cadence)
    try:
        layout = Layout.of(facts, step, spec.split)
        problems += _split_problems(layout, spec)
    except DataError as error:
        raise SpecError([*problems, Problem("", str(error))]) from error
    resolved = fill_defaults(spec, facts, layout)
    for series_rule in (*SERIES_RULES, *COVARIATE_RULES):
        problems += series_rule(resolved, facts, layout)
    for network_rule in NETWORK_RULES:
        problems += network_rule(resolved)
    if problems:
        raise SpecError(problems)
    return resolved


def _cadence_problems(spec: Spec, facts: SeriesFacts) -> Iterator[Problem]:
    if spec.cadence is None:
        if spec.aggregate is not None:
            yield Problem(
                "/aggregate",
                f"`aggregate` needs a `cadence` coarser than the series' own, {facts.cadence}. "
                f"Received: {spec.aggregate} without `cadence`",
            )
        return
    try:
        step = Cadence.parse(spec.cadence)
    except DataError as error:
        yield Problem("/cadence", f"`cadence`: {error}")
        return
    if not step.is_multiple_of(Cadence.parse(facts.cadence)):
        yield Problem(
            "/cadence",
            f"`cadence` must be the series' own, {facts.cadence}, or a multiple of it. "
            f"Received: {spec.cadence}",
        )


def _split_problems(layout: Layout, spec: Spec) -> list[Problem]:
    if layout.splits is not None or len(layout.times) == 0:
        return []
    try:
        split_bounds(layout.times, spec.split)
    except SpecError as error:
        return error.problems
    return []
