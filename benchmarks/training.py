"""A stateful step against a hand-written XLA loop, and an epoch against a windowed one."""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from benchmarks.jena import jena_series
from benchmarks.service import JENA
from models.builders import build_network, state_shapes
from models.checks import SeriesFacts, resolve
from models.dataset import Batch
from models.engine import Engine, make_engine, zero_states
from models.fitting import Feed
from models.losses import penalty_of
from models.optimizers import make_optimizer
from models.prepare import Prepared, prepare
from models.presets import PRESETS
from models.series import SeriesData
from models.spec import HeadSpec, LayerSpec, OptimizerSpec, Spec
from models.train import make_feed

LANES, CHUNK, FEATURES, UNITS = 60, 96, 20, 64
ROUNDS, STEPS_PER_ROUND = 15, 4
EPOCH_ROUNDS = 7
WINDOWED = "jena-gru-windowed"

Step = Callable[[], float]


def main() -> None:
    """Print both ratios."""
    compare_steps()
    if JENA.exists():
        compare_epochs(jena_series())
    else:
        print("the Jena file is absent: no epochs measured")


def compare_steps() -> None:
    """The engine's step and the hand-written ones, in turns, so that load hits all alike."""
    generator = np.random.default_rng(0)
    shape = (LANES, CHUNK)
    batch = Batch(
        generator.normal(size=(*shape, FEATURES)).astype(np.float32),
        generator.normal(size=(*shape, 1)).astype(np.float32),
        np.ones((*shape, 1), np.float32),
    )
    steps = {"engine": engine_step(batch), "by hand": hand_written_step(batch)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            times[name].append(seconds_of(step))
    engine, by_hand = (statistics.median(each) * 1000 for each in times.values())
    print(f"LSTM({UNITS}), {LANES} lanes x {CHUNK} steps, one update:")
    print(f"engine           {engine:7.1f} ms")
    print(f"by hand (XLA)    {by_hand:7.1f} ms")
    print(f"ratio            {engine / by_hand:7.2f} (target <= 1.15)")


def seconds_of(step: Step) -> float:
    """Mean seconds of one step."""
    began = time.perf_counter()
    for _ in range(STEPS_PER_ROUND):
        step()
    return (time.perf_counter() - began) / STEPS_PER_ROUND


def engine_step(batch: Batch) -> Step:
    """One update as `train` makes it: batch to device, loss back."""
    layers = [LayerSpec(cell="lstm", units=UNITS)]
    network = build_network(layers, HeadSpec(), features=FEATURES, outputs=1, stateful=True, seed=0)
    optimizer = make_optimizer(OptimizerSpec(name="adam"), epochs=1, updates_per_epoch=1)
    engine = make_engine(network, optimizer, penalty_of("mae"))
    states = zero_states(state_shapes(layers), LANES)

    def step() -> float:
        nonlocal states
        loss, states = engine.train(states, batch)
        return float(loss)

    step()
    return step


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
    """An epoch over the same training rows, without validation: `jena-stateful`, `-windowed`.

    In turns a whole stateful epoch and a tenth of a windowed one, so that load hits both alike.
    """
    stateful, windowed = (preset_epoch(name, data) for name in ("jena-stateful", WINDOWED))
    ratios, seconds = [], []
    for _ in range(EPOCH_ROUNDS):
        one, other = stateful(1), windowed(10) * 10
        ratios.append(other / one)
        seconds.append((one, other))
    one, other = (statistics.median(each) for each in zip(*seconds, strict=True))
    print(f"stateful epoch   {one:7.2f} s (every training row once, a loss at every step)")
    print(f"windowed epoch   {other:7.2f} s (500 batches of 128 windows of 120 steps)")
    print(f"ratio            {statistics.median(ratios):7.1f} (target >= 40)")


def preset_epoch(preset: str, data: SeriesData) -> Callable[[int], float]:
    """A function that trains an n-th part of an epoch and returns its seconds."""
    spec = resolve(Spec.model_validate(PRESETS[preset].spec), SeriesFacts.from_data(data))
    prepared = prepare(spec, data)
    feed = make_feed(spec, prepared)
    engine = _engine(spec, prepared)

    def run(part: int) -> float:
        began = time.perf_counter()
        _run_epoch(engine, feed, steps=feed.updates_per_epoch // part)
        return time.perf_counter() - began

    # The first step compiles.
    run(feed.updates_per_epoch)
    return run


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
    return make_engine(network, optimizer, penalty_of(spec.loss, spec.huber_delta))


def _run_epoch(engine: Engine, feed: Feed, steps: int) -> None:
    states: list[Any] | None = None
    for _, batch in zip(range(steps), feed.train_batches(1), strict=False):
        if states is None:
            states = zero_states(feed.state_shapes, len(batch.features))
        loss, states = engine.train(states, batch)
    float(loss)


if __name__ == "__main__":
    main()
