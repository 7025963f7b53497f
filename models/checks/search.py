"""Rules for a search: its space names fields of the spec, and all values can work."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

from pydantic import JsonValue

from models.checks.cost import TrainingLimits
from models.checks.dimension import dimension_problems
from models.checks.folds import fold_splits, validation_rows
from models.checks.profile import SeriesProfile
from models.checks.resolve import resolve
from models.errors import Problem, SpecError
from models.spec.search import (
    Fields,
    Parameters,
    Search,
    escape_pointer,
    lay,
    parse_spec,
    split_pointer,
)
from models.spec.spec import Spec

# Trials are compared by their scores. These fields define what is forecast and on which rows:
# scores with different values are not comparable.
QUESTION = frozenset(
    {"task", "targets", "cadence", "aggregate", "horizon", "leads", "delay", "quantiles", "split"}
)
# These fields define the loss: losses with different values are not comparable.
MEASURE = frozenset({"loss", "transform", "scaler"})
_FIELDS_OF = {
    "folds": ("objective", "rolling_origin"),
    "min_epochs": ("method", "hyperband"),
    "factor": ("method", "hyperband"),
}
# Random combinations with other fields' values that are tried before a value is refused.
DRAWS = 8
# Values of all choices together: a spec is resolved for each, and for its combinations.
MOST_VALUES = 300
# Values that cannot work; each is the end of `DRAWS` tries.
MOST_REFUSED = 10


@dataclass(frozen=True, slots=True)
class Variations:
    """Makes the specs of a study's trials.

    Args:
        asked: The spec's fields as requested.
        profile: The series.
        base: The spec without parameters, resolved.
        limits: What a training may need; None for no limit.
    """

    asked: Fields
    profile: SeriesProfile
    base: Spec
    limits: TrainingLimits | None = None

    @classmethod
    def of(
        cls, asked: Fields, profile: SeriesProfile, limits: TrainingLimits | None = None
    ) -> "Variations":
        """Resolve the spec without parameters.

        Raises:
            SpecError: If it cannot work even without parameters.
        """
        return cls(asked, profile, resolve(parse_spec(asked), profile, limits), limits)

    def spec(self, parameters: Parameters) -> Spec:
        """The resolved spec of parameters.

        Raises:
            SpecError: If it cannot work.
        """
        fields = lay(self.asked, self.base.to_json(), parameters)
        return resolve(parse_spec(fields), self.profile, self.limits)


def check_search(search: Search, variations: Variations) -> None:
    """Refuse a search that cannot work.

    Args:
        search: The requested search, with its complete space.
        variations: The spec it starts from, on its series.

    Raises:
        SpecError: With all broken rules, each with a JSON pointer into the search; pointers
            into the spec begin with `/../spec`.
    """
    problems = [
        *_budget_problems(search, variations),
        *_epoch_problems(search, variations.base.epochs or 1),
        *_space_problems(search, variations.base),
    ]
    if not problems:
        refused = islice(_value_problems(search, variations), MOST_REFUSED)
        problems = [*_fold_problems(search, variations), *refused]
    if problems:
        raise SpecError(problems)


def _budget_problems(search: Search, variations: Variations) -> Iterator[Problem]:
    for field, (owner, needed) in _FIELDS_OF.items():
        received = getattr(search, owner)
        if getattr(search, field) is not None and received != needed:
            yield Problem(
                f"/{field}", f'`{field}` belongs to `{owner}` "{needed}". Received: "{received}"'
            )
    if validation_rows(variations.base, variations.profile) == 0:
        yield Problem(
            "/../spec/split/validation",
            "Trials are compared on a validation part, so `split.validation` must leave one. "
            "Received: no rows",
        )
    if search.method == "hyperband" and search.score != "loss":
        yield Problem(
            "/score",
            f'`hyperband` prunes by losses, so `score` must be "loss". Received: "{search.score}"',
        )


def _epoch_problems(search: Search, epochs: int) -> Iterator[Problem]:
    given = "/epochs" if search.epochs is not None else "/../spec/epochs"
    if (search.epochs or 1) > epochs:
        yield Problem(
            "/epochs",
            f"`epochs` of a trial must be at most those of the spec, {epochs}. "
            f"Received: {search.epochs}",
        )
    if search.method != "hyperband":
        return
    filled = search.filled()
    least = (filled.min_epochs or 1) * (filled.factor or 3)
    if (search.epochs or epochs) < least:
        yield Problem(
            given,
            "`hyperband` needs trials of at least `min_epochs` times `factor` epochs, "
            f"{least}, to have something to prune. Received: {search.epochs or epochs}",
        )


def _space_problems(search: Search, base: Spec) -> Iterator[Problem]:
    if not search.space:
        yield Problem("/space", "`space` must name at least 1 field of the spec. Received: none")
    values = sum(len(dimension.values or []) for dimension in search.space.values())
    if values > MOST_VALUES:
        yield Problem(
            "/space",
            f"The choices of `space` may have at most {MOST_VALUES} values together. A range "
            f"counts for none. Received: {values}",
        )
    for pointer, dimension in search.space.items():
        at = _at(pointer)
        yield from _pointer_problems(at, pointer, search, base)
        yield from dimension_problems(at, dimension)
        if pointer == "/epochs" and (search.method == "hyperband" or search.epochs is not None):
            yield Problem(
                at,
                "The epochs of trials are those of `hyperband` or of `search.epochs`, so they "
                "cannot be searched as well. Received: /epochs",
            )
    for outer, inner in pairwise(sorted(f"{pointer}/" for pointer in search.space)):
        if inner.startswith(outer):
            yield Problem(
                _at(inner[:-1]),
                f"No field of `space` may lie within another. Received: {inner[:-1]} "
                f"within {outer[:-1]}",
            )


def _pointer_problems(at: str, pointer: str, search: Search, base: Spec) -> Iterator[Problem]:
    path = split_pointer(pointer)
    if not pointer.startswith("/") or not _leads_somewhere(path, base):
        yield Problem(
            at,
            "`space` must name fields of the spec by JSON pointers, such as /layers/0/units. "
            f"Received: {pointer}, which this spec does not have",
        )
    elif path[0] in QUESTION:
        yield Problem(
            at,
            f"`{path[0]}` cannot be searched: it defines the task, and scores of different tasks "
            f"cannot be compared. Received: {pointer}",
        )
    elif path[0] in MEASURE and search.score == "loss":
        yield Problem(
            at,
            f"`{path[0]}` changes what the loss measures, so searching it needs `score` "
            f'"error". Received: {pointer} with `score` "loss"',
        )


def _leads_somewhere(path: list[str], base: Spec) -> bool:
    found: JsonValue = base.to_json()
    for part in path:
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return False
    return True


def _fold_problems(search: Search, variations: Variations) -> Iterator[Problem]:
    """The first fold has the fewest training rows: a spec that works there works on all."""
    if search.objective != "rolling_origin":
        return
    try:
        resolve(_first_fold(search, variations.base, variations.profile), variations.profile)
    except SpecError as error:
        yield Problem(
            "/folds",
            "The first of the folds must work like the whole series. "
            f"Received: {search.filled().folds} folds; {error}",
        )


def _value_problems(search: Search, variations: Variations) -> Iterator[Problem]:
    """Each representative value works with some values of the other fields."""
    for pointer, dimension in search.space.items():
        for place, value in dimension.samples().items():
            reason = _refusal(search, variations, pointer, value)
            if reason is not None:
                yield Problem(
                    f"{_at(pointer)}{place}",
                    f"A spec with {value!r} cannot work. {reason}",
                )


def _refusal(
    search: Search, variations: Variations, pointer: str, value: JsonValue
) -> SpecError | None:
    """Why a value cannot work, or None if it works alone or with other fields' values."""
    first = _error(search, variations, {pointer: value})
    if first is None:
        return None
    others = {name: list(d.samples().values()) for name, d in search.space.items()}
    generator = random.Random(0)  # noqa: S311 - not used for security
    for _ in range(DRAWS):
        drawn = {name: generator.choice(values) for name, values in others.items()}
        if _error(search, variations, {**drawn, pointer: value}) is None:
            return None
    return first


def _error(search: Search, variations: Variations, parameters: Parameters) -> SpecError | None:
    try:
        spec = variations.spec(parameters)
        if search.objective == "rolling_origin":
            resolve(_first_fold(search, spec, variations.profile), variations.profile)
    except SpecError as error:
        return error
    return None


def _first_fold(search: Search, spec: Spec, profile: SeriesProfile) -> Spec:
    split = fold_splits(spec, profile, search.filled().folds or 1)[0]
    return spec.model_copy(update={"split": split})


def _at(pointer: str) -> str:
    return f"/space/{escape_pointer(pointer)}"
