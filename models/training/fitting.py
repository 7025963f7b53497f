"""Run epochs over batches with progress, checkpoints, early stopping and restore."""

import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from models.errors import TrainingError
from models.features.dataset import Batch
from models.network.engine import Arrays, Engine, zero_states
from models.network.losses import Tensor
from models.spec.spec import EarlyStoppingSpec
from models.training.checkpoint import TrainingRun, read_checkpoint, write_checkpoint

Phase = Literal["preparing", "compiling", "training", "exporting", "evaluating"]
AfterEpoch = Callable[[int, float | None], None]

PROGRESS_SECONDS = 0.5
# Epochs of a small series take milliseconds: losing a second of work costs less than saving it.
CHECKPOINT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training run is; floats are finite or None.

    Args:
        phase: The current phase.
        fraction: The completed fraction of the whole run, from 0 to 1.
        epoch: The epoch being trained, from 1; 0 before the first.
        epochs: The largest number of epochs.
        loss: The last known training loss.
        val_loss: The last known validation loss.
        eta_seconds: The remaining time without early stopping.
    """

    phase: Phase
    fraction: float
    epoch: int
    epochs: int
    loss: float | None
    val_loss: float | None
    eta_seconds: float | None


class Loader(Protocol):
    """A source of batches: lanes of a series, or windows."""

    def train_batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch; the same epoch always gives the same batches."""
        ...

    def validation_batches(self) -> Iterator[Batch]:
        """The batches of the validation span, in time order."""
        ...

    @property
    def updates_per_epoch(self) -> int:
        """The number of batches in an epoch."""
        ...

    @property
    def state_shapes(self) -> list[tuple[str, int]]:
        """Name and units of the states carried from batch to batch; none if there are none."""
        ...


@dataclass(frozen=True, slots=True)
class FitPlan:
    """The settings of a run.

    Args:
        epochs: The largest number of epochs.
        early_stopping: When to stop and restore the best epoch; None for never.
        fingerprint: Identifies the spec and the data in checkpoints.
        save_checkpoint: Stores a checkpoint after an epoch, at most once a second.
        after_epoch: Called after each epoch with its number and its validation loss. An exception
            from it ends the run.
        causes: Returns sentences about likely causes of a loss that is not finite.
        rate_after: Returns the learning rate after epochs with these monitored losses; None if
            the rate does not depend on them.
    """

    epochs: int
    early_stopping: EarlyStoppingSpec | None
    fingerprint: str
    save_checkpoint: Callable[[bytes], None] | None
    causes: Callable[[], str]
    after_epoch: AfterEpoch = lambda epoch, val_loss: None
    rate_after: Callable[[list[float]], float] | None = None


