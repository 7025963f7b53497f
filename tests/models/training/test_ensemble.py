"""Ensembles: members of one network that learn apart and are served as their mean."""

from typing import Any

import keras
import numpy as np
import pytest

from models.network.builders import average_members, build_network, output_names
from models.network.losses import Objective, of_error
from models.serving.artefact import read_bundle
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster, State
from models.spec.spec import HeadSpec, LayerSpec, Spec
from models.training.train import train
from models.training.trained import Trained
from tests.models.conftest import make_wave, steps_compiled

SMALL: dict[str, Any] = {
    "targets": ["value"],
    "horizon": 2,
    "layers": [{"cell": "lstm", "units": 4}, {"cell": "gru", "units": 3}],
    "head": {"dropout": 0.1, "layers": [{"units": 5, "activation": "relu"}]},
    "epochs": 2,
    "ensemble": 3,
}


@pytest.fixture(scope="module", params=["stateful", "windowed"])
def trained(request: pytest.FixtureRequest) -> Trained:
    windowed = {"mode": "windowed", "lookback": 8, "steps_per_epoch": 3}
    mode = windowed if request.param == "windowed" else {}
    with steps_compiled(with_xla=request.param == "stateful"):
        return train(Spec.model_validate({**SMALL, **mode}), make_wave(400))


class TestNetwork:
    def members(self) -> tuple[keras.Model, keras.Model]:
        layers, head = [LayerSpec(cell="rnn", units=3)], HeadSpec()
        network = build_network(
            layers, head, features=2, outputs=2, stateful=True, seed=0, members=3
        )
        return network, average_members(network, 3)

    def test_its_output_is_the_mean_of_its_members(self) -> None:
        network, mean = self.members()
        x = np.random.default_rng(0).normal(size=(4, 5, 2)).astype(np.float32)
        states = [np.zeros((4, 3), np.float32)] * 3
        each = np.asarray(network([x, *states])[0]).reshape(4, 5, 3, 2)
        np.testing.assert_allclose(np.asarray(mean([x, *states])[0]), each.mean(axis=2), atol=1e-6)

    def test_members_begin_differently(self) -> None:
        network, _ = self.members()
        kernels = [network.get_layer(f"rnn_{index}").get_weights()[0] for index in range(3)]
        assert not np.allclose(kernels[0], kernels[1])
        assert not np.allclose(kernels[1], kernels[2])

    def test_one_member_is_a_plain_network(self) -> None:
        assert output_names(1) == ["output"]
        network, _ = self.members()
        assert average_members(network, 1) is network


class TestObjective:
    def test_members_learn_apart_and_are_reported_together(self) -> None:
        objective = Objective(of_error("mse"), members=2)
        # Members say 1 and 5 of a label of 3: both are wrong by 2, their mean is right.
        y, labels = keras.ops.array([[1.0, 5.0]]), keras.ops.array([[3.0]])
        assert float(objective.learnt(y, labels)[0, 0]) == 4
        assert float(objective.reported(y, labels)[0, 0]) == 0


@pytest.mark.slow
class TestTraining:
    def test_the_report_counts_all_members(self, trained: Trained) -> None:
        cells = [layer["cell"] for layer in trained.network["layers"]]
        assert cells.count("lstm") == cells.count("gru") == 3
        assert trained.training["export_difference"] <= 1e-5

    def test_streamed_equals_a_whole_pass(self, trained: Trained) -> None:
        forecaster, data = Forecaster.from_bundle(trained.bundle), make_wave(400)
        values = data.values[:, [data.channel_names.index(c) for c in trained.manifest["channels"]]]
        whole = forecaster.outputs(data.times, values)
        state = run_one(
            forecaster.advance(forecaster.initial_state(), data.times[:300], values[:300])
        )
        for row in range(300, 310):
            state = State.from_bytes(state.to_bytes())
            state = run_one(
                forecaster.advance(state, data.times[row : row + 1], values[row : row + 1])
            )
            predicted = run_one(forecaster.forecast(state)).values
            np.testing.assert_allclose(predicted, whole.values[row], atol=1e-6)

    def test_every_member_has_states_of_its_own(self, trained: Trained) -> None:
        stateful = trained.spec["mode"] == "stateful"
        # h and c of the LSTM, h of the GRU, three times.
        assert len(trained.manifest["states"]) == (9 if stateful else 0)
        assert b"members_mean" in read_bundle(trained.bundle).onnx
