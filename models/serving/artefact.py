"""Bundles: a trained forecaster as one zip file with manifest, Keras model and ONNX graph."""

import json
import zipfile
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from models.errors import ArtefactError

FORMAT = 4
MANIFEST, KERAS, ONNX = "manifest.json", "model.keras", "model.onnx"
# Networks with the largest allowed layers stay far below this; a zip bomb does not.
MEMBER_BYTES_LIMIT = 512 * 1024 * 1024
# All members have the same date, so that equal contents give equal bytes.
MEMBER_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A trained forecaster as it is stored.

    Args:
        manifest: Everything but the network, as JSON values: spec, grid, scales, features,
            splits, metrics and intervals. `manifest["format"]` is `FORMAT`.
        keras: The Keras model, a `.keras` file; empty bytes if there is none.
        onnx: The ONNX graph that ONNX Runtime serves.

    Example:
        >>> bundle = Bundle({"format": FORMAT, "least_rows": 3}, keras=b"", onnx=b"graph")
        >>> content = write_bundle(bundle)
        >>> read_bundle(content) == bundle
        True

        Equal bundles are equal bytes.

        >>> write_bundle(read_bundle(content)) == content
        True
        >>> read_bundle(b"not a zip file")
        Traceback (most recent call last):
        models.errors.ArtefactError: The bundle is damaged: File is not a zip file
    """

    manifest: dict[str, Any]
    keras: bytes
    onnx: bytes


def write_bundle(bundle: Bundle) -> bytes:
    """Pack a bundle as a zip file; equal bundles always give equal bytes."""
    manifest = json.dumps(bundle.manifest, allow_nan=False, indent=1).encode()
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ((MANIFEST, manifest), (KERAS, bundle.keras), (ONNX, bundle.onnx)):
            member = zipfile.ZipInfo(name, MEMBER_DATE)
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def read_bundle(content: bytes) -> Bundle:
    """Unpack the zip file that `write_bundle` made.

    Raises:
        ArtefactError: If it is damaged, too large or of an unknown format.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            manifest = json.loads(_member(archive, MANIFEST))
            bundle = Bundle(manifest, _member(archive, KERAS), _member(archive, ONNX))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ArtefactError(f"The bundle is damaged: {error}") from error
    if manifest.get("format") != FORMAT:
        raise ArtefactError(
            f"The bundle's format must be {FORMAT}. Received: {manifest.get('format')}"
        )
    return bundle


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    size = archive.getinfo(name).file_size
    if size > MEMBER_BYTES_LIMIT:
        raise ArtefactError(
            f"`{name}` must have at most {MEMBER_BYTES_LIMIT} bytes. Received: {size}"
        )
    return archive.read(name)
