"""Decide whether a version has drifted on a series: compare its figures with thresholds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from app.drift.figures import InputShift, InputShifts, LiveErrors, input_shifts, live_errors
from app.registry.tables import ModelVersion
from app.series.tables import Series
from app.settings import Settings

# Number of newest scored steps over which the errors of champions are measured.
WATCHED_STEPS = 100

DriftKind = Literal["error_ratio", "stability_index"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The values from which a measure counts as drift; None leaves the measure out.

    Args:
        error_ratio: For the live error divided by the error on the test part.
        stability_index: For an input's stability index less its usual value at the training.
    """

    error_ratio: float | None
    stability_index: float | None

    @classmethod
    def of(cls, settings: Settings) -> "Thresholds":
        """The thresholds for champions."""
        return cls(settings.drift_error_ratio, settings.drift_stability_index)


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """A measure that has reached its threshold."""

    kind: DriftKind
    name: str
    value: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Drift:
    """The live errors and input shifts of a version on a series."""

    errors: list[LiveErrors]
    inputs: InputShifts

    @classmethod
    def of(
        cls,
        session: Session,
        version: ModelVersion,
        series: Series,
        *,
        steps: int = WATCHED_STEPS,
        after: datetime | None = None,
    ) -> "Drift":
        """Measure a trained version; the arguments are those of `live_errors`."""
        return cls(
            live_errors(session, version, series, steps=steps, after=after),
            input_shifts(session, version, series, after=after),
        )

    @property
    def worst_ratio(self) -> float | None:
        """The largest error ratio of a target."""
        return max((each.ratio for each in self.errors if each.ratio is not None), default=None)

    @property
    def worst_excess(self) -> float | None:
        """The largest excess of an input's stability index."""
        return max((each.excess for each in self.inputs.channels), default=None)

    def findings(self, limits: Thresholds) -> list[DriftFinding]:
        """The measures that have reached their thresholds."""
        errors = [
            _of_error(each, ratio)
            for each in self.errors
            if (ratio := each.ratio) is not None and _reaches(ratio, limits.error_ratio)
        ]
        shifts = [
            _of_shift(each, self.inputs.rows)
            for each in self.inputs.channels
            if _reaches(each.excess, limits.stability_index)
        ]
        return [*errors, *shifts]


def _reaches(value: float, threshold: float | None) -> bool:
    return threshold is not None and value >= threshold


def _of_error(error: LiveErrors, ratio: float) -> DriftFinding:
    sentence = (
        f"The error of {error.target} over the last {error.steps} scored steps is {ratio:.2f} "
        f"times that on the test part ({error.error:.4g}, expected {error.expected:.4g})."
    )
    return DriftFinding("error_ratio", error.target, ratio, sentence)


def _of_shift(shift: InputShift, rows: int | None) -> DriftFinding:
    sentence = (
        f"The input {shift.channel} has a stability index of {shift.index:.2f} over the last "
        f"{rows} rows; up to {shift.usual:.2f} was usual."
    )
    return DriftFinding("stability_index", shift.channel, shift.excess, sentence)
