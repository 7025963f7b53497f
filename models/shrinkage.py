"""Shrinkage: how much of the network's part of each forecast is worth keeping.

A network that has learnt little adds noise to the naive forecast, or to the highway. So each
output is multiplied by the share from 0 (none of it) to 1 (all of it) that is best on rows it
did not learn from.
"""

from collections.abc import Callable, Iterator

import numpy as np

from models.dataset import Batch
from models.runtime_session import open_session, run_session
from models.scaling import Floats
from models.series import Values

SHARES = np.linspace(0.0, 1.0, 21)


def fit_shares(
    graph: bytes,
    batches: Iterator[Batch],
    state_shapes: list[tuple[str, int]],
    penalty: Callable[[Values], Values],
) -> Floats:
    """Find the best share of every output.

    Args:
        graph: The exported network, without a highway.
        batches: The validation batches in order; the state is carried through them.
        state_shapes: Name and units of each recurrent state.
        penalty: Of an error, the larger the worse: the loss by which a share is chosen.

    Returns:
        `(outputs,)` of float32 from 0 to 1; 1 where nothing is known.
    """
    session = open_session(graph)
    penalties: Values | float = 0.0
    states: list[Floats] | None = None
    for batch in batches:
        if states is None:
            states = [
                np.zeros((len(batch.features), units), np.float32) for _, units in state_shapes
            ]
        y, *states = run_session(session, [*batch.inputs, *states])
        penalties = penalties + _penalties(y, batch, penalty)
    if np.ndim(penalties) == 0:
        raise ValueError("`batches` must not be empty.")
    # The largest share wins a tie, which is all there is where nothing is known.
    best = len(SHARES) - 1 - np.argmin(np.asarray(penalties)[::-1], axis=0)
    shares: Floats = SHARES[best].astype(np.float32)
    return shares


def _penalties(y: Floats, batch: Batch, penalty: Callable[[Values], Values]) -> Values:
    """Sums over a batch, `(shares, outputs)`."""
    outputs = y.shape[-1]
    said, labels, weights = (each.reshape(-1, outputs) for each in (y, batch.labels, batch.weights))
    return np.stack([(penalty(share * said - labels) * weights).sum(axis=0) for share in SHARES])
