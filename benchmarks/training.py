"""A stateful step against a hand-written XLA loop, and an epoch against a windowed one."""

import os
import statistics
import time
from dataclasses import replace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from benchmarks.inputs.real_series import jena_series
from benchmarks.inputs.service import JENA
from benchmarks.steps import (
    CHUNK,
    LANES,
    UNITS,
    Step,
    random_batch,
    seconds_of,
    training_step,
)
from models.checks.resolve import SeriesProfile, resolve
from models.features.dataset import Batch
from models.features.prepare import Prepared, prepare
from models.features.windows import WindowLoader
from models.network.backend import make_engine
from models.network.builders import build_network
from models.network.engine import Engine, zero_states
from models.network.losses import objective_of
from models.network.optimizers import make_optimizer
from models.series import SeriesData
from models.spec.presets import PRESETS
from models.spec.spec import LayerSpec, Spec
from models.training.fitting import Loader
from models.training.loaders import make_loader

ROUNDS = 15
EPOCH_ROUNDS = 5
# A windowed epoch is measured by this part of it.
PART = 10
ROWS_PER_HOUR = 6
TARGET_RATIO = 40


def main() -> None:
    """Print what a step costs, and what an epoch costs both ways."""
    compare_steps()
    if JENA.exists():
        compare_epochs(jena_series())
    else:
        print("the Jena file is absent: no epochs measured")


def compare_steps() -> None:
    """The engine's step and the hand-written one, in turns, so that load hits both alike."""
    batch = random_batch(LANES, CHUNK, every_step=True)
    steps = [training_step(LayerSpec(cell="lstm", units=UNITS), batch), hand_written_step(batch)]
    rounds = [[seconds_of(step)[0] * 1000 for step in steps] for _ in range(ROUNDS)]
    engine, by_hand = map(statistics.median, zip(*rounds, strict=True))
    print(f"LSTM({UNITS}), {LANES} lanes x {CHUNK} steps, one update:")
    print(f"engine                         {engine:7.1f} ms")
    print(f"by hand (XLA, Keras' loop)     {by_hand:7.1f} ms")
    print(f"ratio                          {engine / by_hand:7.2f} (target <= 1.15)")


def hand_written_step(batch: Batch) -> Step:
    """The same network and optimizer in the plainest compiled function, batch on the device."""
    lstm = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True)
    dense = keras.layers.Dense(1)
    x, labels = tf.constant(batch.features), tf.constant(batch.labels)
    states = [tf.zeros((LANES, UNITS)), tf.zeros((LANES, UNITS))]
    dense(lstm(x, initial_state=states)[0])
    variables = lstm.trainable_variables + dense.trainable_variables
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(variables)

    @tf.function(jit_compile=True)
    def update(x: Any, labels: Any, states: Any) -> Any:
        with tf.GradientTape() as tape:
            sequence, *after = lstm(x, initial_state=states, training=True)
            loss = tf.reduce_mean(tf.abs(dense(sequence) - labels))
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss, after

    def step() -> float:
        nonlocal states
        loss, states = update(x, labels, states)
        return float(loss)

    step()
    return step


def compare_epochs(data: SeriesData) -> None:
    """One pass over the training rows, without validation: the state kept against windows."""
    print("\none pass over the training rows     stateful            windowed          ratio")
    for cell, units in (("lstm", 64), ("gru", 32)):
        stateful = {**PRESETS["jena-stateful"].spec, "layers": [{"cell": cell, "units": units}]}
        title = f"{cell}({units}) both, like for like"
        compare_pair(title, Pass(stateful, data), Pass(as_windows(stateful), data))
    preset = PRESETS["jena-stateful"].spec
    windowed = PRESETS["jena-gru-windowed"].spec
    compare_pair("presets, lstm(64) and gru(32)", Pass(preset, data), Pass(windowed, data))


def as_windows(stateful: dict[str, Any]) -> dict[str, Any]:
    """The same network, inputs, labels and optimizer over windows of five days of hours.

    Windows are laid over the 10-minute rows, so steps that were hours are six rows each.
    """
    kept = {"targets", "features", "calendar_features", "transform", "split", "layers", "head"}
    return {
        **{name: value for name, value in stateful.items() if name in kept},
        "mode": "windowed",
        "lookback": 120 * ROWS_PER_HOUR,
        "step": ROWS_PER_HOUR,
        "leads": [lead * ROWS_PER_HOUR for lead in stateful["leads"]],
        "differences": [span * ROWS_PER_HOUR for span in stateful["differences"]],
        "batch_size": 128,
        "loss": stateful["loss"],
        "optimizer": stateful["optimizer"],
    }


def compare_pair(title: str, stateful: "Pass", windowed: "Pass") -> None:
    """In turns a whole stateful pass and a part of a windowed one, so that load hits both."""
    rounds = [(stateful.seconds(1), windowed.seconds(PART) * PART) for _ in range(EPOCH_ROUNDS)]
    ratio = statistics.median(windows / states for states, windows in rounds)
    columns = [
        f"{statistics.median(seconds):6.2f} s ({each.rows:,} rows)"
        for each, seconds in zip((stateful, windowed), zip(*rounds, strict=True), strict=True)
    ]
    print(
        f"{title:32} {columns[0]}  {columns[1]}  {ratio:5.1f} (target >= {TARGET_RATIO})",
        flush=True,
    )


class Pass:
    """Passes over the training rows of a spec; making it compiles the step.

    Args:
        spec: Fields of the spec.
        data: The series.
    """

    def __init__(self, spec: dict[str, Any], data: SeriesData) -> None:
        resolved = resolve(Spec.model_validate(spec), SeriesProfile.from_data(data))
        prepared = prepare(resolved, data)
        self._loader = whole_pass(make_loader(resolved, prepared))
        self._engine = _engine(resolved, prepared)
        # Each row is labelled once: of windows by its own, of lanes by its step.
        self.rows = sum(int(batch.weights.sum()) for batch in self._loader.train_batches(1))
        self._run(steps=1)

    def seconds(self, part: int) -> float:
        """Train an n-th part of a pass."""
        began = time.perf_counter()
        self._run(steps=self._loader.updates_per_epoch // part)
        return time.perf_counter() - began

    def _run(self, steps: int) -> None:
        _run_steps(self._engine, self._loader, steps)


def whole_pass(loader: Loader) -> Loader:
    """The same batches, every window once: an epoch of windows is usually cut short."""
    if not isinstance(loader, WindowLoader):
        return loader
    updates = -(-len(loader.training.origins) // loader.batch_size)
    return replace(loader, updates_per_epoch=updates)


def _engine(spec: Spec, prepared: Prepared) -> Engine:
    network = build_network(
        spec.layers or [],
        spec.head,
        features=prepared.pipeline.width,
        outputs=prepared.dataset.outputs,
        stateful=spec.mode == "stateful",
        seed=0,
    )
    optimizer = make_optimizer(spec.optimizer, epochs=2, updates_per_epoch=500)
    return make_engine(network, optimizer, objective_of(spec))


def _run_steps(engine: Engine, loader: Loader, steps: int) -> None:
    states: list[Any] | None = None
    for _, batch in zip(range(steps), loader.train_batches(1), strict=False):
        if states is None:
            states = zero_states(loader.state_shapes, len(batch.features))
        loss, states = engine.train(states, batch)
    float(loss)


if __name__ == "__main__":
    main()
