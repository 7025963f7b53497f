"""The class prior: the frequencies of the classes in the training rows, as a forecast."""

from typing import Any

import numpy as np

from models.arrays import Values


def class_prior_shares(manifest: dict[str, Any], name: str) -> Values | None:
    """The class frequencies that a forecaster of classes is compared with.

    Args:
        manifest: The forecaster's manifest.
        name: Name of a series. For one that the forecaster did not learn from these are the
            mean frequencies of the series that it learnt from.

    Returns:
        `(leads, targets, classes)` of float64 that sum to 1 over the classes; None where values
        are predicted.
    """
    coding = manifest["targets"]["classes"]
    if coding is None:
        return None
    baselines = manifest["baselines"]
    if len(manifest["panel"]) > 1:
        several = [baselines[name]] if name in baselines else list(baselines.values())
    else:
        several = [baselines]
    targets, classes = manifest["targets"]["names"], coding["names"]
    found: Values = np.mean([_shares(targets, classes, each) for each in several], axis=0)
    return found


def _shares(targets: list[str], classes: list[str], baselines: dict[str, Any]) -> Values:
    rows = [
        [[lead[name] for name in classes] for lead in baselines["frequencies"][target]]
        for target in targets
    ]
    return np.array(rows, float).swapaxes(0, 1)
