"""Points of backtests: one forecast of one target from one origin, with the actual value."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.arrays import RowIndices, Times, Values
from models.evaluation.class_metrics import known_log_losses
from models.features.classes import ClassCoding

Names = npt.NDArray[np.str_]
# Indices of origins, leads and targets of points, three arrays of the same length.
Places = tuple[npt.NDArray[np.intp], ...]
# A column of a table, or several by name, such as one for each class.
Column = npt.NDArray[Any] | dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Points(ABC):
    """The axes of points of values or of classes.

    Args:
        origins: `(origins,)`, times of the rows forecast from.
        times: `(origins, leads)`, times that are forecast.
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
        """Points `first` to `stop - 1` by origin, lead and target, as columns of a table."""
        origin, lead, target = places = np.unravel_index(np.arange(first, stop), self.shape)
        return {
            "origin": self.origins[origin],
            "time": self.times[origin, lead],
            "lead": self.leads[lead],
            "target": self.targets[target],
            **self._value_columns(places),
        }

    @abstractmethod
    def _value_columns(self, places: Places) -> dict[str, Column]:
        """The columns of predictions and actual values."""


@dataclass(frozen=True, slots=True)
class ValuePoints(Points):
    """Points of a forecaster of values; in original units, NaN is missing.

    Args:
        values: `(origins, leads, targets)`, the forecasts.
        actual: The actual values, the same shape.
        naive: The naive forecasts, the same shape.
        seasonal_naive: The seasonal naive forecasts, the same shape.
    """

    values: Values
    actual: Values
    naive: Values
    seasonal_naive: Values

    def _value_columns(self, places: Places) -> dict[str, Column]:
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
        actual: `(origins, leads, targets)`, codes of the observed classes; NaN is missing.
    """

    classes: Names
    probabilities: Values
    shares: Values
    actual: Values

    def _value_columns(self, places: Places) -> dict[str, Column]:
        probabilities, actual = self.probabilities[places], self.actual[places]
        # The probabilities of a point are either all known or all missing.
        predicted = ~np.isnan(probabilities[:, 0])
        compared = np.where(predicted, actual, np.nan)
        return {
            "class": self._names(np.where(predicted, probabilities.argmax(axis=-1), np.nan)),
            "actual_class": self._names(actual),
            "probabilities": dict(zip(self.classes.tolist(), probabilities.T, strict=True)),
            "log_loss": known_log_losses(probabilities, compared),
            "class_prior_log_loss": known_log_losses(self.shares[places[1:]], compared),
        }

    def _names(self, codes: Values) -> npt.NDArray[Any]:
        """The names of codes; None for NaN."""
        known = ~np.isnan(codes)
        names = np.full(len(codes), None, object)
        names[known] = self.classes[codes[known].astype(np.int64)]
        return names


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """The forecasts of a backtest, the actual values, and figures of their errors.

    Args:
        points: Forecasts and actual values.
        report: `{origins, refits, in_sample_origins, targets: {target: {..., leads,
            significance}}}` with the figures of a training's report; of values with `season` and
            `ar`, of classes with `frequencies` and `calibration`.
    """

    points: Points
    report: dict[str, Any]


def numbers_per_point(coding: ClassCoding | None) -> int:
    """How many numbers a point stores: four of values; of classes one for each, and the label."""
    return 4 if coding is None else len(coding.names) + 1
