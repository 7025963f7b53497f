"""A trained forecaster with everything that is known about its training."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained forecaster and everything there is to know about how it came about.

    Args:
        bundle: Manifest, Keras model and ONNX graph in one zip.
        manifest: What serving needs, with the fields below.
        spec: The spec with every default filled in.
        data: Rows, span, splits, left-out channels and the SHA-256 of the series' values and of
            the training arrays; of a panel also what there is of each series, as `series`.
        network: Layers and parameters.
        metrics: Per part of the split, target and lead, in original units; of a panel the means
            over its series.
        metrics_by_series: The same of each series by its name.
        diagnostics: What else is known of its quality: `baselines` (season, AR orders) and
            `residuals` (of validation and test), of a panel by series, and `audit` (of leakage).
        history: One `{epoch, loss, val_loss, seconds}` per epoch.
        training: Seconds, epochs, device and kind of machine, the kernel of every recurrent
            layer, library versions, seed and the SHA-256 of the weights; and as `start` what
            `WarmStart.give` said, if there was one.
    """

    bundle: bytes
    manifest: dict[str, Any]
    spec: dict[str, Any]
    data: dict[str, Any]
    network: dict[str, Any]
    metrics: dict[str, Any]
    metrics_by_series: dict[str, dict[str, Any]]
    diagnostics: dict[str, Any]
    history: list[dict[str, Any]]
    training: dict[str, Any]
