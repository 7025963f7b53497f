"""The errors that the forecasting library raises."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule of a spec.

    Args:
        pointer: JSON pointer (RFC 6901) to the field; empty for the spec as a whole.
        message: A sentence for the person who wrote the spec.
    """

    pointer: str
    message: str


class ForecastingError(Exception):
    """Base of all errors that the library raises deliberately."""


class SpecError(ForecastingError):
    """A spec that cannot work; `problems` lists every broken rule."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class DataError(ForecastingError):
    """A series that cannot be used as requested."""


class ArtefactError(ForecastingError):
    """A stored bundle or state that is damaged or of an unknown format."""


class TrainingError(ForecastingError):
    """A training run that failed; the message is for the person who started it."""
