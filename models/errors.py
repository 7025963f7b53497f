"""What can go wrong in the forecasting library."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One rule that a spec breaks: where, and the sentence to show."""

    pointer: str
    message: str


class ForecastingError(Exception):
    """Base of every error the library raises on purpose."""


class SpecError(ForecastingError):
    """A spec that cannot work, with every broken rule at once."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class DataError(ForecastingError):
    """A series that cannot be used as asked."""


class ArtefactError(ForecastingError):
    """A stored forecaster that is damaged or of an unknown format."""


class TrainingError(ForecastingError):
    """A training run that could not end well; the message is for its owner."""
