"""Train a forecaster: from a spec and a series to a bundle with its report."""

import hashlib
import json
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime

from models.checks.layers import steps_per_row
from models.checks.resolve import SeriesProfile, resolve
from models.evaluation.leakage_audit import audit_forecasts, audit_report, audit_training
from models.evaluation.report import (
    QualityReport,
    describe_inputs,
    put_intervals,
    report_quality,
)
from models.features.class_balance import ClassBalance
from models.features.highway_fitting import Choice, choose_highway
from models.features.known_effects import KnownEffects
from models.features.lags import LaidHighway
from models.features.lanes import LaneLoader
from models.features.prepare import Prepared, prepare
from models.features.windows import WindowLoader
from models.network.backend import device_name, gpu_name, make_deterministic, make_engine
from models.network.builders import build_network, start_outputs
from models.network.devices import describe_kernels, machine_facts
from models.network.losses import objective_of, outputs_per_label
from models.network.optimizers import make_optimizer, plateau_rate
from models.network.precision import (
    build_for_training,
    network_to_serve,
    require_precision,
    scale_losses,
)
from models.series import SeriesData, as_panel
from models.serving.artefact import Bundle, write_bundle
from models.serving.forecaster import Forecaster
from models.serving.session import open_session
from models.spec.spec import Spec
from models.training.checkpoint import TrainingRun
from models.training.divergence import likely_causes
from models.training.finalize import finalize
from models.training.fitting import AfterEpoch, FitPlan, Fitter, Phase, Progress
from models.training.hashing import read_weights, weights_sha256
from models.training.loaders import make_loader
from models.training.manifest import describe
from models.training.trained import Trained
from models.training.warm_start import WarmStart

ReportProgress = Callable[[Progress], None]

# The epochs run between these fractions of a run; the rest comes before and after them.
FIT_BEGINS, FIT_ENDS = 0.05, 0.9


