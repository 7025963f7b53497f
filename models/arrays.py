"""Names for the arrays that everything here is made of."""

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.datetime64]


Values = npt.NDArray[np.float64]


RowIndices = npt.NDArray[np.int64]


Floats = npt.NDArray[np.float32]
