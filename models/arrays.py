"""Type names for the arrays that this library works on."""

import numpy as np
import numpy.typing as npt

# UTC times, usually `datetime64[us]`.
Times = npt.NDArray[np.datetime64]
# Observed or predicted values; NaN is a missing value.
Values = npt.NDArray[np.float64]
# Positions of rows in a series or data set, counted from 0.
RowIndices = npt.NDArray[np.int64]
# The network's inputs, outputs and states.
Floats = npt.NDArray[np.float32]
