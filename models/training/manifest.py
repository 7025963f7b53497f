"""The manifest: everything serving needs about a forecaster, and what it was trained on."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from models.arrays import Times
from models.evaluation.panel_report import pool_data
from models.features.prepare import Prepared, PreparedSeries
from models.features.windows import window_reach
from models.network.builders import describe_network
from models.network.losses import MEDIAN
from models.series import SeriesData, iso
from models.serving.artefact import FORMAT
from models.spec.spec import Spec
from models.training.hashing import arrays_sha256
from models.training.loaders import member_states


def describe(
    spec: Spec, panel: Sequence[SeriesData], prepared: Prepared, network: keras.Model
) -> dict[str, Any]:
    """The manifest of a trained network.

    Args:
        spec: The resolved spec.
        panel: The series.
        prepared: The same series, prepared for training.
        network: The network as it will be served.

    Returns:
        Plain values. Grid, calendar, scales and intervals are those of the first series; `panel`
        holds those of each series if there are several. Intervals are added later.
    """
    data, fit = panel[0], prepared.series[0].fit
    channels = [prepared.channels[column] for column in prepared.targets]
    stateful = spec.mode == "stateful"
    laid, dataset_classes = prepared.dataset.highway, prepared.dataset.classes
    return {
        "format": FORMAT,
        "spec": spec.to_json(),
        "series": {
            "name": data.name,
            "kind": data.kind,
            "timezone": data.timezone,
            "calendar": data.calendar,
        },
        "panel": _panel_entries(prepared),
        "cadence": fit.rule.step.text,
        "channels": [channel.name for channel in prepared.channels],
        "grid": fit.rule.to_json(),
        "calendar": fit.calendar.to_json(),
        "features": prepared.pipeline.to_json(),
        "targets": {
            "names": [channel.name for channel in channels],
            "units": [channel.unit for channel in channels],
            "columns": prepared.targets,
            "quantiles": spec.quantiles or list(MEDIAN),
            "classes": dataset_classes and dataset_classes.to_json(),
            "scaling": fit.scaling.to_json(),
        },
        "highway": laid and laid.highway.reader.to_json(),
        "known_effects": prepared.effects and prepared.effects.to_json(),
        "intervals": None,
        "window": None if stateful else {"lookback": spec.lookback, "step": spec.step},
        "states": member_states(spec) if stateful else [],
        "least_rows": _least_rows(spec),
        "data": _data_report(prepared),
        "network": describe_network(network),
    }


def _panel_entries(prepared: Prepared) -> list[dict[str, Any]]:
    """Grid and scales of each series of a panel; empty for a single series."""
    if len(prepared.series) == 1:
        return []
    return [{**each.fit.to_json(), "intervals": None} for each in prepared.series]


def _least_rows(spec: Spec) -> int:
    """Rows needed for the first forecast: the burn-in without loss, or a whole window."""
    if spec.mode == "stateful":
        return max(1, spec.burn_in or 0)
    return 1 + window_reach(spec.lookback or 1, spec.step or 1)


def _data_report(prepared: Prepared) -> dict[str, Any]:
    infinite = sum(int(np.isinf(each.observed[1]).sum()) for each in prepared.series)
    return {
        **pool_data([_series_report(each) for each in prepared.series]),
        "dropped_channels": [asdict(channel) for channel in prepared.dropped],
        "known_future": _known_future_sentence(prepared),
        "infinite_values": infinite,
        "sha256": prepared.sha256,
        "arrays_sha256": arrays_sha256(prepared.dataset),
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


def _known_future_sentence(prepared: Prepared) -> str | None:
    """A sentence about the channels that the reported errors assume to be known in advance."""
    columns = prepared.pipeline.known_columns
    if not columns:
        return None
    names = ", ".join(prepared.channels[column].name for column in sorted(columns))
    return (
        f"The errors were measured with the actual values of {names} at the target times, as if "
        "they had been known exactly; a forecast is as accurate as the values in its request."
    )


def _span_report(times: Times, first: int, stop: int) -> dict[str, Any]:
    if first >= stop:
        return {"rows": 0, "first": None, "last": None}
    return {"rows": stop - first, "first": iso(times[first]), "last": iso(times[stop - 1])}
