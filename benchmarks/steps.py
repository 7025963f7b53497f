"""Training steps of small networks on made-up numbers, for measuring.

Run as a module it is a child of `benchmarks.kernels`: for every line it reads, it times a
round of every cell and prints `cell seconds cpu_seconds`.
"""

import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from models.features.dataset import Batch
from models.network.backend import make_engine
from models.network.builders import build_network, state_shapes
from models.network.engine import Engine, zero_states
from models.network.losses import Objective, of_error
from models.network.optimizers import make_optimizer
from models.spec.spec import HeadSpec, LayerSpec, OptimizerSpec

CELLS = ("rnn", "lstm", "gru")
LANES, CHUNK, FEATURES, UNITS = 60, 96, 20, 64
STEPS_PER_ROUND = 5

Step = Callable[[], float]
MakeEngine = Callable[[keras.Model, keras.optimizers.Optimizer, Objective], Engine]


def random_batch(rows: int, steps: int, *, every_step: bool) -> Batch:
    """Features, labels at every step or one for each row, and weights of one."""
    generator = np.random.default_rng(0)
    shape = (rows, steps) if every_step else (rows,)
    return Batch(
        generator.normal(size=(rows, steps, FEATURES)).astype(np.float32),
        generator.normal(size=(*shape, 1)).astype(np.float32),
        np.ones((*shape, 1), np.float32),
    )


def training_step(
    layer: LayerSpec, batch: Batch, *, stateful: bool = True, make: MakeEngine = make_engine
) -> Step:
    """One update as `train` makes it, compiled: batch to device, states carried, loss back."""
    network = build_network(
        [layer], HeadSpec(), features=FEATURES, outputs=1, stateful=stateful, seed=0
    )
    optimizer = make_optimizer(OptimizerSpec(name="adam"), epochs=1, updates_per_epoch=1)
    engine = make(network, optimizer, Objective(of_error("mae")))
    states = zero_states(state_shapes([layer]) if stateful else [], len(batch.features))

    def step() -> float:
        nonlocal states
        loss, states = engine.train(states, batch)
        return float(loss)

    step()
    return step


def seconds_of(step: Step, steps: int = STEPS_PER_ROUND) -> tuple[float, float]:
    """Mean seconds of one step on the clock, and of all processors together."""
    clock, cpu = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step()
    return (time.perf_counter() - clock) / steps, (time.process_time() - cpu) / steps


def without_kernels(
    network: keras.Model, optimizer: keras.optimizers.Optimizer, objective: Objective
) -> Engine:
    """The TensorFlow engine with Keras' own loops, compiled all the same."""
    from models.network.engine_tensorflow import TensorFlowEngine

    class PlainEngine(TensorFlowEngine):
        def __init__(self) -> None:
            super().__init__(network, optimizer, objective)
            self._computed = network

    return PlainEngine()


def main() -> None:
    """Time rounds on request."""
    make = without_kernels if "--plain" in sys.argv else make_engine
    batch = random_batch(LANES, CHUNK, every_step=True)
    steps = {
        cell: training_step(LayerSpec(cell=cell, units=UNITS), batch, make=make) for cell in CELLS
    }
    print("ready", flush=True)
    for _ in sys.stdin:
        rounds = ("{} {} {}".format(cell, *seconds_of(step)) for cell, step in steps.items())
        print(";".join(rounds), flush=True)


if __name__ == "__main__":
    main()
