"""Default values of a spec, chosen from the series' kind, cadence and length."""

from typing import Any

from models.calendars.cadence import Cadence
from models.calendars.cycles import Cycle
from models.calendars.holidays import named_codes
from models.checks.profile import Layout, SeriesProfile
from models.features.lanes import default_lane_sizes
from models.features.scaling import Transform
from models.grid.summaries import Aggregate
from models.spec.spec import EarlyStoppingSpec, HeadSpec, LayerSpec, OptimizerSpec, Spec

DAY_SECONDS = 86_400
# A yearly cycle is learnt from at least one and a half years.
YEAR_SECONDS_TO_LEARN = 548 * DAY_SECONDS

QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)

# The bound of the spec's field `classes`; larger numbers are refused there.
MOST_CLASSES = 1000

_HORIZONS = {"1min": 15, "1D": 7, "B": 5, "7D": 12, "MS": 12, "ME": 12, "QS": 4, "QE": 4}


def fill_defaults(spec: Spec, profile: SeriesProfile, layout: Layout) -> Spec:
    """Give a value to every field that a spec leaves out.

    The same spec and series give the same result, and filling a filled spec changes nothing.
    Fields of the other mode stay None.

    Args:
        spec: The requested spec; it may be one that cannot work.
        profile: The series.
        layout: The series' rows at the spec's cadence.
    """
    targets = default_targets(spec, profile) if spec.targets is None else spec.targets
    filled = spec.model_copy(
        update={
            "targets": targets,
            "features": _features(spec, profile),
            "holidays": named_codes(spec.holidays) or None,
            "cadence": layout.step.text,
            "aggregate": spec.aggregate or _aggregate(profile, layout),
            "calendar_features": _calendar_features(spec, profile, layout),
            "transform": spec.transform or _transform(spec, profile, targets),
            "classes": spec.classes or _classes(spec, profile, targets),
            **_leads(spec, layout),
        }
    )
    sizes = (
        _lane_fields(filled, layout) if spec.mode == "stateful" else _window_fields(filled, layout)
    )
    return filled.model_copy(update={**sizes, **_network(filled, layout), **_run(filled, layout)})


def default_targets(spec: Spec, profile: SeriesProfile) -> list[str]:
    """The close of market bars; otherwise every varying channel except angles.

    Known-future channels are not targets. For classification, the channels with class codes.
    """
    known = set(spec.known_future)
    unknown = [channel for channel in profile.varying if channel.name not in known]
    if spec.task == "classification":
        return [channel.name for channel in unknown if channel.codes]
    closes = [name for name in profile.names if name.casefold() == "close"]
    if profile.kind == "ohlc" and closes and not set(closes) & known:
        return closes
    not_angular = [channel.name for channel in unknown if not channel.angular]
    return not_angular or [channel.name for channel in unknown]


def _features(spec: Spec, profile: SeriesProfile) -> list[str]:
    """All varying channels, or the requested ones; both include the known-future channels."""
    if spec.features is None:
        return [channel.name for channel in profile.varying]
    return [*spec.features, *(name for name in spec.known_future if name not in spec.features)]


def _aggregate(profile: SeriesProfile, layout: Layout) -> Aggregate | None:
    if layout.step == Cadence.parse(profile.cadence):
        return None
    return "ohlc" if profile.kind == "ohlc" else "last"


def _transform(spec: Spec, profile: SeriesProfile, targets: list[str]) -> Transform:
    """Log returns for positive prices, none for class codes, otherwise differences."""
    if spec.task == "classification":
        return "none"
    minima = [channel.minimum for channel in profile.channels if channel.name in targets]
    positive = all(minimum is not None and minimum > 0 for minimum in minima)
    return "log_return" if profile.kind == "ohlc" and positive else "delta"


def _classes(spec: Spec, profile: SeriesProfile, targets: list[str]) -> int | None:
    """The targets' largest code plus 1."""
    if spec.task != "classification":
        return None
    found = [channel.maximum for channel in profile.channels if channel.name in targets]
    largest = max((code for code in found if code is not None), default=1.0)
    return int(min(max(largest + 1, 2), MOST_CLASSES))


