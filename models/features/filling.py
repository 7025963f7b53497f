"""Forward filling of missing values."""

import numpy as np

from models.arrays import Values


def last_observed(values: Values) -> Values:
    """Carry every column's last value forward over missing ones.

    Args:
        values: `(rows, targets)`; NaN is missing.

    Returns:
        `(rows, targets)`; NaN only before a column's first value.
    """
    rows = np.arange(len(values))[:, np.newaxis]
    seen = np.where(np.isnan(values), -1, rows)
    np.maximum.accumulate(seen, axis=0, out=seen)
    before_any = seen < 0
    np.maximum(seen, 0, out=seen)
    carried = np.take_along_axis(values, seen, axis=0)
    carried[before_any] = np.nan
    return carried
