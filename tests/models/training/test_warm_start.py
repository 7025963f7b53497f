"""Warm starts: what is taken over, what is refused, and that nothing of the test part leaks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.checks.resolve import SeriesProfile, resolve
from models.features.prepare import prepare
from models.network.builders import build_network
from models.series import SeriesData
from models.serving.artefact import read_bundle
from models.spec.spec import Spec
from models.training.hashing import read_weights
from models.training.train import train
from models.training.trained import Trained
from models.training.warm_start import WarmStart
from tests.models.conftest import make_wave

SPEC: dict[str, Any] = {
    "targets": ["value"],
    "horizon": 2,
    "layers": [{"cell": "gru", "units": 3}],
    "highway": None,
    "shrinkage": False,
    "epochs": 1,
}
BEFORE = 500


def first(data: SeriesData, rows: int) -> SeriesData:
    return replace(data, times=data.times[:rows], values=data.values[:rows])


@pytest.fixture(scope="module")
def before() -> Trained:
    """A forecaster of the first 500 hours."""
    return train(Spec.model_validate(SPEC), first(make_wave(), BEFORE))


def given(before: Trained, rows: int = 600, **changes: Any) -> dict[str, Any]:
    """What a network of this spec gets when it asks for the weights."""
    data = first(make_wave(), rows)
    spec = resolve(Spec.model_validate({**SPEC, **changes}), [SeriesProfile.from_data(data)])
    prepared = prepare(spec, data)
    network = build_network(
        spec.layers or [],
        spec.head,
        features=prepared.pipeline.width,
        outputs=2,
        stateful=True,
        seed=1,
    )
    untouched = [weights.copy() for weights in network.get_weights()]
    found = WarmStart.of(before.bundle).apply(network, prepared.series)
    same = map(np.array_equal, network.get_weights(), untouched)
    assert all(same) != found["taken"]
    return found


@pytest.mark.slow
class TestTaken:
    def test_training_goes_on_from_the_weights(self, before: Trained) -> None:
        # Steps of no length leave the weights where the training began.
        still = {**SPEC, "optimizer": {"name": "sgd", "learning_rate": 1e-30}}
        start = WarmStart.of(before.bundle)
        after = train(Spec.model_validate(still), make_wave(), start=start)
        assert before.training["start"] is None
        assert after.training["start"] == {
            "weights_sha256": before.training["weights_sha256"],
            "taken": True,
            "reason": None,
        }
        mine, theirs = (read_weights(read_bundle(each.bundle).keras) for each in (after, before))
        assert mine.keys() == theirs.keys()
        for name, weights in mine.items():
            np.testing.assert_array_equal(weights, theirs[name])

    def test_the_same_rows_and_split_are_fine(self, before: Trained) -> None:
        assert given(before, rows=BEFORE)["taken"]


class TestRefused:
    def test_another_network(self, before: Trained) -> None:
        wider = given(before, layers=[{"cell": "gru", "units": 4}])
        assert "The layer `gru_0` now has weights of the shapes" in wider["reason"]

    def test_a_layer_that_was_not_there(self, before: Trained) -> None:
        deeper = given(before, layers=[*SPEC["layers"], {"cell": "lstm", "units": 2}])
        assert "in the earlier forecaster it had none" in deeper["reason"]

    def test_one_that_has_learnt_from_the_test_part(self, before: Trained) -> None:
        start = given(before, rows=BEFORE, split={"test": 0.5})
        assert "the test part now begins at 2024-01-11T10:00:00Z" in start["reason"]
