"""Shrinkage: scale down the network's contribution to each forecast where it adds noise.

A network that has learnt little adds noise to the naive forecast, or to the highway. So each
output is multiplied by the share from 0 to 1 that has the smallest loss on validation rows.
"""

from collections.abc import Callable, Iterable

import numpy as np

from models.arrays import Floats, Values
from models.features.dataset import Batch

SHARES = np.linspace(0.0, 1.0, 21)


def fit_shares(
    predicted: Iterable[tuple[Floats, Batch]], penalty: Callable[[Values], Values]
) -> Floats:
    """Find the best share of every output.

    Args:
        predicted: Outputs of the exported network without its highway, `(..., outputs)`, for each
            validation batch.
        penalty: From errors to losses of the same shape; the share with the smallest sum wins.

    Returns:
        `(outputs,)` of float32 from 0 to 1; 1 where no label is known.

    Raises:
        ValueError: If there is not a single batch.
    """
    penalties: Values | float = 0.0
    for y, batch in predicted:
        penalties = penalties + _penalties(y, batch, penalty)
    if np.ndim(penalties) == 0:
        raise ValueError("`predicted` must hold at least one batch. Received: none")
    # The largest share wins a tie: where no label is known, all shares tie and 1 is chosen.
    best = len(SHARES) - 1 - np.argmin(np.asarray(penalties)[::-1], axis=0)
    shares: Floats = SHARES[best].astype(np.float32)
    return shares


def _penalties(y: Floats, batch: Batch, penalty: Callable[[Values], Values]) -> Values:
    """Sums over a batch, `(shares, outputs)`."""
    outputs = y.shape[-1]
    outputs_flat, labels, weights = (
        each.reshape(-1, outputs) for each in (y, batch.labels, batch.weights)
    )
    return np.stack(
        [(penalty(share * outputs_flat - labels) * weights).sum(axis=0) for share in SHARES]
    )
