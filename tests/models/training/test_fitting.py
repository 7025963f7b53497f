"""Epochs with a stand-in for the engine: order, early stopping, what is kept and reported."""

from collections.abc import Iterator
from typing import Any, Literal, cast

import numpy as np
import pytest

from models.errors import TrainingError
from models.features.dataset import Batch
from models.network.engine import Engine
from models.network.optimizers import plateau_rate
from models.spec.spec import EarlyStoppingSpec, OptimizerSpec, ScheduleSpec
from models.training.checkpoint import read_checkpoint
from models.training.fitting import FitPlan, Fitter, Progress


def batch(weight: float = 1.0) -> Batch:
    ones = np.ones((2, 3, 1), np.float32)
    return Batch(ones, ones, ones * weight)


class ScriptedEngine:
    """Says the validation losses it was given, one an epoch; its weight is the epoch."""

    def __init__(self, val_losses: list[float]) -> None:
        self.val_losses = val_losses
        self.epoch = 0
        self.states_seen: list[Any] = []
        self.rates: list[float] = []

    def train(self, states: list[Any], _: Batch) -> tuple[float, list[Any]]:
        self.states_seen.append([float(np.max(state)) for state in states])
        return 1.0, [np.asarray(state) + 1 for state in states]

    def test(self, states: list[Any], _: Batch) -> tuple[float, list[Any]]:
        self.epoch += 1
        return self.val_losses[self.epoch - 1], states

    def weights(self) -> list[Any]:
        return [np.array(self.epoch)]

    def snapshot(self) -> dict[str, list[Any]]:
        return {"trainable": self.weights(), "other": [], "optimizer": []}

    def restore(self, snapshot: dict[str, list[Any]]) -> None:
        self.epoch = int(snapshot["trainable"][0])

    def set_learning_rate(self, rate: float) -> None:
        self.rates.append(rate)


class TwoChunks:
    """Two training chunks and one validation chunk."""

    updates_per_epoch = 2

    def __init__(self, weight: float = 1.0) -> None:
        self.state_shapes = [("h0", 4)]
        self._weight = weight

    def train_batches(self, _: int) -> Iterator[Batch]:
        return iter([batch(self._weight), batch(self._weight)])

    def validation_batches(self) -> Iterator[Batch]:
        return iter([batch()])


def fitter(
    engine: ScriptedEngine,
    epochs: int,
    patience: int | None = None,
    *,
    loader: TwoChunks | None = None,
    reports: list[Progress] | None = None,
    saved: list[bytes] | None = None,
) -> Fitter:
    stopping = None if patience is None else EarlyStoppingSpec(patience=patience)
    save = None if saved is None else saved.append
    plan = FitPlan(epochs, stopping, "print", save, lambda: "The likely cause: none.")
    progress = (lambda report: None) if reports is None else reports.append
    return Fitter(cast(Engine, engine), loader or TwoChunks(), plan, progress)


class TestEpochs:
    def test_the_state_is_carried_from_chunk_to_chunk_and_reset_each_epoch(self) -> None:
        engine = ScriptedEngine([1.0, 1.0])
        fitter(engine, epochs=2).fit(None)
        assert engine.states_seen == [[0.0], [1.0], [0.0], [1.0]]

    def test_rows_without_any_label_are_refused(self) -> None:
        with pytest.raises(TrainingError, match="No training row has a known target"):
            fitter(ScriptedEngine([1.0]), epochs=1, loader=TwoChunks(weight=0.0)).fit(None)


