"""Learning rates over a run: schedules by update, and plateaus by loss."""

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.network.losses import of_error
from models.network.optimizers import make_optimizer, plateau_rate
from models.spec.optimizer import OptimizerSpec


def spec(**schedule: Any) -> OptimizerSpec:
    return OptimizerSpec.model_validate({"learning_rate": 0.1, "schedule": schedule})


def rates(at: list[int], **schedule: Any) -> list[float]:
    """The rate at some updates of a run of 4 epochs of 10 updates."""
    optimizer = make_optimizer(spec(**schedule), epochs=4, updates_per_epoch=10)
    optimizer.build([keras.Variable(np.zeros(2, np.float32))])
    found = []
    for update in at:
        optimizer.iterations.assign(update)
        found.append(float(keras.ops.convert_to_numpy(optimizer.learning_rate)))
    return found


class TestSchedules:
    def test_constant(self) -> None:
        assert rates([0, 20, 40], name="constant") == pytest.approx([0.1, 0.1, 0.1])

    def test_cosine_ends_with_the_run(self) -> None:
        assert rates([0, 20, 40], name="cosine") == pytest.approx([0.1, 0.05, 0.0])
        assert rates([40, 99], name="cosine", alpha=0.1) == pytest.approx([0.01, 0.01])

    def test_cosine_after_a_warm_up(self) -> None:
        found = rates([0, 5, 10, 25, 40], name="cosine", warmup_epochs=1)
        assert found == pytest.approx([0.0, 0.05, 0.1, 0.05, 0.0], abs=1e-6)

    def test_decay_by_epochs_or_by_updates(self) -> None:
        halved = {"name": "exponential_decay", "decay_rate": 0.5}
        assert rates([0, 5, 20], **halved, decay_epochs=1) == pytest.approx(
            [0.1, 0.1 * 0.5**0.5, 0.025]
        )
        assert rates([5, 20], **halved, decay_epochs=1, staircase=True) == pytest.approx(
            [0.1, 0.025]
        )
        assert rates([20], **halved, decay_steps=5) == pytest.approx([0.1 * 0.5**4])

    def test_the_decay_of_old_optimizers(self) -> None:
        found = rates([0, 1000], name="inverse_time_decay", decay_rate=1e-3, decay_steps=1)
        assert found == pytest.approx([0.1, 0.05])


class TestArguments:
    def test_they_reach_the_optimizer(self) -> None:
        given = {"name": "sgd", "momentum": 0.9, "nesterov": True, "clipvalue": 0.5}
        made = make_optimizer(OptimizerSpec.model_validate(given), epochs=1, updates_per_epoch=1)
        config = made.get_config()
        assert {key: config[key] for key in given} | {"name": "sgd"} == given

    def test_what_is_left_out_is_keras_default(self) -> None:
        made = make_optimizer(OptimizerSpec(name="adamw"), epochs=1, updates_per_epoch=1)
        wanted = keras.optimizers.AdamW(name=made.name)
        assert made.get_config() == wanted.get_config()


class TestPlateau:
    def test_it_waits_for_the_patience_and_stops_at_the_least_rate(self) -> None:
        halved = spec(name="reduce_on_plateau", factor=0.5, patience=2, min_lr=0.03)
        losses = [1.0, 0.9, 0.95, 0.9, 0.95, 0.95, 0.95, 0.95]
        found = [plateau_rate(halved, losses[:epochs]) for epochs in range(len(losses) + 1)]
        assert found == [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.03, 0.03, 0.03]

    @given(
        losses=st.lists(st.floats(0, 2).map(lambda loss: round(loss, 1)), max_size=30),
        patience=st.integers(1, 4),
    )
    def test_it_is_keras_own(self, losses: list[float], patience: int) -> None:
        own = spec(name="reduce_on_plateau", factor=0.5, patience=patience, min_lr=0.01)
        optimizer = make_optimizer(own, epochs=1, updates_per_epoch=1)
        callback = keras.callbacks.ReduceLROnPlateau(
            monitor="loss", factor=0.5, patience=patience, min_lr=0.01
        )
        network = keras.Sequential([keras.Input((1,))])
        network.compile(optimizer=optimizer, loss="mse")
        callback.set_model(network)
        callback.on_train_begin()
        for epoch, loss in enumerate(losses):
            callback.on_epoch_end(epoch, {"loss": loss})
        assert float(optimizer.learning_rate) == pytest.approx(plateau_rate(own, losses), rel=1e-6)


class TestLosses:
    @pytest.mark.parametrize(
        ("loss", "delta", "wanted"),
        [
            ("mae", None, [2.0, 0.5]),
            ("mse", None, [4.0, 0.25]),
            ("huber", None, [1.5, 0.125]),
            ("huber", 0.25, [0.25 * (2 - 0.125), 0.25 * (0.5 - 0.125)]),
            ("log_cosh", None, np.log(np.cosh([2.0, 0.5]))),
        ],
    )
    def test_what_an_error_costs(self, loss: str, delta: float | None, wanted: Any) -> None:
        errors = np.array([-2.0, 0.5], np.float32)
        found = keras.ops.convert_to_numpy(of_error(loss, delta)(keras.ops.array(errors), 0.0))
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
        if loss == "huber":
            by_keras = keras.losses.Huber(delta=delta or 1.0, reduction=None)
            of_keras = [float(by_keras(np.zeros(1), errors[i : i + 1])) for i in range(2)]
            np.testing.assert_allclose(found, of_keras, rtol=1e-6)
