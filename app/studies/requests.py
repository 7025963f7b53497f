"""Read the request for a study: merge its presets, and check it before anything is stored."""

from dataclasses import dataclass
from typing import Any

from app.errors import Invalid, UnknownPreset
from app.studies.schemas import StudyCreate
from models.checks.cost import TrainingLimits
from models.checks.resolve import SeriesProfile
from models.checks.search import Variations, check_search
from models.errors import Problem, SpecError
from models.spec.presets import PRESETS
from models.spec.search import Search
from models.spec.search_presets import SEARCH_PRESETS


@dataclass(frozen=True, slots=True)
class StudyRequest:
    """The spec's fields and the search of a request, merged with those of its presets."""

    fields: dict[str, Any]
    search: Search


def read_request(request: StudyCreate) -> StudyRequest:
    """Merge the request's fields with those of its presets; the request's own have priority.

    Raises:
        UnknownPreset: If a preset does not exist.
        Invalid: If two presets give the spec.
    """
    own = {} if request.spec is None else request.spec.model_dump(mode="json", exclude_unset=True)
    if request.search.preset is None:
        return StudyRequest({**_spec_of_preset(request.preset), **own}, request.search)
    if request.preset is not None:
        message = (
            "Only one of `preset` and `search.preset` may be given: both begin with a spec. "
            f"Received: {request.preset!r} and {request.search.preset!r}"
        )
        raise Invalid(message, errors=[Problem("/preset", message)])
    preset = SEARCH_PRESETS.get(request.search.preset)
    if preset is None:
        message = (
            f"`search.preset` must be one of {sorted(SEARCH_PRESETS)}. "
            f"Received: {request.search.preset!r}"
        )
        raise UnknownPreset(message, errors=[Problem("/search/preset", message)])
    space = {**preset.space, **request.search.space}
    return StudyRequest({**preset.spec, **own}, request.search.model_copy(update={"space": space}))


def check_request(request: StudyRequest, profile: SeriesProfile, limits: TrainingLimits) -> None:
    """Refuse a spec or search that cannot work on the series; pointers are those of the request.

    Raises:
        SpecError: With every broken rule.
    """
    try:
        variations = Variations.of(request.fields, profile, limits)
    except SpecError as error:
        raise _moved(error, "/spec") from error
    try:
        check_search(request.search, variations)
    except SpecError as error:
        raise _moved(error, "/search") from error


def _spec_of_preset(name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    if name not in PRESETS:
        message = f"`preset` must be one of {sorted(PRESETS)}. Received: {name!r}"
        raise UnknownPreset(message, errors=[Problem("/preset", message)])
    return PRESETS[name].spec


def _moved(error: SpecError, under: str) -> SpecError:
    return SpecError(
        [
            Problem(f"{under}{problem.pointer}".replace("/search/../", "/"), problem.message)
            for problem in error.problems
        ]
    )
