"""The result of a training: the forecaster's bundle and its report."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained forecaster and the report of its training.

    Args:
        bundle: Manifest, Keras model and ONNX graph in one zip.
        manifest: What serving needs, with the fields below.
        spec: The spec with every default filled in.
        data: Rows, span, splits, left-out channels and the SHA-256 of the series' values and of
            the training arrays; of a panel also rows, span and splits of each series, as `series`.
        network: Layers and parameters.
        metrics: Per part of the split, target and lead, in original units; of a panel the means
            over its series.
        metrics_by_series: The same of each series by its name.
        diagnostics: `baselines` (season, AR orders), `residuals` (of validation and test) and
            `calibration` (of classes), of a panel by series, and `audit` (of leakage).
        history: One `{epoch, loss, val_loss, seconds}` for each epoch.
        training: Seconds, epochs, device and kind of machine, the kernel of every recurrent
            layer, library versions, seed and the SHA-256 of the weights; `start` is the result of
            `WarmStart.apply`, None without a warm start.
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
