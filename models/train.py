"""Training: from a spec and a series to a bundle with its report."""

import hashlib
import json
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime

from models.artefact import FORMAT, Artefact, write_bundle
from models.builders import (
    add_highway,
    build_network,
    describe_network,
    scale_outputs,
    state_shapes,
)
from models.checks import SeriesFacts, resolve
from models.engine import device_name, make_engine, make_optimizer
from models.errors import TrainingError
from models.evaluate import evaluate
from models.export import export_onnx, verify_export
from models.fitting import Feed, FitPlan, Fitter, Phase, Progress
from models.highway_fitting import Choice, choose_highway
from models.lags import LaidHighway
from models.lanes import LaneFeed, LaneSizes
from models.panel_report import pool_data, pool_metrics
from models.prepare import Prepared, PreparedSeries, prepare
from models.runtime import Forecaster
from models.scaling import Floats
from models.series import SeriesData, Times, as_panel
from models.shrinkage import fit_shares
from models.spec import Spec
from models.windows import WindowFeed, Windows, window_offsets

Report = Callable[[Progress], None]

# What share of a run's fraction the epochs are; the rest is before and after them.
FIT_BEGINS, FIT_ENDS = 0.05, 0.9
VERIFIED_ROWS = 256


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained forecaster and everything there is to know about how it came about.

    Args:
        bundle: Manifest, Keras model and ONNX graph in one zip.
        manifest: What serving needs, with the fields below.
        spec: The spec with every default filled in.
        data: Rows, span, splits, left-out channels and the SHA-256 of the training values; of a
            panel also those of each series, as `series`.
        network: Layers and parameters.
        metrics: Per part of the split, target and lead, in original units; of a panel the means
            over its series.
        metrics_by_series: The same of each series by its name.
        history: One `{epoch, loss, val_loss, seconds}` per epoch.
        training: Seconds, epochs, device, library versions, seed.
    """

    bundle: bytes
    manifest: dict[str, Any]
    spec: dict[str, Any]
    data: dict[str, Any]
    network: dict[str, Any]
    metrics: dict[str, Any]
    metrics_by_series: dict[str, dict[str, Any]]
    history: list[dict[str, Any]]
    training: dict[str, Any]


def train(
    spec: Spec,
    data: SeriesData | Sequence[SeriesData],
    *,
    progress: Report = lambda progress: None,
    checkpoint: bytes | None = None,
    save_checkpoint: Callable[[bytes], None] | None = None,
) -> Trained:
    """Train a forecaster.

    Args:
        spec: What to train; `Spec()` is a sensible forecaster for any series.
        data: The whole series, or those of a panel: one network learns from all of them, each
            split, scaled and carried through on its own.
        progress: Called at least twice a second while epochs run. What it raises ends the
            training, which is how a run is cancelled.
        checkpoint: What an earlier, interrupted run of the same spec and data saved last.
        save_checkpoint: Takes a checkpoint after an epoch, at most once a second.

    Returns:
        The bundle and its report.

    Raises:
        SpecError: If the spec cannot work on this series.
        TrainingError: If the loss stops being a number or the export does not agree.
    """
    began = time.perf_counter()
    panel = as_panel(data)
    spec = resolve(spec, [SeriesFacts.from_data(each) for each in panel])
    notify = _Notifier(progress, spec.epochs or 1)
    notify("preparing", 0.0)
    prepared, choice = lay_highway(spec, prepare(spec, panel))
    feed = make_feed(spec, prepared)
    network = _network(spec, prepared)
    optimizer = make_optimizer(spec.optimizer, feed.updates_per_epoch * (spec.epochs or 1))
    engine = make_engine(network, optimizer, spec.loss)
    plan = FitPlan(
        spec.epochs or 1, spec.early_stopping, _fingerprint(spec, prepared), save_checkpoint
    )
    run = Fitter(engine, feed, plan, notify.fitting).fit(checkpoint)
    engine.finish(run.best_weights)

    notify("exporting", FIT_ENDS)
    shares = _shrink(network, spec, feed)
    laid = prepared.dataset.highway
    if laid is not None:
        network = add_highway(network, laid.highway)
    graph = export_onnx(network, spec, laid.highway if laid else None)
    difference = verify_export(network, graph, _verified_inputs(prepared, feed))
    manifest = _manifest(spec, panel, prepared, network)
    keras_bytes = _keras_bytes(network)
    notify("evaluating", (FIT_ENDS + 1) / 2)
    served = Forecaster.from_bundle(write_bundle(Artefact(manifest, keras_bytes, graph)))
    by_series = {each.fit.name: _evaluate(served, each) for each in prepared.series}
    metrics = pool_metrics(list(by_series.values()))
    training = {
        "seconds": round(time.perf_counter() - began, 3),
        "fit_seconds": round(run.seconds, 3),
        "epochs": run.epoch,
        "best_epoch": run.best_epoch,
        "device": device_name(),
        "versions": _versions(),
        "seed": spec.seed,
        "export_difference": difference,
        "highway": choice and choice.report,
        "shares": shares,
    }
    manifest |= {"metrics": metrics, "history": run.history, "training": training}
    notify("evaluating", 1.0)
    return Trained(
        bundle=write_bundle(Artefact(manifest, keras_bytes, graph)),
        manifest=manifest,
        spec=manifest["spec"],
        data=manifest["data"],
        network=manifest["network"],
        metrics=metrics,
        metrics_by_series=by_series,
        history=run.history,
        training=training,
    )


class _Notifier:
    """Puts the phases of a run on one scale from 0 to 1."""

    def __init__(self, progress: Report, epochs: int) -> None:
        self._progress = progress
        self._last = Progress("preparing", 0.0, 0, epochs, None, None, None)

    def __call__(self, phase: Phase, fraction: float) -> None:
        """Report a phase before or after the epochs."""
        self._send(replace(self._last, phase=phase, fraction=fraction, eta_seconds=None))

    def fitting(self, fit: Progress) -> None:
        """Report the epochs' own progress."""
        self._send(replace(fit, fraction=FIT_BEGINS + (FIT_ENDS - FIT_BEGINS) * fit.fraction))

    def _send(self, progress: Progress) -> None:
        self._last = progress
        self._progress(progress)