class Fitter:
    """Runs the epochs of one training run."""

    def __init__(
        self, engine: Engine, loader: Loader, plan: FitPlan, progress: Callable[[Progress], None]
    ) -> None:
        self._engine = engine
        self._loader = loader
        self._plan = plan
        self._progress = progress
        self._run = TrainingRun()
        self._reported_at = self._saved_at = time.perf_counter()

    def fit(self, checkpoint: bytes | None) -> TrainingRun:
        """Train until the last epoch or early stopping.

        Args:
            checkpoint: What to resume from; None starts with the first epoch.

        Returns:
            The run; the weights to serve are its `best_weights`.

        Raises:
            TrainingError: If the loss becomes NaN or infinite, or no training row has a label.
        """
        self._resume(checkpoint)
        self._report("compiling", 0)
        while self._run.epoch < self._plan.epochs and not self._should_stop():
            self._epoch(self._run.epoch + 1)
        return self._run

    def _resume(self, checkpoint: bytes | None) -> None:
        found = checkpoint and read_checkpoint(checkpoint, self._plan.fingerprint)
        if found:
            self._run, variables = found
            self._engine.restore(variables)

    def _should_stop(self) -> bool:
        stopping = self._plan.early_stopping
        return stopping is not None and self._run.epoch - self._run.best_epoch >= stopping.patience

    def _epoch(self, epoch: int) -> None:
        began = time.perf_counter()
        loss = self._train_epoch(epoch)
        val_loss = self._pass(
            self._engine.test, self._loader.validation_batches(), lambda done: self._tick(1.0)
        )
        if not all(math.isfinite(value) for value in (loss, val_loss) if value is not None):
            raise TrainingError(self._diverged(epoch))
        seconds = time.perf_counter() - began
        self._run.epoch = epoch
        self._run.seconds += seconds
        self._run.history.append(
            {"epoch": epoch, "loss": loss, "val_loss": val_loss, "seconds": round(seconds, 4)}
        )
        self._update_best(epoch, self._monitored(loss, val_loss))
        if self._plan.rate_after is not None:
            self._engine.set_learning_rate(self._plan.rate_after(self._monitored_losses()))
        self._save()
        self._report("training", 0)
        self._plan.after_epoch(epoch, val_loss)

    def _tick(self, part_of_epoch: float) -> None:
        """Report from inside an epoch, if the last report is old enough."""
        if time.perf_counter() - self._reported_at >= PROGRESS_SECONDS:
            self._report("training", part_of_epoch)

    def _train_epoch(self, epoch: int) -> float:
        updates = self._loader.updates_per_epoch
        loss = self._pass(
            self._engine.train,
            self._loader.train_batches(epoch),
            lambda done: self._tick(done / updates),
        )
        if loss is None:
            raise TrainingError("No training row has a known target value within its leads.")
        return loss

    def _pass(
        self,
        step: Callable[[list[Tensor], Batch], tuple[Tensor, list[Tensor]]],
        batches: Iterator[Batch],
        tick: Callable[[int], None],
    ) -> float | None:
        """Carry the states through batches; the weighted mean loss, None if all weights are 0."""
        losses, weights = [], []
        states: list[Tensor] | None = None
        for done, batch in enumerate(batches, start=1):
            if states is None:
                states = zero_states(self._loader.state_shapes, len(batch.features))
            loss, states = step(states, batch)
            losses.append(loss)
            weights.append(float(batch.weights.sum()))
            tick(done)
        total = sum(weights)
        if total == 0:
            return None
        return (
            sum(float(loss) * weight for loss, weight in zip(losses, weights, strict=True)) / total
        )

    def _monitored(self, loss: float, val_loss: float | None) -> float:
        """The validation loss; the training loss if there is none or the spec monitors it."""
        stopping = self._plan.early_stopping
        return loss if val_loss is None or (stopping and stopping.monitor == "loss") else val_loss

    def _monitored_losses(self) -> list[float]:
        return [self._monitored(row["loss"], row["val_loss"]) for row in self._run.history]

    def _update_best(self, epoch: int, monitored: float) -> None:
        best = self._run.best_loss
        # Without early stopping the weights of the last epoch are used.
        if self._plan.early_stopping is None or best is None or monitored < best:
            self._run.best_epoch, self._run.best_loss = epoch, monitored
            self._run.best_weights = self._engine.weights()

    def _diverged(self, epoch: int) -> str:
        """The message for the owner of the run; the best weights so far are saved first."""
        message = f"The loss is not finite in epoch {epoch}. {self._plan.causes()}"
        if self._run.epoch == 0 or self._plan.save_checkpoint is None:
            return message
        variables = {**self._engine.snapshot(), "trainable": self._run.best_weights}
        self._plan.save_checkpoint(self._checkpoint(variables))
        return (
            f"{message} The checkpoint keeps the weights of epoch {self._run.best_epoch}, the best "
            f"before it (loss {self._run.best_loss:.4g})."
        )

    def _save(self) -> None:
        now = time.perf_counter()
        due = self._run.epoch == 1 or now - self._saved_at >= CHECKPOINT_SECONDS
        if due and self._plan.save_checkpoint is not None:
            self._plan.save_checkpoint(self._checkpoint(self._engine.snapshot()))
            self._saved_at = now

    def _checkpoint(self, variables: dict[str, Arrays]) -> bytes:
        return write_checkpoint(self._plan.fingerprint, self._run, variables)

    def _epoch_seconds(self) -> float:
        """The median length of an epoch: the first one also compiles and takes longer."""
        return float(statistics.median(row["seconds"] for row in self._run.history))

    def _report(self, phase: Phase, part_of_epoch: float) -> None:
        self._reported_at = time.perf_counter()
        run, epochs = self._run, self._plan.epochs
        done = run.epoch + part_of_epoch
        last: dict[str, Any] = run.history[-1] if run.history else {}
        rest = (epochs - done) * self._epoch_seconds() if run.epoch else None
        self._progress(
            Progress(
                phase=phase,
                fraction=done / epochs,
                epoch=min(run.epoch + (part_of_epoch > 0), epochs),
                epochs=epochs,
                loss=last.get("loss"),
                val_loss=last.get("val_loss"),
                eta_seconds=rest,
            )
        )
