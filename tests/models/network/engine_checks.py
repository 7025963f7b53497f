"""What every engine must do with a layer's arguments, on whichever backend Keras has.

`test_engine.py` runs these checks on TensorFlow, `test_engine_jax.py` in a process on JAX.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from models.features.dataset import Batch
from models.network.backend import make_engine
from models.network.builders import build_network, state_shapes
from models.network.engine import Engine, zero_states
from models.network.losses import Objective, of_error
from models.network.optimizers import make_optimizer
from models.spec.spec import HeadSpec, LayerSpec, OptimizerSpec

LANES, STEPS, FEATURES, UNITS = 4, 6, 3, 5


def batch() -> Batch:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(LANES, STEPS, FEATURES)).astype(np.float32)
    labels = features[..., :1] * 3
    return Batch(features, labels, np.ones_like(labels))


def engine_of(optimizer: dict[str, Any], **layer: Any) -> Engine:
    layers = [LayerSpec.model_validate({"cell": "rnn", "units": UNITS, **layer})]
    network = build_network(layers, HeadSpec(), features=FEATURES, outputs=1, stateful=True, seed=0)
    spec = OptimizerSpec.model_validate({"name": "sgd", "learning_rate": 0.5, **optimizer})
    return make_engine(
        network, make_optimizer(spec, epochs=1, updates_per_epoch=1), Objective(of_error("mse"))
    )


def updated(updates: int = 1, optimizer: dict[str, Any] | None = None, **layer: Any) -> Any:
    """Kernel, recurrent kernel and bias of the layer before and after some updates; the loss."""
    engine = engine_of(optimizer or {}, **layer)
    before = [np.array(weight) for weight in engine.weights()[:3]]
    states = zero_states(state_shapes([LayerSpec(cell="rnn", units=UNITS)]), LANES)
    loss: Any = None
    for _ in range(updates):
        loss, states = engine.train(states, batch())
    return before, engine.weights()[:3], float(loss)


def check_norms_stay_below_a_constraint() -> None:
    limits = {
        "kernel_constraint": {"name": "max_norm", "max_value": 0.3},
        "recurrent_constraint": {"name": "unit_norm"},
        "bias_constraint": "non_neg",
    }
    _, free, _ = updated(updates=3)
    _, (kernel, recurrent, bias), _ = updated(updates=3, **limits)
    norms = np.linalg.norm(kernel, axis=0)
    assert norms.max() <= 0.3 + 1e-5, norms
    assert np.linalg.norm(free[0], axis=0).max() > 0.3
    np.testing.assert_allclose(np.linalg.norm(recurrent, axis=0), 1, atol=1e-5)
    assert bias.min() >= 0 > free[2].min()


def check_weights_are_pulled_by_their_regularizer() -> None:
    # One step of plain descent moves a weight by rate * 2 * l2 * weight, whatever the errors.
    rate, l2 = 0.5, 0.1
    before, plain, loss = updated()
    _, pulled, same_loss = updated(kernel_regularizer={"name": "l2", "l2": l2})
    np.testing.assert_allclose(plain[0] - pulled[0], rate * 2 * l2 * before[0], atol=1e-6)
    np.testing.assert_allclose(plain[1], pulled[1], atol=1e-6)
    # Reported is the error alone.
    assert abs(loss - same_loss) < 1e-6, (loss, same_loss)


def check_outputs_are_pulled_by_the_activity_regularizer() -> None:
    # No error weighs anything here: only the regularizer is left to learn from.
    features = batch().features
    silent = Batch(features, features[..., :1], np.zeros_like(features[..., :1]))

    def sizes(**layer: Any) -> list[float]:
        engine = engine_of({"learning_rate": 0.1}, **layer)
        states = zero_states(state_shapes([LayerSpec(cell="rnn", units=UNITS)]), LANES)
        found = []
        for _ in range(2):
            engine.set_weights(engine.weights())
            outputs = engine.network.get_layer("rnn_0")(features, initial_state=states)
            found.append(float(np.abs(np.asarray(outputs[0])).mean()))
            for _ in range(20):
                engine.train(states, silent)
        return found

    before, after = sizes()
    assert before == after
    before, after = sizes(activity_regularizer={"name": "l2", "l2": 0.5})
    assert after < 0.5 * before, (before, after)


def check_gradients_are_clipped() -> None:
    rate = 0.5
    before, free, _ = updated()
    assert max(np.abs(a - b).max() for a, b in zip(free, before, strict=True)) > 1e-3 * rate * 1.01
    _, by_value, _ = updated(optimizer={"clipvalue": 1e-3})
    for a, b in zip(by_value, before, strict=True):
        assert np.abs(a - b).max() <= 1e-3 * rate * 1.01
    _, by_norm, _ = updated(optimizer={"clipnorm": 1e-3})
    for a, b in zip(by_norm, before, strict=True):
        assert np.linalg.norm(a - b) <= 1e-3 * rate * 1.01
    _, together, _ = updated(optimizer={"global_clipnorm": 1e-3})
    moved = np.concatenate([(a - b).ravel() for a, b in zip(together, before, strict=True)])
    assert np.linalg.norm(moved) <= 1e-3 * rate * 1.01


def check_another_learning_rate_is_taken_and_kept_in_a_snapshot() -> None:
    engine = engine_of({})
    states = zero_states(state_shapes([LayerSpec(cell="rnn", units=UNITS)]), LANES)
    engine.train(states, batch())
    engine.set_learning_rate(0.0)
    snapshot, before = engine.snapshot(), engine.weights()
    for resumed in (engine, engine_of({})):
        resumed.restore(snapshot)
        resumed.train(states, batch())
        for a, b in zip(resumed.weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)


CHECKS: dict[str, Callable[[], None]] = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
