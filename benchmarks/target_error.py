"""Seconds until a training on Jena is as good as naive, and 5 and 8 % better."""

import os
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.inputs.real_series import jena_series
from benchmarks.inputs.service import JENA
from models.checks.resolve import SeriesProfile, resolve
from models.features.dataset import Batch
from models.features.prepare import Prepared, prepare
from models.network.backend import make_engine
from models.network.builders import build_network
from models.network.engine import Engine, zero_states
from models.network.losses import Tensor, objective_of
from models.network.optimizers import make_optimizer
from models.series import SeriesData
from models.spec.presets import PRESETS
from models.spec.spec import Spec
from models.training.fitting import Loader
from models.training.loaders import make_loader

GOALS = {"naive": 1.0, "5 % better": 0.95, "8 % better": 0.92}
# A training that is not better after this number of epochs counts as not there.
MOST_EPOCHS = {"jena-stateful": 10, "jena-gru-windowed": 4}

Step = Callable[[list[Tensor], Batch], tuple[Tensor, list[Tensor]]]


def main() -> None:
    """Print, for each preset, seconds from the first update; compiling is shown apart."""
    if not JENA.exists():
        print("the Jena file is absent: nothing measured")
        return
    data = jena_series()
    print("validation MAE against naive on the same rows, looked at after every epoch")
    for preset, epochs in MOST_EPOCHS.items():
        Run(preset, data).report(epochs)


class Run:
    """A training that looks at its validation error after every epoch.

    Args:
        preset: Its name.
        data: The series.
    """

    def __init__(self, preset: str, data: SeriesData) -> None:
        self._preset = preset
        spec = resolve(Spec.model_validate(PRESETS[preset].spec), SeriesProfile.from_data(data))
        self._prepared = prepare(spec, data)
        self._loader = make_loader(spec, self._prepared)
        self._engine = _engine(spec, self._prepared, self._loader)

    def report(self, epochs: int) -> None:
        """Train, and print when each goal was reached, with and without compiling."""
        compiling = self._compile()
        naive = naive_error(self._prepared)
        left, trained, best = dict(GOALS), 0.0, np.inf
        print(f"{self._preset}: compiled in {compiling:.1f} s; naive {naive:.3f} degC")
        for epoch in range(1, epochs + 1):
            began = time.perf_counter()
            run(self._engine.train, self._loader, self._loader.train_batches(epoch))
            trained += time.perf_counter() - began
            error = self._validation_error()
            best = min(best, error)
            for goal in [goal for goal, share in left.items() if error <= share * naive]:
                del left[goal]
                print(
                    f"  {goal:12} epoch {epoch:2d}  {trained:7.2f} s, "
                    f"with compiling {trained + compiling:7.2f} s  ({error:.3f} degC)",
                    flush=True,
                )
        never = ", ".join(left) or "none"
        print(f"  best {best:.3f} degC in {epochs} epochs; not reached: {never}")

    def _compile(self) -> float:
        """Seconds of the first call of both steps, less those of a second one."""
        snapshot = self._engine.snapshot()
        batch = next(iter(self._loader.train_batches(1)))
        held_out = next(self._loader.validation_batches())
        calls = []
        for _ in range(2):
            began = time.perf_counter()
            run(self._engine.train, self._loader, iter([batch]))
            run(self._engine.test, self._loader, iter([held_out]))
            calls.append(time.perf_counter() - began)
        self._engine.restore(snapshot)
        return calls[0] - calls[1]

    def _validation_error(self) -> float:
        scale = float(self._prepared.dataset.scaling.scale.mean())
        return run(self._engine.test, self._loader, self._loader.validation_batches()) * scale


def run(step: Step, loader: Loader, batches: Iterator[Batch]) -> float:
    """Carry the states through batches; the mean loss."""
    states, total, weights = None, 0.0, 0.0
    for batch in batches:
        if states is None:
            states = zero_states(loader.state_shapes, len(batch.features))
        loss, states = step(states, batch)
        weight = float(batch.weights.sum())
        total, weights = total + float(loss) * weight, weights + weight
    return total / max(weights, 1.0)


def naive_error(prepared: Prepared) -> float:
    """The mean absolute change over the leads in the validation rows, in degC."""
    actual = prepared.dataset.actual[:, 0]
    lead = int(prepared.dataset.scaling.leads.max())
    changes = [
        np.abs(actual[first + lead : stop] - actual[first : stop - lead])
        for first, stop in (each.span("validation") for each in prepared.dataset.tracks)
    ]
    return float(np.nanmean(np.concatenate(changes)))


def _engine(spec: Spec, prepared: Prepared, loader: Loader) -> Engine:
    network = build_network(
        spec.layers or [],
        spec.head,
        features=prepared.pipeline.width,
        outputs=prepared.dataset.outputs,
        stateful=spec.mode == "stateful",
        seed=spec.seed,
    )
    optimizer = make_optimizer(
        spec.optimizer, epochs=spec.epochs or 1, updates_per_epoch=loader.updates_per_epoch
    )
    return make_engine(network, optimizer, objective_of(spec))


if __name__ == "__main__":
    main()
