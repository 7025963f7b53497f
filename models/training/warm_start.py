"""Warm starts: begin a training with the weights of an earlier forecaster."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import numpy.typing as npt

from models.evaluation.panel_report import data_of
from models.features.prepare import PreparedSeries
from models.series import iso
from models.serving.artefact import Bundle, read_bundle
from models.training.hashing import read_weights, weights_sha256

LayerWeights = dict[str, list[npt.NDArray[Any]]]


@dataclass(frozen=True, slots=True)
class WarmStart:
    """An earlier forecaster whose weights a training begins with.

    Args:
        artefact: The parts of its bundle.
        sha256: SHA-256 of its weights, which identifies what a training was started from.
    """

    artefact: Bundle
    sha256: str

    @classmethod
    def of(cls, bundle: bytes) -> Self:
        """The forecaster in a bundle.

        Raises:
            ArtefactError: If the bundle is damaged or has an unknown format.
        """
        artefact = read_bundle(bundle)
        return cls(artefact, weights_sha256(read_weights(artefact.keras)))

    def apply(self, network: keras.Model, series: Sequence[PreparedSeries]) -> dict[str, Any]:
        """Set the weights of a new network, if they fit and may be used.

        All of its layers get them, or none does. The highway is not included: it is fitted again.

        Args:
            network: What `build_network` returned; changed in place.
            series: What it is going to learn from. Weights that were trained on rows of their
                test parts are refused, because the test errors would be too small.

        Returns:
            `weights_sha256`; `taken`, whether the weights were set; and `reason`, a sentence that
            says why they were not, else None.
        """
        weights = _weights_by_layer(self.artefact.keras)
        refusals = chain(
            (seen for each in series if (seen := self._has_seen(each)) is not None),
            _misfits(network, weights),
        )
        reason = next(refusals, None)
        if reason is None:
            for layer in _learning(network):
                layer.set_weights(weights[layer.name])
        return {"weights_sha256": self.sha256, "taken": reason is None, "reason": reason}

    def _has_seen(self, series: PreparedSeries) -> str | None:
        if series.track.test >= len(series.times):
            return None
        splits = data_of(self.artefact.manifest["data"], series.fit.name)["splits"]
        learnt_until = splits["validation"]["last"] or splits["train"]["last"]
        test = iso(series.times[series.track.test])
        if np.datetime64(learnt_until.removesuffix("Z")) < series.times[series.track.test]:
            return None
        return (
            f"The earlier forecaster learnt from {series.fit.name} up to {learnt_until}, and the "
            f"test part now begins at {test}."
        )


def _misfits(network: keras.Model, weights: LayerWeights) -> Iterator[str]:
    for layer in _learning(network):
        there = [weight.shape for weight in weights.get(layer.name, [])]
        here = [weight.shape for weight in layer.get_weights()]
        if there != here:
            yield (
                f"The layer `{layer.name}` now has weights of the shapes {here}; in the earlier "
                f"forecaster it had {there or 'none'}."
            )


def _learning(network: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in network.layers if layer.get_weights()]


def _weights_by_layer(keras_file: bytes) -> LayerWeights:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(keras_file)
        network = keras.models.load_model(path, compile=False)
    return {layer.name: layer.get_weights() for layer in network.layers}
