"""Finalize a trained network: shrink or calibrate it, add the highway, export it as ONNX."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from models.arrays import Floats
from models.evaluation.shrinkage import fit_shares
from models.evaluation.temperature import fit_temperatures
from models.features.dataset import Batch
from models.features.prepare import Prepared
from models.network.builders import add_highway, average_members, scale_outputs
from models.network.export import export_onnx, verify_export
from models.network.losses import outputs_per_label
from models.serving.session import run_batches
from models.spec.spec import Spec
from models.training.fitting import Loader

VERIFIED_ROWS = 256


@dataclass(frozen=True, slots=True)
class FinalNetwork:
    """A network as it will be served.

    Args:
        network: With the highway, the members of an ensemble averaged.
        graph: The same as ONNX.
        report: `export_difference`, the largest difference between the two; `shares` and
            `temperatures` of the outputs, None where they were not fitted.
    """

    network: keras.Model
    graph: bytes
    report: dict[str, Any]


def finalize(network: keras.Model, spec: Spec, prepared: Prepared, loader: Loader) -> FinalNetwork:
    """Average the members, shrink or calibrate, add the highway, export and verify.

    Args:
        network: The trained network; its last layers are changed in place.
        spec: Its resolved spec.
        prepared: What it was trained on.
        loader: The batches of its training.

    Raises:
        TrainingError: If the exported graph does not agree with Keras.
    """
    network = average_members(network, spec.ensemble)
    shares = _shrink(network, spec, loader)
    temperatures = _calibrate(network, spec, prepared, loader)
    laid = prepared.dataset.highway
    if laid is not None:
        network = add_highway(network, laid.highway, outputs_per_label(spec))
    graph = export_onnx(network, spec, laid.highway if laid else None)
    difference = verify_export(network, graph, _verified_inputs(prepared, loader))
    report = {
        "export_difference": difference,
        "shares": shares,
        "temperatures": temperatures,
    }
    return FinalNetwork(network, graph, report)


def _shrink(network: keras.Model, spec: Spec, loader: Loader) -> list[float] | None:
    """Scale the outputs by the shares that are best on validation rows.

    Returns:
        The shares; None without validation rows, or if the spec does not ask for shrinkage.
    """
    if not spec.shrinkage or next(loader.validation_batches(), None) is None:
        return None
    penalty = np.square if spec.loss == "mse" else np.abs
    shares = fit_shares(_validation_outputs(network, spec, loader), penalty)
    scale_outputs(network, shares, spec.ensemble)
    return [round(share, 2) for share in shares.tolist()]


def _calibrate(
    network: keras.Model, spec: Spec, prepared: Prepared, loader: Loader
) -> list[float] | None:
    """Divide class scores by temperatures fitted on validation rows.

    Returns:
        The temperatures; None without validation rows, or if values are predicted.
    """
    coding = prepared.dataset.classes
    if coding is None or next(loader.validation_batches(), None) is None:
        return None
    scores, labels, known = [], [], []
    for y, batch in _validation_outputs(network, spec, loader):
        outputs = batch.labels.shape[-1]
        scores.append(y.reshape(-1, outputs, coding.outputs))
        labels.append(batch.labels.reshape(-1, outputs))
        known.append(batch.weights.reshape(-1, outputs))
    found = fit_temperatures(coding, *(np.concatenate(each) for each in (scores, labels, known)))
    scale_outputs(network, np.repeat(1 / found, coding.outputs).astype(np.float32), spec.ensemble)
    return [round(temperature, 3) for temperature in found.tolist()]


def _validation_outputs(
    network: keras.Model, spec: Spec, loader: Loader
) -> Iterator[tuple[Floats, Batch]]:
    """Outputs of the exported network, without a highway, for every validation batch."""
    graph = export_onnx(network, spec)
    return run_batches(graph, loader.validation_batches(), loader.state_shapes)


def _verified_inputs(prepared: Prepared, loader: Loader) -> list[Floats]:
    """Inputs of a validation batch, or of a training batch without a validation part."""
    batch = next(loader.validation_batches(), None) or next(loader.train_batches(1))
    inputs = [each[:VERIFIED_ROWS] for each in batch.inputs]
    laid = prepared.dataset.highway
    if laid is None:
        return inputs
    # One row of lags for every output: a step of a sequence, or a window.
    rows = np.arange(batch.labels[:VERIFIED_ROWS, ..., 0].size).reshape(
        batch.labels[:VERIFIED_ROWS].shape[:-1]
    )
    return [*inputs, laid.table.inputs(rows % len(prepared.dataset.features))]
