"""Finishing: from a trained network to the one that is served, as an ONNX graph."""

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
from models.training.fitting import Feed

VERIFIED_ROWS = 256


@dataclass(frozen=True, slots=True)
class Finished:
    """A network as it will be served.

    Args:
        network: With the highway, the members of an ensemble averaged.
        graph: The same as ONNX.
        report: `export_difference`, the largest difference between the two; `shares` and
            `temperatures` of the outputs, None where there are none.
    """

    network: keras.Model
    graph: bytes
    report: dict[str, Any]


def finish(network: keras.Model, spec: Spec, prepared: Prepared, feed: Feed) -> Finished:
    """Average, shrink or calibrate on validation, add the highway, export and compare.

    Args:
        network: The trained network; its last layers are changed in place.
        spec: Its resolved spec.
        prepared: What it was trained on.
        feed: The batches of its training.

    Raises:
        TrainingError: If the exported graph does not agree with Keras.
    """
    network = average_members(network, spec.ensemble)
    shares = _shrink(network, spec, feed)
    temperatures = _calibrate(network, spec, prepared, feed)
    laid = prepared.dataset.highway
    if laid is not None:
        network = add_highway(network, laid.highway, outputs_per_label(spec))
    graph = export_onnx(network, spec, laid.highway if laid else None)
    difference = verify_export(network, graph, _verified_inputs(prepared, feed))
    report = {
        "export_difference": difference,
        "shares": shares,
        "temperatures": temperatures,
    }
    return Finished(network, graph, report)


def _shrink(network: keras.Model, spec: Spec, feed: Feed) -> list[float] | None:
    """Scale the network's outputs by what is best on validation; None if that is not wanted."""
    if not spec.shrinkage or next(feed.validation_batches(), None) is None:
        return None
    penalty = np.square if spec.loss == "mse" else np.abs
    shares = fit_shares(_said_of_validation(network, spec, feed), penalty)
    scale_outputs(network, shares, spec.ensemble)
    return [round(share, 2) for share in shares.tolist()]


def _calibrate(
    network: keras.Model, spec: Spec, prepared: Prepared, feed: Feed
) -> list[float] | None:
    """Divide scores of classes by temperatures fitted on validation; None if that cannot be."""
    coding = prepared.dataset.classes
    if coding is None or next(feed.validation_batches(), None) is None:
        return None
    said, labels, known = [], [], []
    for y, batch in _said_of_validation(network, spec, feed):
        outputs = batch.labels.shape[-1]
        said.append(y.reshape(-1, outputs, coding.outputs))
        labels.append(batch.labels.reshape(-1, outputs))
        known.append(batch.weights.reshape(-1, outputs))
    found = fit_temperatures(coding, *(np.concatenate(each) for each in (said, labels, known)))
    scale_outputs(network, np.repeat(1 / found, coding.outputs).astype(np.float32), spec.ensemble)
    return [round(temperature, 3) for temperature in found.tolist()]


def _said_of_validation(
    network: keras.Model, spec: Spec, feed: Feed
) -> Iterator[tuple[Floats, Batch]]:
    graph = export_onnx(network, spec)
    return run_batches(graph, feed.validation_batches(), feed.state_shapes)


def _verified_inputs(prepared: Prepared, feed: Feed) -> list[Floats]:
    """Inputs that training never learnt from, or its own if nothing was held out."""
    batch = next(feed.validation_batches(), None) or next(feed.train_batches(1))
    inputs = [each[:VERIFIED_ROWS] for each in batch.inputs]
    laid = prepared.dataset.highway
    if laid is None:
        return inputs
    # One row of lags for every output: a step of a sequence, or a window.
    rows = np.arange(batch.labels[:VERIFIED_ROWS, ..., 0].size).reshape(
        batch.labels[:VERIFIED_ROWS].shape[:-1]
    )
    return [*inputs, laid.table.inputs(rows % len(prepared.dataset.features))]