class TestDivergence:
    def test_a_validation_loss_that_is_no_number_ends_the_run(self) -> None:
        with pytest.raises(TrainingError, match=r"in epoch 2\. The likely cause: none\.$"):
            fitter(ScriptedEngine([1.0, float("nan")]), epochs=3).fit(None)

    def test_the_best_weights_before_it_are_kept(self) -> None:
        engine = ScriptedEngine([3.0, 1.0, 2.0, float("inf"), 0.0])
        saved: list[bytes] = []
        with pytest.raises(TrainingError, match=r"in epoch 4\..* epoch 2, .*\(loss 1\)\.$"):
            fitter(engine, epochs=5, patience=5, saved=saved).fit(None)
        found = read_checkpoint(saved[-1], "print")
        assert found is not None
        run, variables = found
        assert (run.epoch, run.best_epoch, run.best_loss) == (3, 2, 1.0)
        assert variables["trainable"] == run.best_weights == [np.array(2)]

    def test_in_the_first_epoch_there_is_nothing_to_keep(self) -> None:
        saved: list[bytes] = []
        with pytest.raises(TrainingError, match=r"in epoch 1\. The likely cause: none\.$"):
            fitter(ScriptedEngine([float("nan")]), epochs=2, saved=saved).fit(None)
        assert saved == []


class TestEarlyStopping:
    def test_it_stops_after_the_patience_and_keeps_the_best_epoch(self) -> None:
        run = fitter(ScriptedEngine([3.0, 1.0, 2.0, 2.0, 0.0]), epochs=5, patience=2).fit(None)
        assert (run.epoch, run.best_epoch, run.best_loss) == (4, 2, 1.0)
        assert run.best_weights == [np.array(2)]

    def test_without_it_the_last_epoch_is_kept(self) -> None:
        run = fitter(ScriptedEngine([1.0, 2.0, 3.0]), epochs=3).fit(None)
        assert (run.epoch, run.best_epoch) == (3, 3)
        assert run.best_weights == [np.array(3)]


class TestLearningRate:
    LOSSES = (3.0, 1.0, 2.0, 1.5, 1.5, 1.5)

    def run(
        self,
        epochs: int,
        checkpoint: bytes | None = None,
        monitor: Literal["loss", "val_loss"] = "val_loss",
    ) -> tuple[list[float], list[bytes]]:
        """The rates after each epoch, halved after 2 epochs that are no better; checkpoints."""
        halved = ScheduleSpec(name="reduce_on_plateau", factor=0.5, patience=2)
        optimizer = OptimizerSpec(learning_rate=0.4, schedule=halved)
        engine, saved = ScriptedEngine([*self.LOSSES]), list[bytes]()
        stopping = EarlyStoppingSpec(monitor=monitor, patience=99)
        plan = FitPlan(
            epochs=epochs,
            early_stopping=stopping,
            fingerprint="print",
            save_checkpoint=saved.append,
            causes=lambda: "",
            rate_after=lambda losses: plateau_rate(optimizer, losses),
        )
        fit = Fitter(cast(Engine, engine), TwoChunks(), plan, lambda report: None)
        fit.fit(checkpoint)
        return engine.rates, saved

    def test_it_follows_the_monitored_loss(self) -> None:
        assert self.run(6)[0] == [0.4, 0.4, 0.4, 0.2, 0.2, 0.1]
        # The training loss is always 1 here.
        assert self.run(3, monitor="loss")[0] == [0.4, 0.4, 0.2]

    def test_a_resumed_run_has_the_same_rates(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("models.training.fitting.CHECKPOINT_SECONDS", 0.0)
        before, saved = self.run(3)
        after, _ = self.run(6, checkpoint=saved[-1])
        assert before + after == [0.4, 0.4, 0.4, 0.2, 0.2, 0.1]


class TestProgress:
    def test_every_epoch_is_reported_with_its_losses(self) -> None:
        reports: list[Progress] = []
        fitter(ScriptedEngine([3.0, 2.0]), epochs=2, reports=reports).fit(None)
        assert [(r.phase, r.epoch, r.fraction) for r in reports] == [
            ("compiling", 0, 0.0),
            ("training", 1, 0.5),
            ("training", 2, 1.0),
        ]
        assert [r.val_loss for r in reports] == [None, 3.0, 2.0]
        assert reports[-1].eta_seconds == 0.0

    def test_long_epochs_are_reported_from_inside(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("models.training.fitting.PROGRESS_SECONDS", 0.0)
        reports: list[Progress] = []
        fitter(ScriptedEngine([3.0]), epochs=1, reports=reports).fit(None)
        assert [r.fraction for r in reports] == [0.0, 0.5, 1.0, 1.0, 1.0]
