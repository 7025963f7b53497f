"""Bundles: packed, unpacked, damaged."""

import zipfile
from io import BytesIO

import pytest

from models.errors import ArtefactError
from models.serving.artefact import FORMAT, Bundle, read_bundle, write_bundle

pytestmark = pytest.mark.unit

BUNDLE = Bundle({"format": FORMAT, "channels": ["a"]}, keras=b"weights", onnx=b"graph")


class TestBundle:
    def test_a_bundle_comes_back_as_it_was(self) -> None:
        assert read_bundle(write_bundle(BUNDLE)) == BUNDLE

    def test_the_same_parts_give_the_same_bytes(self) -> None:
        assert write_bundle(BUNDLE) == write_bundle(BUNDLE)

    def test_not_a_number_is_not_written(self) -> None:
        with pytest.raises(ValueError, match="JSON compliant"):
            write_bundle(Bundle({"format": FORMAT, "loss": float("nan")}, b"", b""))

    @pytest.mark.parametrize("bundle", [b"", b"PK\x03\x04", write_bundle(BUNDLE)[:-30]])
    def test_damaged_bytes_are_refused(self, bundle: bytes) -> None:
        with pytest.raises(ArtefactError, match="damaged"):
            read_bundle(bundle)

    def test_an_unknown_format_is_refused(self) -> None:
        with pytest.raises(ArtefactError, match=rf"must be {FORMAT}\. Received: 99"):
            read_bundle(write_bundle(Bundle({"format": 99}, b"", b"")))

    def test_a_missing_part_is_refused(self) -> None:
        target = BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("manifest.json", "{}")
        with pytest.raises(ArtefactError, match="damaged"):
            read_bundle(target.getvalue())

    def test_a_part_that_unpacks_too_large_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("models.serving.artefact.MEMBER_BYTES_LIMIT", 4)
        with pytest.raises(ArtefactError, match="at most 4 bytes"):
            read_bundle(write_bundle(BUNDLE))