def _leads(spec: Spec, layout: Layout) -> dict[str, Any]:
    if spec.leads is not None:
        return {"leads": sorted(spec.leads)}
    if spec.horizon is not None or spec.delay is not None:
        return {}
    usual = _HORIZONS.get(
        layout.step.text, 24 if layout.step.approximate_seconds < DAY_SECONDS else 4
    )
    # Each part must contain an origin and its whole forecast, training several of them.
    longest = min([layout.training_rows // 4, *(n - 1 for n in layout.held_out_rows.values())])
    return {"horizon": max(1, min(usual, longest))}


def _calendar_features(spec: Spec, profile: SeriesProfile, layout: Layout) -> list[Cycle]:
    """The cycles that suit the series' kind and that its span covers often enough."""
    if spec.calendar_features is not None:
        return spec.calendar_features
    step_seconds = layout.step.approximate_seconds
    span_seconds = (profile.times[-1] - profile.times[0]).astype(int) / 1e6
    found: list[Cycle] = []
    if step_seconds < DAY_SECONDS:
        found.append("day")
    if step_seconds < 7 * DAY_SECONDS and profile.kind == "generic":
        found.append("week")
    yearly = step_seconds < 180 * DAY_SECONDS and span_seconds >= YEAR_SECONDS_TO_LEARN
    if yearly and profile.kind != "ohlc":
        found.append("year")
    return found


def _lane_fields(spec: Spec, layout: Layout) -> dict[str, Any]:
    rows = layout.rows_to_learn
    sizes = default_lane_sizes(rows, layout.tracks)
    chunk = spec.chunk or sizes.chunk
    fitting = max(1, min(sizes.lanes, rows // chunk))
    return {
        "chunk": chunk,
        "lanes": spec.lanes or fitting,
        "burn_in": min(sizes.burn_in, chunk) if spec.burn_in is None else spec.burn_in,
        "shuffle": bool(spec.shuffle),
    }


def _window_fields(spec: Spec, layout: Layout) -> dict[str, Any]:
    rows = layout.rows_to_learn
    farthest = max(spec.lead_steps, default=1)
    wanted = max(layout.season_steps, 2 * farthest, 24)
    lookback = spec.lookback or max(1, min(wanted, 512, layout.training_rows // 4))
    batch_size = spec.batch_size or (128 if rows > 10_000 else 32)
    return {
        "lookback": lookback,
        "step": spec.step or 1,
        "batch_size": batch_size,
        "steps_per_epoch": spec.steps_per_epoch or min(500, -(-rows // batch_size)),
        "shuffle": True if spec.shuffle is None else spec.shuffle,
    }


def _network(spec: Spec, layout: Layout) -> dict[str, Any]:
    given = spec.model_fields_set
    stateful = spec.mode == "stateful"
    has_highway = stateful and not spec.predicts_classes
    layers = spec.layers or [LayerSpec(cell="lstm", units=_units(layout))]
    return {
        "layers": [
            layer if layer.stateful is not None else layer.model_copy(update={"stateful": stateful})
            for layer in layers
        ],
        "head": _head(spec),
        "highway": spec.highway if has_highway or "highway" in given else None,
        "shrinkage": _shrinks(spec) if spec.shrinkage is None else spec.shrinkage,
        **_loss(spec),
    }


def _head(spec: Spec) -> HeadSpec:
    """The head; for classes, with a softmax unless the spec asks for another activation."""
    head = spec.head if "head" in spec.model_fields_set else HeadSpec(dropout=0.3)
    if spec.predicts_classes and "activation" not in head.model_fields_set:
        return head.model_copy(update={"activation": "softmax"})
    return head


def _shrinks(spec: Spec) -> bool:
    """Whether shrinkage is on by default: only for linear point forecasts of changes."""
    linear = spec.head.activation == "linear"
    point = spec.task == "regression" and spec.quantiles is None and spec.loss != "pinball"
    return spec.mode == "stateful" and spec.transform != "none" and linear and point


def _loss(spec: Spec) -> dict[str, Any]:
    """Quantiles and the pinball loss imply each other; the median is always among them.

    Classes use the cross-entropy of their head.
    """
    if spec.predicts_classes:
        single = spec.head.activation == "sigmoid"
        usual = "binary_crossentropy" if single else "sparse_categorical_crossentropy"
        return {"loss": spec.loss if "loss" in spec.model_fields_set else usual}
    if spec.quantiles is None and spec.loss != "pinball":
        return {}
    wanted = QUANTILES if spec.quantiles is None else spec.quantiles
    # The absolute error is twice the median's pinball loss.
    loss = "pinball" if spec.loss == "mae" else spec.loss
    return {"quantiles": sorted({*wanted, 0.5}), "loss": loss}


def _units(layout: Layout) -> int:
    """Fewer units for fewer rows."""
    rows = layout.rows_to_learn
    return 16 if rows < 1_000 else 32 if rows < 10_000 else 64


def _run(spec: Spec, layout: Layout) -> dict[str, Any]:
    """Epochs, optimizer and early stopping; short series have short epochs, so more of them."""
    rows = layout.rows_to_learn
    stateful = spec.mode == "stateful"
    given = spec.model_fields_set
    epochs = (100 if rows < 2_000 else 40) if stateful else 20
    patience = (15 if rows < 2_000 else 5) if stateful else 5
    validated = "validation" in layout.held_out_rows or layout.splits is None
    stopping = EarlyStoppingSpec(monitor="val_loss" if validated else "loss", patience=patience)
    optimizer = OptimizerSpec(learning_rate=2e-3 if stateful else 1e-3, clipnorm=1.0)
    return {
        "epochs": spec.epochs or epochs,
        "optimizer": spec.optimizer if "optimizer" in given else optimizer,
        "early_stopping": spec.early_stopping if "early_stopping" in given else stopping,
    }
