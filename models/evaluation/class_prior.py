"""The coin: what would be said of classes by their frequencies in the training rows alone."""

from typing import Any

import numpy as np

from models.arrays import Values


def coin_shares(manifest: dict[str, Any], name: str) -> Values | None:
    """The frequencies of the classes that a forecaster of classes is compared with.

    Args:
        manifest: The forecaster's.
        name: Of a series. One that the forecaster did not learn from has the mean frequencies
            of those that it did.

    Returns:
        `(leads, targets, classes)`, each row with the sum 1; None where values are predicted.
    """
    coding = manifest["targets"]["classes"]
    if coding is None:
        return None
    baselines = manifest["baselines"]
    if len(manifest["panel"]) > 1:
        several = [baselines[name]] if name in baselines else list(baselines.values())
    else:
        several = [baselines]
    found: Values = np.mean(
        [_shares(manifest["targets"]["names"], coding["names"], each) for each in several], axis=0
    )
    return found


def _shares(targets: list[str], classes: list[str], baselines: dict[str, Any]) -> Values:
    rows = [
        [[lead[name] for name in classes] for lead in baselines["frequencies"][target]]
        for target in targets
    ]
    return np.array(rows, float).swapaxes(0, 1)
