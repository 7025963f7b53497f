"""Shrinkage: how much of the network's part of each forecast is worth keeping.

A network that has learnt little adds noise to the naive forecast, or to the highway. So each
output is multiplied by the share from 0 (none of it) to 1 (all of it) that is best on rows it
did not learn from.
"""

from collections.abc import Callable, Iterable

import numpy as np

from models.arrays import Floats, Values
from models.features.dataset import Batch

SHARES = np.linspace(0.0, 1.0, 21)


def fit_shares(said: Iterable[tuple[Floats, Batch]], penalty: Callable[[Values], Values]) -> Floats:
    """Find the best share of every output.

    Args:
        said: What the exported network, without a highway, says of the validation batches.
        penalty: Of an error, the larger the worse: the loss by which a share is chosen.

    Returns:
        `(outputs,)` of float32 from 0 to 1; 1 where nothing is known.
    """
    penalties: Values | float = 0.0
    for y, batch in said:
        penalties = penalties + _penalties(y, batch, penalty)
    if np.ndim(penalties) == 0:
        raise ValueError("`said` must not be empty.")
    # The largest share wins a tie, which is all there is where nothing is known.
    best = len(SHARES) - 1 - np.argmin(np.asarray(penalties)[::-1], axis=0)
    shares: Floats = SHARES[best].astype(np.float32)
    return shares


def _penalties(y: Floats, batch: Batch, penalty: Callable[[Values], Values]) -> Values:
    """Sums over a batch, `(shares, outputs)`."""
    outputs = y.shape[-1]
    said, labels, weights = (each.reshape(-1, outputs) for each in (y, batch.labels, batch.weights))
    return np.stack([(penalty(share * said - labels) * weights).sum(axis=0) for share in SHARES])
