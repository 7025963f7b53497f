"""SHA-256 of weights and of training arrays, and reading weights from a `.keras` file."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from models.features.dataset import Dataset

Weights = dict[str, npt.NDArray[Any]]

WEIGHTS_FILE = "model.weights.h5"


def arrays_sha256(dataset: Dataset) -> str:
    """SHA-256 of what the network sees: features, and the values that labels are made from.

    Args:
        dataset: Hashed are `features` `(rows, features)` of float32, `actual` and `base`
            `(rows, targets)` of float64, and the rows at which the parts of its tracks begin; of
            a panel also the series of each track, and the scaling of each series.
    """
    tracks = [[track.train, track.validation, track.test, track.end] for track in dataset.tracks]
    arrays: Weights = {
        "features": dataset.features,
        "actual": dataset.actual,
        "base": dataset.base,
        "tracks": np.array(tracks, np.int64),
    }
    if dataset.panel:
        arrays["series"] = np.array([track.series for track in dataset.tracks], np.int64)
        arrays["means"] = np.stack([scaling.mean for scaling in dataset.panel])
        arrays["scales"] = np.stack([scaling.scale for scaling in dataset.panel])
    return _sha256(arrays)


def read_weights(keras_file: bytes) -> Weights:
    """The weights in a `.keras` file by their path in it; it has no seeds of random masks."""
    weights: Weights = {}

    def keep(path: str, entry: Any) -> None:
        if isinstance(entry, h5py.Dataset):
            weights[path] = entry[()]

    with zipfile.ZipFile(io.BytesIO(keras_file)) as archive:
        stored = archive.read(WEIGHTS_FILE)
    with h5py.File(io.BytesIO(stored)) as file:
        file.visititems(keep)
    return weights


def weights_sha256(weights: Weights) -> str:
    """SHA-256 over names, dtypes, shapes and little-endian bytes, in the order of names."""
    return _sha256(weights)


def _sha256(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(little.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
