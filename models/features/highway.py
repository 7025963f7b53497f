"""The autoregressive highway: a linear map from the last values of each target to its leads.

A recurrent network alone is less accurate than linear autoregression on strongly periodic
series. Adding a linear path to the network follows LSTNet (Lai et al. 2018, arXiv 1703.07015);
subtracting the last value from the inputs follows NLinear (Zeng et al. 2023, arXiv 2205.13504).
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.arrays import Floats, Values
from models.features.scaling import TargetScaling, Transform, positive_log


@dataclass(frozen=True, slots=True)
class LagReader:
    """Reads the highway's inputs, the lags, from a target's past values.

    With `delta` and `log_return` a lag is an earlier value minus the last one; with `none` it is
    the scaled value, the last one included. Lags have the unit of the farthest lead, so that the
    same weights suit series of any scale.

    Args:
        transform: The targets' transform.
        lags: Number of lags of each target.
        mean: `(targets,)`, subtracted from the values; it has an effect only with `none`.
        scale: `(targets,)`, the unit of a lag, all positive.
    """

    transform: Transform
    lags: int
    mean: Values
    scale: Values

    @classmethod
    def of(cls, scaling: TargetScaling, lags: int) -> Self:
        """The reader of a series with this target scaling."""
        return cls(scaling.transform, lags, scaling.mean, scaling.scale[-1])

    def windows(self, filled: Values) -> Values:
        """The values from which each row's lags are computed, as a view.

        Args:
            filled: `(lags + rows, targets)` in original units, gaps filled; NaN before a
                target's first value.

        Returns:
            `(rows, targets, lags + 1)` in the lags' unit, in time order.
        """
        return sliding_window_view(self.scaled(filled), self.lags + 1, axis=0)

    def scaled(self, filled: Values) -> Values:
        """Values, or their logarithms, in the lags' unit; the shape of `filled`."""
        levels = positive_log(filled) if self.transform == "log_return" else filled
        return (levels - self.mean) / self.scale

    def inputs(self, windows: Values) -> Floats:
        """Lags of rows.

        Args:
            windows: `(..., targets, lags + 1)`, rows of what `windows` returned.

        Returns:
            `(..., targets, lags)` of float32, the latest lag first; 0 where a needed value lies
            before the target's first one.
        """
        latest_first = windows[..., ::-1]
        if self.transform == "none":
            lags: Floats = latest_first[..., :-1].astype(np.float32)
        else:
            lags = np.empty((*windows.shape[:-1], self.lags), np.float32)
            # Subtracts in float64 and stores float32, without an intermediate copy.
            earlier, last = latest_first[..., 1:], latest_first[..., :1]
            np.subtract(earlier, last, out=lags, casting="same_kind")
        # Gaps are filled, so a value is missing only if the oldest one is.
        if np.isnan(windows[..., 0]).any():
            np.nan_to_num(lags, copy=False)
        return lags

    def to_json(self) -> dict[str, Any]:
        """The reader as JSON values."""
        return {
            "transform": self.transform,
            "lags": self.lags,
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The reader that `to_json` stored."""
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
        reader: Computes the lags.
        shared: Whether all targets have the same weights.
        weights: `(targets, lags, leads)` of float32.
    """

    reader: LagReader
    shared: bool
    weights: Floats

    def outputs(self, lags: Floats) -> Floats:
        """The highway's part of the forecast, which is added to the network's outputs.

        Args:
            lags: `(rows, targets, lags)`.

        Returns:
            `(rows, leads * targets)` of float32.
        """
        # One product per target: a single einsum would not call the fast BLAS routine.
        products: Floats = np.matmul(lags.transpose(1, 0, 2), self.weights)
        return products.transpose(1, 2, 0).reshape(len(lags), -1)