def make_feed(spec: Spec, prepared: Prepared) -> Feed:
    """The batches that a spec asks for: lanes of the series, or windows.

    Raises:
        TrainingError: If not even one window fits into the training rows.
    """
    if spec.mode == "stateful":
        sizes = LaneSizes(spec.chunk or 1, spec.lanes or 1, spec.burn_in or 0)
        return LaneFeed.of(prepared.dataset, sizes, state_shapes(spec.layers or []))
    offsets = window_offsets(spec.lookback or 1, spec.step or 1)
    training = Windows.of(prepared.dataset, "train", offsets)
    size = min(spec.batch_size or 32, len(training.origins))
    if size == 0:
        raise TrainingError(
            f"No window of {spec.lookback} rows and {max(spec.lead_steps)} steps ahead fits into "
            "the training rows."
        )
    return WindowFeed(
        training=training,
        validation=Windows.of(prepared.dataset, "validation", offsets),
        batch_size=size,
        updates_per_epoch=spec.steps_per_epoch or -(-len(training.origins) // size),
        seed=spec.seed,
    )


def _network(spec: Spec, prepared: Prepared) -> keras.Model:
    return build_network(
        spec.layers or [],
        spec.head,
        features=prepared.pipeline.width,
        outputs=prepared.dataset.outputs,
        stateful=spec.mode == "stateful",
        seed=spec.seed,
    )


def lay_highway(spec: Spec, prepared: Prepared) -> tuple[Prepared, Choice | None]:
    """Fit the spec's highway, if it has one, and take what it says off the labels."""
    if spec.highway is None:
        return prepared, None
    dataset = prepared.dataset
    choice = choose_highway(dataset, spec.highway, prepared.calendar.season_steps, spec.loss)
    if choice.highway is None:
        return prepared, choice
    lags = choice.highway.reader.lags
    laid = LaidHighway.over(
        choice.highway, dataset.lag_readers(lags), dataset.base, dataset.first_rows
    )
    pipeline = replace(prepared.pipeline, lags=lags)
    return replace(prepared, dataset=replace(dataset, highway=laid), pipeline=pipeline), choice


def _shrink(network: keras.Model, spec: Spec, feed: Feed) -> list[float] | None:
    """Scale the network's outputs by what is best on validation; None if that is not wanted."""
    if not spec.shrinkage or next(feed.validation_batches(), None) is None:
        return None
    graph = export_onnx(network, spec)
    penalty = np.square if spec.loss == "mse" else np.abs
    shares = fit_shares(graph, feed.validation_batches(), feed.state_shapes, penalty)
    scale_outputs(network, shares)
    return [round(share, 2) for share in shares.tolist()]


def _verified_inputs(prepared: Prepared, feed: Feed) -> list[Floats]:
    """Inputs that training never learnt from, or its own if nothing was held out."""
    batch = next(feed.validation_batches(), None) or next(feed.train_batches(1))
    features = batch.features[:VERIFIED_ROWS]
    laid = prepared.dataset.highway
    if laid is None:
        return [features]
    # One row of lags for every output: a step of a sequence, or a window.
    rows = np.arange(batch.labels[:VERIFIED_ROWS, ..., 0].size).reshape(
        batch.labels[:VERIFIED_ROWS].shape[:-1]
    )
    return [features, laid.table.inputs(rows % len(prepared.dataset.features))]


def _evaluate(forecaster: Forecaster, series: PreparedSeries) -> dict[str, Any]:
    own = forecaster.for_series(series.fit.name)
    return evaluate(own, *series.observed, series.track, series.fit.calendar.season_steps)


def _manifest(
    spec: Spec, panel: Sequence[SeriesData], prepared: Prepared, network: keras.Model
) -> dict[str, Any]:
    """Everything that serving needs, and what was trained on which data.

    Grid, calendar and scales are those of the first series; `panel` holds those of each
    where there are several.
    """
    data, fit = panel[0], prepared.series[0].fit
    channels = [prepared.channels[column] for column in prepared.targets]
    stateful = spec.mode == "stateful"
    laid = prepared.dataset.highway
    return {
        "format": FORMAT,
        "spec": spec.to_json(),
        "series": {
            "name": data.name,
            "kind": data.kind,
            "timezone": data.timezone,
            "calendar": data.calendar,
        },
        "panel": [each.fit.to_json() for each in prepared.series] if len(panel) > 1 else [],
        "cadence": fit.rule.step.text,
        "channels": [channel.name for channel in prepared.channels],
        "grid": fit.rule.to_json(),
        "calendar": fit.calendar.to_json(),
        "features": prepared.pipeline.to_json(),
        "targets": {
            "names": [channel.name for channel in channels],
            "units": [channel.unit for channel in channels],
            "columns": prepared.targets,
            "scaling": fit.scaling.to_json(),
        },
        "highway": laid and laid.highway.reader.to_json(),
        "window": None if stateful else {"lookback": spec.lookback, "step": spec.step},
        "states": state_shapes(spec.layers or []) if stateful else [],
        "least_rows": _least_rows(spec),
        "data": _data_report(prepared),
        "network": describe_network(network),
    }


def _least_rows(spec: Spec) -> int:
    """Rows before the first forecast: the burn-in without loss, or a whole window."""
    if spec.mode == "stateful":
        return max(1, spec.burn_in or 0)
    return 1 - int(window_offsets(spec.lookback or 1, spec.step or 1)[0])


def _data_report(prepared: Prepared) -> dict[str, Any]:
    infinite = sum(int(np.isinf(each.observed[1]).sum()) for each in prepared.series)
    return {
        **pool_data([_series_report(each) for each in prepared.series]),
        "dropped_channels": [asdict(channel) for channel in prepared.dropped],
        "infinite_values": infinite,
        "sha256": prepared.sha256,
    }


def _series_report(series: PreparedSeries) -> dict[str, Any]:
    track, times = series.track, series.times
    spans = {part: track.span(part) for part in ("train", "validation", "test")}
    return {
        "name": series.fit.name,
        "rows": len(times),
        "first": iso(times[0]),
        "last": iso(times[-1]),
        "splits": {part: _span_report(times, *span) for part, span in spans.items()},
        "sha256": series.sha256,
    }


def _span_report(times: Times, first: int, stop: int) -> dict[str, Any]:
    if first >= stop:
        return {"rows": 0, "first": None, "last": None}
    return {"rows": stop - first, "first": iso(times[first]), "last": iso(times[stop - 1])}


def iso(time: np.datetime64) -> str:
    """A UTC moment as ISO 8601 with `Z`."""
    return f"{np.datetime_as_string(time.astype('datetime64[us]')).removesuffix('.000000')}Z"


def _fingerprint(spec: Spec, prepared: Prepared) -> str:
    text = json.dumps([spec.to_json(), prepared.sha256, _versions()], sort_keys=True)
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
    """The network in Keras' own format, which can only be written to a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        network.save(path)
        return path.read_bytes()
