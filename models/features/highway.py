"""The autoregressive highway: a linear map from the last values of each target to its leads.

A recurrent network alone loses to linear autoregression on strongly periodic series. The idea
of a linear path beside the network is that of LSTNet (Lai et al. 2018, arXiv 1703.07015); that
values enter less the last one is that of NLinear (Zeng et al. 2023, arXiv 2205.13504).
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.arrays import Floats, Values
from models.features.scaling import TargetScaling, Transform, positive_log


@dataclass(frozen=True, slots=True)
class LagReader:
    """What the highway reads of a target's past, in units that suit it.

    With `delta` and `log_return` a lag is the change from the last value back to an earlier
    one; with `none` it is the scaled value itself, the last one included. The unit of a lag is
    that of the farthest lead, so that the same weights suit series of any scale.

    Args:
        transform: The targets' transform.
        lags: How many values of each target are read.
        mean: `(targets,)`, taken off the values; it matters with `none` alone.
        scale: `(targets,)`, the unit of a lag, all positive.
    """

    transform: Transform
    lags: int
    mean: Values
    scale: Values

    @classmethod
    def of(cls, scaling: TargetScaling, lags: int) -> Self:
        """The reader of a series whose targets are scaled like this."""
        return cls(scaling.transform, lags, scaling.mean, scaling.scale[-1])

    def windows(self, filled: Values) -> Values:
        """The values that each row's lags are made of, as a view.

        Args:
            filled: `(lags + rows, targets)` in original units, gaps filled; NaN before a
                target's first value.

        Returns:
            `(rows, targets, lags + 1)` in the lags' unit, in the order of time.
        """
        return sliding_window_view(self.scaled(filled), self.lags + 1, axis=0)

    def scaled(self, filled: Values) -> Values:
        """Values, or their logarithms, in the lags' unit; the shape of `filled`."""
        levels = positive_log(filled) if self.transform == "log_return" else filled
        return (levels - self.mean) / self.scale

    def inputs(self, windows: Values) -> Floats:
        """Lags of rows.

        Args:
            windows: `(..., targets, lags + 1)`, some of what `windows` returned.

        Returns:
            `(..., targets, lags)` of float32, the latest lag first; 0 where a value that is
            needed lies before the target's first one.
        """
        latest_first = windows[..., ::-1]
        if self.transform == "none":
            lags: Floats = latest_first[..., :-1].astype(np.float32)
        else:
            lags = np.empty((*windows.shape[:-1], self.lags), np.float32)
            # Subtracted as float64 and stored as float32, without a copy between.
            earlier, last = latest_first[..., 1:], latest_first[..., :1]
            np.subtract(earlier, last, out=lags, casting="same_kind")
        # Gaps are filled, so a value is missing only if the oldest one is.
        if np.isnan(windows[..., 0]).any():
            np.nan_to_num(lags, copy=False)
        return lags

    def to_json(self) -> dict[str, Any]:
        """The reader as plain values."""
        return {
            "transform": self.transform,
            "lags": self.lags,
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The reader that `to_json` described."""
        return cls(
            stored["transform"],
            stored["lags"],
            np.array(stored["mean"], float),
            np.array(stored["scale"], float),
        )


@dataclass(frozen=True, slots=True)
class Highway:
    """Lags and the linear map from them to the network's outputs.

    Args:
        reader: Where the lags come from.
        shared: Whether all targets have the same weights.
        weights: `(targets, lags, leads)` of float32.
    """

    reader: LagReader
    shared: bool
    weights: Floats

    def outputs(self, lags: Floats) -> Floats:
        """What the map adds to the network's outputs.

        Args:
            lags: `(rows, targets, lags)`.

        Returns:
            `(rows, leads * targets)` of float32.
        """
        # One product per target: a single einsum would not use the fast routine.
        products: Floats = np.matmul(lags.transpose(1, 0, 2), self.weights)
        return products.transpose(1, 2, 0).reshape(len(lags), -1)
