"""Searches: the fields of a spec that a study varies, their values, and the budget.

Fields are named by JSON pointers (RFC 6901) into the spec, such as `/layers/0/units`.
"""

from copy import deepcopy
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, ValidationError

from models.errors import Problem, SpecError
from models.spec.base import MOST_EPOCHS, SpecPart
from models.spec.spec import Spec

Fields = dict[str, Any]
Parameters = dict[str, JsonValue]
Bound = Annotated[float, Field(allow_inf_nan=False)]


class Dimension(SpecPart):
    """The values of one field: a range of whole or other numbers, or a list."""

    type: Literal["int", "float", "log_float", "choice"] = Field(
        description="`log_float` spreads evenly over magnitudes, which suits learning rates."
    )
    low: Bound | None = Field(None, description="The smallest value; not for `choice`.")
    high: Bound | None = Field(None, description="The largest value; not for `choice`.")
    step: Bound | None = Field(
        None, gt=0, description="From `low` in steps of this size: 1 for `int`, any for `float`."
    )
    values: list[JsonValue] | None = Field(
        None, min_length=1, max_length=1000, description="The values of a `choice`."
    )

    @property
    def count(self) -> int | None:
        """Number of values; None for a range without steps."""
        if self.values is not None:
            return len(self.values)
        step = self._step
        return None if step is None else int((_exact(self.high) - _exact(self.low)) / step) + 1

    def value(self, index: int) -> JsonValue:
        """The value at an index; steps are decimals, so that 0.1 added three times is 0.3."""
        if self.values is not None:
            return self.values[index]
        number = _exact(self.low) + index * (self._step or 0)
        return int(number) if self.type == "int" else float(number)

    def index(self, value: JsonValue) -> int:
        """The index of a value: the inverse of `value`."""
        if self.values is not None:
            # True equals 1 in Python, but they are different choices.
            return [repr(choice) for choice in self.values].index(repr(value))
        return round((_exact(value) - _exact(self.low)) / (self._step or 1))

    def samples(self) -> dict[str, JsonValue]:
        """Representative values by JSON pointer into the dimension; they include both extremes."""
        if self.values is not None:
            return {f"/values/{place}": value for place, value in enumerate(self.values)}
        if self.count is not None:
            return {"/low": self.value(0), "/high": self.value(self.count - 1)}
        low, high = self.low or 0.0, self.high or 0.0
        # One value inside: both ends may be whole numbers where fractions are not allowed.
        return {"/low": low, "/high": high, "": low + 0.381966 * (high - low)}

    @property
    def _step(self) -> Decimal | None:
        if self.step is None:
            return Decimal(1) if self.type == "int" else None
        return _exact(self.step)


class Search(SpecPart):
    """How a study searches for the best spec, and when it stops."""

    method: Literal["random", "hyperband", "bayesian"] = Field(
        "bayesian",
        description="`random`; `hyperband`: random, and bad trials are pruned early (Li et al. "
        "2018, arXiv 1603.06560, in its asynchronous form, arXiv 1810.05934); `bayesian`: "
        "tree-structured Parzen estimators, which learn from earlier trials.",
    )
    preset: str | None = Field(
        None, description="A search of `GET /v1/presets`: its space and the spec it starts from."
    )
    space: dict[str, Dimension] = Field(
        default_factory=dict,
        max_length=100,
        description="The fields to vary, by JSON pointer into the spec, and their values.",
    )
    trials: int = Field(20, ge=1, le=1000, description="The largest number of specs to try.")
    minutes: float | None = Field(
        None,
        gt=0,
        le=525_600,
        description="Trials begin only within this time after the first one.",
    )
    parallel: int = Field(
        2, ge=1, le=64, description="The largest number of trials that run at once."
    )
    objective: Literal["validation", "rolling_origin"] = Field(
        "validation",
        description="What is minimised: the score on the validation part after the best epoch, or "
        "its mean over several consecutive validation parts.",
    )
    score: Literal["loss", "error"] = Field(
        "loss",
        description="The score on a validation part: `loss`, the training loss, or `error`: the "
        "mean absolute error divided by that of the naive forecast, in the targets' units, "
        "averaged over the targets. Only `error` can compare specs with different `loss`, "
        "`transform` or `scaler`; it needs an export after every trial.",
    )
    folds: int | None = Field(
        None, ge=2, le=20, description="Validation parts of `rolling_origin`; 3 by default."
    )
    epochs: int | None = Field(
        None,
        ge=1,
        le=MOST_EPOCHS,
        description="The most epochs of a trial; those of the spec by default.",
    )
    min_epochs: int | None = Field(
        None,
        ge=1,
        le=MOST_EPOCHS,
        description="`hyperband`: epochs before a trial can be pruned; 1 by default.",
    )
    factor: int | None = Field(
        None,
        ge=2,
        le=100,
        description="`hyperband`: one trial in `factor` continues; 3 by default.",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="The same seed draws the same first specs.")

    def filled(self) -> "Search":
        """The search with defaults for the fields that its method and objective use."""
        defaults: Fields = {}
        if self.objective == "rolling_origin":
            defaults["folds"] = self.folds or 3
        if self.method == "hyperband":
            defaults |= {"min_epochs": self.min_epochs or 1, "factor": self.factor or 3}
        return self.model_copy(update=defaults)


def split_pointer(pointer: str) -> list[str]:
    """The names and positions that lead to a field."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def escape_pointer(text: str) -> str:
    """A text, escaped as one part of a JSON pointer (RFC 6901)."""
    return text.replace("~", "~0").replace("/", "~1")


def lay(asked: Fields, filled: Fields, parameters: Parameters) -> Fields:
    """Set parameters in a spec.

    Args:
        asked: The requested fields; the others are left out, so that their defaults follow
            from the parameters.
        filled: The same spec with every default filled in: if `asked` lacks the object or list
            around a parameter, it is copied from here.
        parameters: Values by JSON pointer.

    Returns:
        New fields.

    >>> lay({}, {"layers": [{"cell": "gru", "units": 32}]}, {"/layers/0/units": 8})
    {'layers': [{'cell': 'gru', 'units': 8}]}
    """
    laid = deepcopy(asked)
    for pointer, value in parameters.items():
        *way, last = split_pointer(pointer)
        inner: Any = laid
        outer: Any = filled
        for part in way:
            key = _key(inner, part)
            if isinstance(inner, dict) and inner.get(key) is None:
                inner[key] = deepcopy(outer[key])
            inner, outer = inner[key], outer[key]
        inner[_key(inner, last)] = deepcopy(value)
    return laid


def parse_spec(fields: Fields) -> Spec:
    """Parse a spec from JSON values.

    Raises:
        SpecError: If a field is unknown or its value has a wrong type.
    """
    try:
        return Spec.model_validate(fields)
    except ValidationError as error:
        raise SpecError([_problem(item["loc"], item["msg"]) for item in error.errors()]) from error


def _problem(place: tuple[int | str, ...], message: str) -> Problem:
    pointer = "".join(f"/{escape_pointer(str(part))}" for part in place)
    return Problem(pointer, f"`{'.'.join(map(str, place))}`: {message}.")


def _key(container: Any, part: str) -> int | str:
    return int(part) if isinstance(container, list) else part


def _exact(number: JsonValue) -> Decimal:
    return Decimal(repr(number))
