"""The same training again: the same weights, or sentences that say what differs."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.features.dataset import Dataset, Track
from models.features.scaling import TargetScaling
from models.serving.artefact import read_bundle, write_bundle
from models.spec.spec import Spec
from models.training.hashing import arrays_sha256, read_weights, weights_sha256
from models.training.reproducibility import UNEXPLAINED, Record, compare
from models.training.train import train
from models.training.trained import Trained
from tests.conftest import ROOT
from tests.models.conftest import make_wave

# A fresh process compiles with XLA.
pytestmark = pytest.mark.xla

SPEC: dict[str, Any] = {
    "targets": ["value"],
    "horizon": 3,
    "layers": [
        {"cell": "lstm", "units": 4, "dropout": 0.1},
        {"cell": "gru", "units": 4, "recurrent_dropout": 0.1},
    ],
    "head": {"dropout": 0.1},
    "chunk": 24,
    "lanes": 4,
    "burn_in": 6,
    "epochs": 2,
}
TRAIN_IN_A_PROCESS = f"""
import json
from models.spec.spec import Spec
from models.training.train import train
from tests.models.conftest import make_wave
trained = train(Spec.model_validate({SPEC!r}), make_wave())
print(json.dumps([trained.training, trained.data]))
"""


def train_in_a_process() -> tuple[dict[str, Any], dict[str, Any]]:
    command = [sys.executable, "-c", TRAIN_IN_A_PROCESS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    training, data = json.loads(done.stdout.splitlines()[-1])
    return training, data


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(Spec.model_validate(SPEC), make_wave())


@pytest.fixture(scope="module")
def other() -> Trained:
    return train(Spec.model_validate({**SPEC, "seed": 1}), make_wave())


def dataset(**changes: Any) -> Dataset:
    actual = np.arange(8.0).reshape(4, 2)
    scaling = TargetScaling.fit("delta", [1], actual, scaled=True)
    whole = Dataset(actual.astype(np.float32), actual, actual, scaling, (Track(0, 2, 3, 4),))
    return replace(whole, **changes)


@pytest.mark.slow
class TestProcesses:
    def test_two_fresh_processes_give_the_same_weights(self, trained: Trained) -> None:
        training, data = train_in_a_process()
        assert training["weights_sha256"] == trained.training["weights_sha256"]
        assert data["arrays_sha256"] == trained.data["arrays_sha256"]


class TestReport:
    def test_it_names_everything_that_the_weights_depend_on(self, trained: Trained) -> None:
        assert set(trained.training["versions"]) == {
            "python",
            "numpy",
            "keras",
            "tensorflow",
            "onnxruntime",
        }
        machine = trained.training["machine"]
        assert set(machine) == {"architecture", "processor", "instruction_sets", "threads", "gpu"}
        assert machine["threads"] >= 1
        assert [kernel["layer"] for kernel in trained.training["kernels"]] == ["lstm_0", "gru_1"]
        assert trained.manifest["training"] == trained.training
        assert trained.manifest["data"] == trained.data


class TestArrays:
    def test_the_same_arrays_have_the_same_hash(self) -> None:
        assert arrays_sha256(dataset()) == arrays_sha256(dataset())

    @pytest.mark.parametrize("field", ["features", "actual", "base"])
    def test_the_smallest_change_of_a_value_changes_it(self, field: str) -> None:
        values = getattr(dataset(), field).copy()
        values[1, 1] = np.nextafter(values[1, 1], 10, dtype=values.dtype)
        assert arrays_sha256(dataset(**{field: values})) != arrays_sha256(dataset())

    def test_another_split_of_the_same_values_changes_it(self) -> None:
        moved = dataset(tracks=(Track(0, 1, 3, 4),))
        assert arrays_sha256(moved) != arrays_sha256(dataset())


class TestWeights:
    def test_the_hash_is_that_of_the_weights_in_the_file(self, trained: Trained) -> None:
        weights = read_weights(read_bundle(trained.bundle).keras)
        assert sum(array.size for array in weights.values()) == trained.network["parameters"]
        assert weights_sha256(weights) == trained.training["weights_sha256"]

    def test_name_shape_and_type_count_like_the_values(self) -> None:
        zeros = np.zeros((2, 3), np.float32)
        hashes = {
            weights_sha256(weights)
            for weights in (
                {"a": zeros},
                {"b": zeros},
                {"a": zeros.reshape(3, 2)},
                {"a": zeros.view(np.int32)},
            )
        }
        assert len(hashes) == 4

    def test_the_order_of_bytes_in_memory_does_not_count(self) -> None:
        values = np.arange(6, dtype="<f4").reshape(2, 3)
        fortran = np.asfortranarray(values)
        assert weights_sha256({"a": values}) == weights_sha256({"a": fortran})
        assert weights_sha256({"a": values}) == weights_sha256({"a": values.astype(">f4")})


@pytest.mark.slow
class TestCompare:
    def test_a_training_is_identical_to_itself(self, trained: Trained) -> None:
        found = compare(Record.of(trained), Record.of(trained), make_wave())
        assert found["identical"] is True
        assert found["differences"] == []
        assert found["weights_sha256"]["stored"] == found["weights_sha256"]["retrained"]
        assert found["largest_weight_difference"] == 0
        assert found["largest_forecast_difference"] == {"value": 0}

    def test_another_seed_is_named_with_what_it_changed(
        self, trained: Trained, other: Trained
    ) -> None:
        found = compare(replace(Record.of(trained), spec=other.spec), Record.of(other), make_wave())
        assert found["identical"] is False
        assert found["differences"][:2] == [
            "`spec.seed` was 0 and is 1.",
            "`training.seed` was 0 and is 1.",
        ]
        assert found["differences"][2].startswith("Weights differ by at most ")
        assert found["differences"][3].startswith("Forecasts of value differ by at most ")
        assert found["largest_weight_difference"] > 0
        assert found["largest_forecast_difference"]["value"] > 0

    def test_other_libraries_and_machines_are_named(self, trained: Trained, other: Trained) -> None:
        again = Record.of(other)
        training = {
            **again.training,
            "versions": {**again.training["versions"], "keras": "9.9"},
            "machine": {**again.training["machine"], "threads": 512},
            "device": "gpu",
        }
        found = compare(Record.of(trained), replace(again, training=training), make_wave())
        keras, threads = trained.training["versions"]["keras"], trained.training["machine"]
        assert f"`versions.keras` was {keras} and is 9.9." in found["differences"]
        assert f"`machine.threads` was {threads['threads']} and is 512." in found["differences"]
        assert "`training.device` was cpu and is gpu." in found["differences"]

    def test_other_data_is_named(self, trained: Trained) -> None:
        record = Record.of(trained)
        changed = replace(record, data={**record.data, "arrays_sha256": "0" * 64})
        found = compare(changed, record, make_wave())
        assert found["identical"] is False
        assert found["differences"][0].startswith("The training arrays have the SHA-256 ")

    def test_a_stored_hash_that_was_changed_is_found(self, trained: Trained) -> None:
        record = Record.of(trained)
        changed = replace(record, training={**record.training, "weights_sha256": "0" * 64})
        found = compare(changed, record, make_wave())
        assert found["identical"] is False
        assert found["differences"] == [
            "The stored hash is not that of the stored weights: one of them was changed after "
            "the training."
        ]

    def test_an_unexplained_difference_is_reported(self, trained: Trained, other: Trained) -> None:
        artefact = read_bundle(other.bundle)
        manifest = read_bundle(trained.bundle).manifest
        swapped = read_bundle(write_bundle(replace(artefact, manifest=manifest)))
        again = replace(Record.of(trained), artefact=swapped)
        found = compare(Record.of(trained), again, make_wave())
        assert found["differences"][0] == UNEXPLAINED

    def test_a_record_from_before_the_hashes_is_compared_by_its_weights(
        self, trained: Trained
    ) -> None:
        record = Record.of(trained)
        old = replace(record, data={"sha256": record.data["sha256"]}, training={})
        assert compare(old, record, make_wave())["identical"] is True

    def test_networks_of_other_shapes_are_distinguished(self, trained: Trained) -> None:
        spec = {**SPEC, "layers": [{"cell": "rnn", "units": 2}], "epochs": 1, "horizon": 1}
        small = train(Spec.model_validate(spec), make_wave())
        found = compare(Record.of(trained), Record.of(small), make_wave())
        assert found["largest_weight_difference"] is None
        assert found["largest_forecast_difference"] is None
        assert "The weights have different names or shapes." in found["differences"]
