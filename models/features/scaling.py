"""Scaling: inputs to zero mean and unit variance, targets to changes of unit size."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from models.arrays import Values

Transform = Literal["none", "delta", "log_return"]

# Larger scaled inputs are outliers or sensor errors: they are clipped, so that one value cannot
# saturate a recurrent state for many steps.
CLIP = 10.0


@dataclass(frozen=True, slots=True)
class Standardizer:
    """Scales columns by the mean and standard deviation of the training rows.

    Args:
        mean: `(columns,)`, in the columns' units.
        scale: `(columns,)`, in the columns' units, all positive.
    """

    mean: Values
    scale: Values

    @classmethod
    def fit(cls, columns: Values) -> Self:
        """Learn mean and standard deviation; missing values are skipped.

        Args:
            columns: `(rows, columns)` of training rows; NaN is missing.

        Returns:
            A standardizer; a constant or empty column has the scale 1.
        """
        return cls.fit_pieces(lambda: [columns])

    @classmethod
    def fit_pieces(cls, read: Callable[[], Iterable[Values]]) -> Self:
        """`fit` on training rows that are read in pieces.

        Args:
            read: Returns the pieces in order. It is called twice: for the mean, and for the
                deviations from it.
        """
        count, total = _sums(read())
        mean = total / count
        count, total = _sums((piece - mean) ** 2 for piece in read())
        spread = np.sqrt(total / count)
        return cls(mean, np.where(spread > 1e-9 * (1 + np.abs(mean)), spread, 1.0))

    @classmethod
    def identity(cls, columns: int) -> Self:
        """A standardizer that leaves `columns` columns as they are."""
        return cls(np.zeros(columns), np.ones(columns))

    def apply(self, columns: Values) -> Values:
        """Scale columns; a missing value becomes the training mean, that is 0.

        Args:
            columns: `(rows, columns)`; NaN is missing.

        Returns:
            `(rows, columns)` within -10 and 10, without NaN.
        """
        scaled = (columns - self.mean) / self.scale
        return np.clip(np.nan_to_num(scaled, nan=0.0), -CLIP, CLIP)

    def to_json(self) -> dict[str, Any]:
        """Mean and scale as JSON values."""
        return {"mean": self.mean.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The standardizer that `to_json` stored."""
        return cls(np.array(stored["mean"], float), np.array(stored["scale"], float))


@dataclass(frozen=True, slots=True)
class TargetScaling:
    """Converts targets to the network's outputs: changes from the last value, scaled per lead.

    With `delta` the network predicts `(y[t+h] - y[t]) / scale[h]`, with `log_return`
    `log(y[t+h] / y[t]) / scale[h]`, with `none` `(y[t+h] - mean) / scale`. An output of
    zero is therefore the naive forecast (or, with `none`, the training mean).

    Args:
        transform: `none`, `delta` or `log_return`.
        leads: `(leads,)`, steps ahead, increasing.
        mean: `(targets,)`, 0 unless the transform is `none`.
        scale: `(leads, targets)`, all positive.
    """

    transform: Transform
    leads: npt.NDArray[np.int64]
    mean: Values
    scale: Values

    @classmethod
    def fit(
        cls, transform: Transform, leads: Sequence[int], rows: Values, *, scaled: bool = True
    ) -> Self:
        """Learn means and scales from training rows.

        Args:
            transform: `none`, `delta` or `log_return`.
            leads: Steps ahead, increasing.
            rows: `(rows, targets)` of training rows in original units; NaN is missing.
            scaled: False keeps changes in the target's units.
        """
        steps = np.array(leads, np.int64)
        targets = rows.shape[1]
        blank = cls(transform, steps, np.zeros(targets), np.ones((len(steps), targets)))
        if not scaled:
            return blank
        if transform == "none":
            levels = Standardizer.fit(rows)
            return cls(transform, steps, levels.mean, np.tile(levels.scale, (len(steps), 1)))
        # One lead of one target at a time: all changes together need many times its memory.
        single = replace(blank, mean=blank.mean[:1], scale=blank.scale[:1, :1])
        scale = [
            [
                _spread(single.encode(column[lead:], column[: max(0, len(column) - lead)], 0))
                for column in rows.T
            ]
            for lead in leads
        ]
        return cls(transform, steps, blank.mean, np.array(scale))

    def encode(self, actual: Values, base: Values, lead: int | slice = slice(None)) -> Values:
        """Convert actual values to labels for the network's outputs.

        Args:
            actual: `(..., leads, targets)` in original units, or `(..., targets)` for one lead.
            base: The last observed values, with a shape that broadcasts against `actual`.
            lead: Position of the lead, for one lead.

        Returns:
            The shape of `actual`; NaN where a needed value is missing.
        """
        scale = self.scale[lead]
        if self.transform == "none":
            return (actual - self.mean) / scale
        if self.transform == "delta":
            return (actual - base) / scale
        return (positive_log(actual) - positive_log(base)) / scale

    def decode(self, outputs: Values, base: Values) -> Values:
        """Convert network outputs to values in original units.

        Args:
            outputs: `(..., leads, targets)`.
            base: `(..., targets)`, the last observed values.

        Returns:
            `(..., leads, targets)` in original units.
        """
        change = outputs * self.scale
        if self.transform == "none":
            return change + self.mean
        anchor = base[..., np.newaxis, :]
        return anchor + change if self.transform == "delta" else anchor * np.exp(change)

    def to_json(self) -> dict[str, Any]:
        """Transform, leads, means and scales as JSON values."""
        return {
            "transform": self.transform,
            "leads": self.leads.tolist(),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The scaling that `to_json` stored."""
        return cls(
            stored["transform"],
            np.array(stored["leads"], np.int64),
            np.array(stored["mean"], float),
            np.array(stored["scale"], float),
        )


def positive_log(values: Values) -> Values:
    """The natural logarithm; NaN for values of 0 and below."""
    return np.log(np.where(values > 0, values, np.nan))


def _sums(pieces: Iterable[Values]) -> tuple[Values, Values]:
    """The number of values in each column, at least 1, and their sums, added row by row."""
    count: Values | int = 0
    total: Values | float = 0.0
    for piece in pieces:
        present = np.isfinite(piece)
        count = count + present.sum(axis=0)
        known = np.where(present, piece, 0.0)
        # Added to the first row, so that the sum does not depend on the size of pieces.
        known[:1] += total
        total = known.sum(axis=0)
    return np.maximum(count, 1), np.asarray(total)


def _spread(changes: Values) -> float:
    """Root mean square of the finite changes; 1 if there are none."""
    present = np.isfinite(changes)
    squares = np.where(present, changes, 0.0) ** 2
    spread = float(np.sqrt(squares.sum() / max(int(present.sum()), 1)))
    return spread if spread > 0 else 1.0
