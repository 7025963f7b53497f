"""Artefacts: a trained forecaster as one zip of manifest, Keras model and ONNX graph."""

import json
import zipfile
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from models.errors import ArtefactError

FORMAT = 4
MANIFEST, KERAS, ONNX = "manifest.json", "model.keras", "model.onnx"
# A network of the largest allowed layers stays far below; a zip bomb does not.
MEMBER_BYTES_LIMIT = 512 * 1024 * 1024
# Members carry no time of their own, so that equal contents are equal bytes.
MEMBER_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Bundle:
    """The parts of a bundle."""

    manifest: dict[str, Any]
    keras: bytes
    onnx: bytes


def write_bundle(artefact: Bundle) -> bytes:
    """Pack an artefact; the same parts always give the same bytes."""
    manifest = json.dumps(artefact.manifest, allow_nan=False, indent=1).encode()
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ((MANIFEST, manifest), (KERAS, artefact.keras), (ONNX, artefact.onnx)):
            member = zipfile.ZipInfo(name, MEMBER_DATE)
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def read_bundle(bundle: bytes) -> Bundle:
    """Unpack a bundle.

    Raises:
        ArtefactError: If it is damaged, too large or of an unknown format.
    """
    try:
        with zipfile.ZipFile(BytesIO(bundle)) as archive:
            manifest = json.loads(_member(archive, MANIFEST))
            artefact = Bundle(manifest, _member(archive, KERAS), _member(archive, ONNX))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ArtefactError(f"The bundle is damaged: {error}") from error
    if manifest.get("format") != FORMAT:
        raise ArtefactError(
            f"The bundle's format must be {FORMAT}. Received: {manifest.get('format')}"
        )
    return artefact


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    size = archive.getinfo(name).file_size
    if size > MEMBER_BYTES_LIMIT:
        raise ArtefactError(
            f"`{name}` must have at most {MEMBER_BYTES_LIMIT} bytes. Received: {size}"
        )
    return archive.read(name)
