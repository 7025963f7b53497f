"""Classes: the coding of directions or numbered classes, and their probabilities.

The network's outputs for a lead of a target are scores, one for each class, or a single one for
the second of two classes. Probabilities follow by softmax, or by the logistic function.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np

from models.arrays import Values
from models.spec.spec import Spec

BandUnit = Literal["bps", "units"]
BASIS_POINTS = 1e4


@dataclass(frozen=True, slots=True)
class ClassCoding:
    """The classes, and the rule that assigns a value to one of them.

    Args:
        names: The classes' names in the order of their codes from 0.
        direction: Whether they are directions of change; otherwise the target's values are the
            codes.
        band: The largest change that is flat; None without a flat class. An unchanged value
            then does not belong to any class.
        unit: The unit of `band`: basis points of the last value, or the target's unit.
        single: Whether there is one output per lead and target, the score of the second of two
            classes, instead of one for each class.
    """

    names: tuple[str, ...]
    direction: bool
    band: float | None
    unit: BandUnit
    single: bool

    @classmethod
    def of(cls, spec: Spec) -> Self | None:
        """The classes of a resolved spec; None if it predicts values."""
        single = spec.head.activation == "sigmoid"
        if spec.task == "classification":
            names = tuple(str(code) for code in range(spec.classes or 0))
            return cls(names, False, None, "units", single)
        if spec.task == "direction":
            if spec.dead_band is None:
                return cls(("down", "up"), True, None, "units", single)
            band = spec.dead_band
            return cls(("down", "flat", "up"), True, band.size, band.unit, single)
        return None

    @property
    def outputs(self) -> int:
        """Scores per lead and target."""
        return 1 if self.single else len(self.names)

    def encode(self, actual: Values, base: Values) -> Values:
        """The class codes of actual values.

        Args:
            actual: `(..., leads, targets)` in original units.
            base: The last observed values, with a shape that broadcasts against `actual`.

        Returns:
            The shape of `actual`, float64: whole numbers from 0, NaN without a class.
        """
        if not self.direction:
            known = (actual >= 0) & (actual < len(self.names)) & (actual == np.floor(actual))
            return np.where(known, actual, np.nan)
        change = actual - base
        if self.unit == "bps":
            change = BASIS_POINTS * change / np.where(base > 0, base, np.nan)
        if self.band is None:
            return np.where(change == 0, np.nan, np.where(np.isnan(change), np.nan, change > 0))
        side = np.where(np.abs(change) <= self.band, 0.0, np.sign(change))
        return np.where(np.isnan(change), np.nan, side + 1)

    def probabilities(self, scores: Values) -> Values:
        """The probability of every class.

        Args:
            scores: `(..., outputs)` of float64.

        Returns:
            `(..., classes)` of float64; the sum over classes is 1.
        """
        if self.single:
            scores = np.concatenate([np.zeros_like(scores), scores], axis=-1)
        raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
        found: Values = raised / raised.sum(axis=-1, keepdims=True)
        return found

    def to_json(self) -> dict[str, Any]:
        """The coding as JSON values."""
        return {**asdict(self), "names": list(self.names)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The coding that `to_json` stored."""
        return cls(**{**stored, "names": tuple(stored["names"])})
