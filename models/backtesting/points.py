"""Points of backtests: what was said of one target from one origin, and what came of it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.arrays import RowIndices, Times, Values
from models.evaluation.temperature import log_losses
from models.features.classes import ClassCoding

Names = npt.NDArray[np.str_]
# Origins, leads and targets of some points, as indices of the same length.
Places = tuple[npt.NDArray[np.intp], ...]
# A column of a table, or several that belong together, by name.
Column = npt.NDArray[Any] | dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Points(ABC):
    """What all points have, whatever is predicted.

    Args:
        origins: `(origins,)`, times of the rows forecast from.
        times: `(origins, leads)`, when what is predicted is due.
        leads: `(leads,)`, steps ahead.
        targets: `(targets,)`, names.
    """

    origins: Times
    times: Times
    leads: RowIndices
    targets: Names

    @property
    def shape(self) -> tuple[int, int, int]:
        """Origins, leads and targets."""
        return len(self.origins), len(self.leads), len(self.targets)

    def __len__(self) -> int:
        return int(np.prod(self.shape))

    def columns(self, first: int, stop: int) -> dict[str, Column]:
        """Points by number, in the order of origin, lead and target, as columns of a table."""
        origin, lead, target = places = np.unravel_index(np.arange(first, stop), self.shape)
        return {
            "origin": self.origins[origin],
            "time": self.times[origin, lead],
            "lead": self.leads[lead],
            "target": self.targets[target],
            **self._own_columns(places),
        }

    @abstractmethod
    def _own_columns(self, places: Places) -> dict[str, Column]:
        """The columns of one kind of points."""


@dataclass(frozen=True, slots=True)
class ValuePoints(Points):
    """Points of a forecaster of values; in original units, NaN is missing.

    Args:
        values: `(origins, leads, targets)`, the forecasts.
        actual: The same shape: what came.
        naive: The same shape: what the naive forecast said.
        seasonal_naive: The same shape: what the seasonal naive forecast said.
    """

    values: Values
    actual: Values
    naive: Values
    seasonal_naive: Values

    def _own_columns(self, places: Places) -> dict[str, Column]:
        actual = self.actual[places]
        return {
            "value": self.values[places],
            "actual": actual,
            "error": self.values[places] - actual,
            "naive_error": self.naive[places] - actual,
            "seasonal_naive_error": self.seasonal_naive[places] - actual,
        }


@dataclass(frozen=True, slots=True)
class ClassPoints(Points):
    """Points of a forecaster of classes.

    Args:
        classes: `(classes,)`, names in the order of their codes.
        probabilities: `(origins, leads, targets, classes)`; NaN where no forecast could be made.
        shares: `(leads, targets, classes)`, the class prior.
        actual: `(origins, leads, targets)`, the codes that came; NaN is missing.
    """

    classes: Names
    probabilities: Values
    shares: Values
    actual: Values

    def _own_columns(self, places: Places) -> dict[str, Column]:
        said, actual = self.probabilities[places], self.actual[places]
        # Probabilities are missing together.
        told = ~np.isnan(said[:, 0])
        return {
            "class": self._names(np.where(told, said.argmax(axis=-1), np.nan)),
            "actual_class": self._names(actual),
            "probabilities": dict(zip(self.classes.tolist(), said.T, strict=True)),
            "log_loss": _where_known(actual, told, said),
            "class_prior_log_loss": _where_known(actual, told, self.shares[places[1:]]),
        }

    def _names(self, codes: Values) -> npt.NDArray[Any]:
        """The names of codes; None where there is none."""
        known = ~np.isnan(codes)
        names = np.full(len(codes), None, object)
        names[known] = self.classes[codes[known].astype(np.int64)]
        return names


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """What was said from every origin, what came, and how good that was.

    Args:
        points: All that was said and came.
        report: `{origins, refits, in_sample_origins, targets: {target: {..., leads,
            significance}}}` with the figures of a training's report; of values with `season` and
            `ar`, of classes with `frequencies` and `calibration`.
    """

    points: Points
    report: dict[str, Any]


def numbers_per_point(coding: ClassCoding | None) -> int:
    """How many numbers are kept of a point: four of values, and of classes one for each."""
    return 4 if coding is None else len(coding.names) + 1


def _where_known(actual: Values, told: npt.NDArray[np.bool_], said: Values) -> Values:
    """Log losses of points, NaN where nothing was said or came."""
    losses, known = np.full(len(actual), np.nan), told & ~np.isnan(actual)
    losses[known] = log_losses(said[known], actual[known].astype(np.int64))
    return losses