@dataclass(frozen=True, slots=True)
class TrainingInputs:
    """Everything that training reads, before its first epoch.

    Args:
        prepared: Arrays of the series; with a highway the labels are its residuals.
        choice: How the highway was chosen; None if the spec has none.
        loader: The batches.
        balance: Class frequencies; None if values are predicted.
    """

    prepared: Prepared
    choice: Choice | None
    loader: LaneLoader | WindowLoader
    balance: ClassBalance | None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A network after its epochs.

    Args:
        network: With the best weights.
        run: The history of its epochs.
        start: The result of `WarmStart.apply`; None without a warm start.
    """

    network: keras.Model
    run: TrainingRun
    start: dict[str, Any] | None


def train(
    spec: Spec,
    data: SeriesData | Sequence[SeriesData],
    *,
    start: WarmStart | None = None,
    progress: ReportProgress = lambda progress: None,
    checkpoint: bytes | None = None,
    save_checkpoint: Callable[[bytes], None] | None = None,
) -> Trained:
    """Train a forecaster.

    Args:
        spec: What to train; `Spec()` is a sensible forecaster for any series.
        data: The whole series, or those of a panel: one network learns from all of them, and each
            has its own split, scales and states.
        start: The forecaster whose weights to begin with; by default they are random. If its
            weights do not fit, they are random too, and the report says why.
        progress: Called at least twice a second while epochs run. An exception from it ends the
            training, which is how a run is cancelled.
        checkpoint: The last checkpoint of an interrupted run of the same spec and data.
        save_checkpoint: Stores a checkpoint after an epoch, at most once a second.

    Returns:
        The bundle and its report.

    Raises:
        SpecError: If the spec cannot work on this series.
        TrainingError: If the loss becomes NaN or infinite, the exported graph does not agree with
            Keras, or the audit finds that something of a later part was used.
    """
    began = time.perf_counter()
    panel = as_panel(data)
    spec = resolve(spec, [SeriesProfile.from_data(each) for each in panel])
    notify = _Notifier(progress, spec.epochs or 1)
    notify("preparing", 0.0)
    inputs = prepare_training(spec, panel)
    prepared, loader = inputs.prepared, inputs.loader
    checks = audit_training(spec, panel, prepared, loader)
    audit_report(checks)
    fitted = fit(
        spec,
        inputs,
        notify.fitting,
        start=start,
        checkpoint=checkpoint,
        save_checkpoint=save_checkpoint,
    )
    network = network_to_serve(spec, fitted.network, partial(_network, spec, prepared))

    notify("exporting", FIT_ENDS)
    final = finalize(network, spec, prepared, loader)
    manifest = describe(spec, panel, prepared, final.network)
    keras_bytes = _keras_bytes(final.network)
    notify("evaluating", (FIT_ENDS + 1) / 2)
    session = open_session(final.graph)
    series, known_columns, choice = prepared.series, prepared.pipeline.known_columns, inputs.choice
    has_intervals = prepared.dataset.classes is None
    # Evaluation reads the series, not the training arrays and batches, which take as much memory.
    del inputs, prepared, loader
    if has_intervals:
        put_intervals(manifest, session, series)
    served = Forecaster(manifest, session)
    audit = audit_report([*checks, *audit_forecasts(served, series, known_columns)])
    manifest["stability"] = describe_inputs(manifest, series)
    quality = report_quality(served, series)
    training = {
        "seconds": round(time.perf_counter() - began, 3),
        **_training_report(spec, fitted, choice, keras_bytes),
        **final.report,
    }
    notify("evaluating", 1.0)
    return _trained(
        Bundle(manifest, keras_bytes, final.graph),
        quality,
        {**quality.diagnostics, "audit": audit},
        history=fitted.run.history,
        training=training,
    )


def _training_report(
    spec: Spec, fitted: Fitted, choice: Choice | None, keras_bytes: bytes
) -> dict[str, Any]:
    """How the training ran, and on what."""
    return {
        "fit_seconds": round(fitted.run.seconds, 3),
        "epochs": fitted.run.epoch,
        "best_epoch": fitted.run.best_epoch,
        "device": device_name(),
        "machine": machine_facts(gpu_name()),
        "kernels": describe_kernels(spec.layers or [], device_name(), keras.backend.backend()),
        "versions": _versions(),
        "seed": spec.seed,
        "weights_sha256": weights_sha256(read_weights(keras_bytes)),
        "highway": choice and choice.report,
        "start": fitted.start,
    }


def _trained(
    bundle: Bundle,
    quality: QualityReport,
    diagnostics: dict[str, Any],
    *,
    history: list[dict[str, Any]],
    training: dict[str, Any],
) -> Trained:
    """The bundle, whose manifest is completed here, and its report."""
    manifest = bundle.manifest
    manifest |= {"metrics": quality.metrics, "history": history, "training": training}
    manifest |= diagnostics
    return Trained(
        bundle=write_bundle(bundle),
        manifest=manifest,
        spec=manifest["spec"],
        data=manifest["data"],
        network=manifest["network"],
        metrics=quality.metrics,
        metrics_by_series=quality.metrics_by_series,
        diagnostics=diagnostics,
        history=history,
        training=training,
    )


def prepare_training(spec: Spec, data: SeriesData | Sequence[SeriesData]) -> TrainingInputs:
    """Prepare arrays, highway and batches of a resolved spec; errors are those of `train`."""
    make_deterministic()
    require_precision(spec, device_name())
    prepared, choice = fit_highway(spec, prepare(spec, data))
    balance = ClassBalance.of(prepared.dataset)
    return TrainingInputs(prepared, choice, make_loader(spec, prepared), balance)


def fit(
    spec: Spec,
    inputs: TrainingInputs,
    progress: ReportProgress,
    *,
    start: WarmStart | None = None,
    checkpoint: bytes | None = None,
    save_checkpoint: Callable[[bytes], None] | None = None,
    after_epoch: AfterEpoch = lambda epoch, val_loss: None,
) -> Fitted:
    """Run the epochs of a resolved spec; arguments and errors are those of `train`."""
    prepared, loader, balance = inputs.prepared, inputs.loader, inputs.balance
    network = build_for_training(spec, lambda: _network(spec, prepared))
    weights = None if balance is None else balance.weights(spec)
    if balance is not None and weights is None:
        start_outputs(network, balance.first_scores, spec.ensemble)
    started = None if start is None else start.apply(network, prepared.series)
    optimizer = make_optimizer(
        spec.optimizer, epochs=spec.epochs or 1, updates_per_epoch=loader.updates_per_epoch
    )
    engine = make_engine(network, scale_losses(spec, optimizer), objective_of(spec, weights))
    plan = FitPlan(
        epochs=spec.epochs or 1,
        early_stopping=spec.early_stopping,
        fingerprint=_fingerprint(spec, prepared, start),
        save_checkpoint=save_checkpoint,
        causes=lambda: likely_causes(spec, float(np.abs(prepared.dataset.features).max())),
        after_epoch=after_epoch,
        rate_after=_rate_after(spec),
    )
    run = Fitter(engine, loader, plan, progress).fit(checkpoint)
    engine.set_weights(run.best_weights)
    return Fitted(network, run, started)


class _Notifier:
    """Maps the phases of a run to one fraction from 0 to 1."""

    def __init__(self, progress: ReportProgress, epochs: int) -> None:
        self._progress = progress
        self._last = Progress("preparing", 0.0, 0, epochs, None, None, None)

    def __call__(self, phase: Phase, fraction: float) -> None:
        """Report a phase before or after the epochs."""
        self._send(replace(self._last, phase=phase, fraction=fraction, eta_seconds=None))

    def fitting(self, fit: Progress) -> None:
        """Report progress within the epochs."""
        self._send(replace(fit, fraction=FIT_BEGINS + (FIT_ENDS - FIT_BEGINS) * fit.fraction))

    def _send(self, progress: Progress) -> None:
        self._last = progress
        self._progress(progress)


def _rate_after(spec: Spec) -> Callable[[list[float]], float] | None:
    """The learning rate as a function of the losses so far; None if it does not depend on them."""
    if spec.optimizer.schedule.name != "reduce_on_plateau":
        return None
    return lambda losses: plateau_rate(spec.optimizer, losses)


def _network(spec: Spec, prepared: Prepared) -> keras.Model:
    return build_network(
        spec.layers or [],
        spec.network_head,
        features=prepared.pipeline.width,
        outputs=prepared.dataset.outputs * outputs_per_label(spec),
        members=spec.ensemble,
        stateful=spec.mode == "stateful",
        seed=spec.seed,
        steps=steps_per_row(spec),
        future=prepared.dataset.future_width,
    )


def fit_highway(spec: Spec, prepared: Prepared) -> tuple[Prepared, Choice | None]:
    """Fit the spec's highway, if it has one; labels become the residuals of its forecasts."""
    if spec.highway is None:
        return prepared, None
    dataset = prepared.dataset
    effects = KnownEffects.fit(dataset)
    explained = dataset if effects is None else effects.removed_from(dataset)
    choice = choose_highway(explained, spec.highway, prepared.calendar.season_steps, spec.loss)
    if choice.highway is None:
        return prepared, choice
    lags = choice.highway.reader.lags
    laid = LaidHighway.over(
        choice.highway, dataset.lag_readers(lags), explained.base, dataset.first_rows
    )
    pipeline = replace(prepared.pipeline, lags=lags)
    dataset = replace(dataset, highway=laid)
    return replace(prepared, dataset=dataset, pipeline=pipeline, effects=effects), choice


def _fingerprint(spec: Spec, prepared: Prepared, start: WarmStart | None) -> str:
    start_weights = [] if start is None else [start.sha256]
    text = json.dumps(
        [spec.to_json(), prepared.sha256, _versions(), *start_weights], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _versions() -> dict[str, str]:
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "keras": keras.__version__,
        backend: version(backend),
        "onnxruntime": onnxruntime.__version__,
    }


def _keras_bytes(network: keras.Model) -> bytes:
    """The network in Keras' format, which Keras only writes to a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        network.save(path)
        return path.read_bytes()
