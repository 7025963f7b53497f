"""Names and arguments of Keras 3 initializers, regularizers and constraints, without Keras.

The web process refuses a wrong name or argument before a job is queued, and does not import
Keras. A test compares these tables with the installed Keras.
Sources: https://keras.io/api/layers/initializers/, .../regularizers/ and .../constraints/.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["initializer", "regularizer", "constraint"]
# A pointer below the field ("" is the field itself) and a sentence without its subject.
Complaint = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its default in Keras and its allowed values.

    Args:
        default: The default of Keras.
        least: The smallest number.
        most: The largest number.
        whole: Whether it must be a whole number.
        choices: The allowed texts, if it is not a number.
    """

    default: float | str | None
    least: float = -math.inf
    most: float = math.inf
    whole: bool = False
    choices: tuple[str, ...] = ()

    def rule(self) -> str:
        """The allowed values, as the end of a sentence."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        kind = "a whole number" if self.whole else "a number"
        if math.isfinite(self.least) and math.isfinite(self.most):
            return f"{kind} from {self.least:g} to {self.most:g}"
        return f"{kind} of at least {self.least:g}" if math.isfinite(self.least) else kind

    def accepts(self, value: object) -> bool:
        """Whether a value is allowed; None is, if it is the default of Keras."""
        if value is None:
            return self.default is None
        if self.choices:
            return value in self.choices
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        fits = math.isfinite(value) and self.least <= value <= self.most
        return fits and (isinstance(value, int) or not self.whole)


_SEED = Argument(None, least=0, most=2**31 - 1, whole=True)
# Weights are matrices: norms are taken over the inputs (0) or over the outputs (1).
_AXIS = Argument(0, least=0, most=1, whole=True)

Arguments = Mapping[str, Argument]

KERAS_ARGUMENTS: dict[Role, dict[str, Arguments]] = {
    "initializer": {
        "constant": {"value": Argument(0.0)},
        "glorot_normal": {"seed": _SEED},
        "glorot_uniform": {"seed": _SEED},
        "he_normal": {"seed": _SEED},
        "he_uniform": {"seed": _SEED},
        "identity": {"gain": Argument(1.0)},
        "lecun_normal": {"seed": _SEED},
        "lecun_uniform": {"seed": _SEED},
        "ones": {},
        "orthogonal": {"gain": Argument(1.0), "seed": _SEED},
        "random_normal": {
            "mean": Argument(0.0),
            "stddev": Argument(0.05, least=0),
            "seed": _SEED,
        },
        "random_uniform": {"minval": Argument(-0.05), "maxval": Argument(0.05), "seed": _SEED},
        "truncated_normal": {
            "mean": Argument(0.0),
            "stddev": Argument(0.05, least=0),
            "seed": _SEED,
        },
        "variance_scaling": {
            "scale": Argument(1.0, least=1e-12),
            "mode": Argument("fan_in", choices=("fan_in", "fan_out", "fan_avg")),
            "distribution": Argument(
                "truncated_normal", choices=("truncated_normal", "untruncated_normal", "uniform")
            ),
            "seed": _SEED,
        },
        "zeros": {},
    },
    "regularizer": {
        "l1": {"l1": Argument(0.01, least=0)},
        "l1_l2": {"l1": Argument(0.0, least=0), "l2": Argument(0.0, least=0)},
        "l2": {"l2": Argument(0.01, least=0)},
        "orthogonal_regularizer": {
            "factor": Argument(0.01, least=0),
            "mode": Argument("rows", choices=("rows", "columns")),
        },
    },
    "constraint": {
        "max_norm": {"max_value": Argument(2, least=1e-12), "axis": _AXIS},
        "min_max_norm": {
            "min_value": Argument(0.0, least=0),
            "max_value": Argument(1.0, least=1e-12),
            "rate": Argument(1.0, least=0, most=1),
            "axis": _AXIS,
        },
        "non_neg": {},
        "unit_norm": {"axis": _AXIS},
    },
}
# They need a matrix; biases and activities are not matrices.
MATRICES_ONLY = frozenset({"identity", "orthogonal", "orthogonal_regularizer"})
_ORDERED = (("minval", "maxval"), ("min_value", "max_value"))


def complaints(role: Role, given: str | Mapping[str, Any], *, matrix: bool) -> Iterator[Complaint]:
    """Check a name, or an object of a name and its arguments.

    Args:
        role: Whether it is an initializer, a regularizer or a constraint.
        given: A name, or `{"name": ..., argument: value, ...}`.
        matrix: Whether it applies to a matrix, rather than to a bias or to outputs.

    Yields:
        A pointer below the field and a sentence without its subject, such as
        `("/gain", "must be a number. Received: 'x'")`.
    """
    arguments: Mapping[str, Any] = {} if isinstance(given, str) else given
    name = given if isinstance(given, str) else given.get("name")
    usable = {
        each: allowed
        for each, allowed in KERAS_ARGUMENTS[role].items()
        if matrix or each not in MATRICES_ONLY
    }
    if not isinstance(name, str) or name not in usable:
        where = "" if isinstance(given, str) else "/name"
        yield where, f"must be one of {', '.join(sorted(usable))}. Received: {name}"
        return
    values = {key: value for key, value in arguments.items() if key != "name"}
    yield from _argument_complaints(name, usable[name], values, matrix=matrix)


def _argument_complaints(
    name: str, allowed: Arguments, values: dict[str, Any], *, matrix: bool
) -> Iterator[Complaint]:
    for key, value in values.items():
        if key not in allowed:
            known = ", ".join(f"`{each}`" for each in allowed) or "no arguments"
            yield (
                f"/{key}",
                f"is not an argument of {name}, which takes {known}. Received: {value!r}",
            )
        elif not allowed[key].accepts(value):
            yield f"/{key}", f"must be {allowed[key].rule()}. Received: {value!r}"
        elif key == "axis" and value == 1 and not matrix:
            yield f"/{key}", "must be 0: a bias has only one axis. Received: 1"
    if name == "l1_l2" and not any(values.get(key) for key in allowed):
        yield "", "l1_l2 needs `l1` or `l2` above 0. Received: neither"
    both = {key: values.get(key, argument.default) for key, argument in allowed.items()}
    for low, high in _ORDERED:
        numbers = [
            each for each in (both.get(low), both.get(high)) if isinstance(each, int | float)
        ]
        if len(numbers) == 2 and numbers[0] > numbers[1]:
            yield f"/{low}", f"must be at most `{high}`, {numbers[1]}. Received: {numbers[0]}"
