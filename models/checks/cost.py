"""What a training would cost, in arithmetic: memory, bytes of its bundle, and time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.checks.classes import class_count
from models.checks.profile import Layout, SeriesProfile
from models.errors import Problem
from models.spec.layers import LayerSpec
from models.spec.spec import Spec

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
FLOAT_BYTES = 4
# Weights, gradients, two moments of the optimizer, the best weights, a checkpoint, and copies
# while it is written.
COPIES_OF_WEIGHTS = 8
# Values that training keeps for each unit and each output of a row until the gradients are known.
COPIES_OF_BATCHES = 6
# Features of a row while they are scaled, and float64 values of the series beside them.
COPIES_OF_ROWS = 6
# Forecasts of an evaluation and of its baselines, as float64. It takes
# at most this many points of all parts, whatever the number of rows.
BYTES_OF_FORECASTS = 16
EVALUATED_POINTS = 3 * 3_000_000
# The Keras file and the ONNX graph.
COPIES_IN_BUNDLE = 2
# A highway is fitted on at most this many rows, with at most this many lags if none are given.
ROWS_OF_HIGHWAY = 20_000
LAGS_OF_HIGHWAY = 336
# Numbers of a cycle, of holidays, and of a channel beside each of its differences.
OF_A_CYCLE, OF_HOLIDAYS, OF_A_CHANNEL = 2, 3, 2
# Forward and backward pass; a multiplication and an addition each.
OPERATIONS_PER_WEIGHT = 6
# Measured on one core of a desktop processor: the tutorials' networks are met within a factor 2.
OPERATIONS_PER_SECOND = 2e10
SECONDS_PER_STEP = 5e-5
HOUR_SECONDS = 3600
SIZES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


@dataclass(frozen=True, slots=True)
class TrainingLimits:
    """The most that one training may need.

    Args:
        memory_bytes: Memory of the process that trains.
        bundle_bytes: Size of the stored network.
        hours: Time on one processor core, for all epochs.
    """

    memory_bytes: int
    bundle_bytes: int
    hours: float


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes for one purpose, and the fields that make them fewer, the first one first."""

    purpose: str
    size_bytes: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """The estimate of a training.

    Args:
        weights: Numbers of the network that are learnt, in all members.
        rows: Rows of all tracks, with their features as float32.
        width: Features of a row.
        outputs: Outputs of a row, in all members.
        batch_rows: Rows of one batch that the recurrent layers read.
        batch_outputs: Rows of one batch that have outputs.
        updates: Batches of an epoch.
        steps: Rows that a batch reads one after the other.
    """

    spec: Spec
    weights: int
    rows: int
    width: int
    outputs: int
    batch_rows: int
    batch_outputs: int
    updates: int
    steps: int

    @classmethod
    def of(
        cls, spec: Spec, panel: Sequence[SeriesProfile], layouts: Sequence[Layout]
    ) -> "TrainingCost":
        """The estimate of a resolved spec on its series."""
        width = _width(spec, panel[0])
        outputs = len(spec.lead_steps) * len(spec.targets or []) * _of_each(spec)
        learnt = layouts[0].rows_to_learn
        if spec.mode == "stateful":
            chunk, lanes = spec.chunk or 1, spec.lanes or 1
            batch_rows = batch_outputs = chunk * lanes
            updates, steps = -(-learnt // batch_rows), chunk
        else:
            batch_outputs = spec.batch_size or 1
            steps = max(1, (spec.lookback or 1) // (spec.step or 1))
            batch_rows, updates = batch_outputs * steps, spec.steps_per_epoch or 1
        return cls(
            spec=spec,
            weights=spec.ensemble * _weights(spec, width, outputs),
            rows=sum(len(layout.times) * layout.phases for layout in layouts),
            width=width,
            outputs=spec.ensemble * outputs,
            batch_rows=batch_rows,
            batch_outputs=batch_outputs,
            updates=updates,
            steps=steps,
        )

    @property
    def bundle_bytes(self) -> int:
        """Bytes of the stored network."""
        return self.weights * FLOAT_BYTES * COPIES_IN_BUNDLE

    @property
    def hours(self) -> float:
        """Hours of all epochs on one processor core."""
        operations = self.updates * self.batch_rows * self.weights * OPERATIONS_PER_WEIGHT
        waits = self.updates * self.steps * len(self.spec.layers or []) * SECONDS_PER_STEP
        seconds = operations / OPERATIONS_PER_SECOND + waits
        return seconds * (self.spec.epochs or 1) / HOUR_SECONDS

    @property
    def needs(self) -> list[Need]:
        """Memory by purpose."""
        sizes = _batch_fields(self.spec)
        units = sum(_values_per_row(layer) for layer in self.spec.layers or [])
        batch = self.batch_rows * (self.width + units * self.spec.ensemble)
        outputs = self.batch_outputs * self.outputs
        return [
            Need("weights", self.weights * FLOAT_BYTES * COPIES_OF_WEIGHTS, _LAYER_FIELDS),
            Need("a batch", batch * FLOAT_BYTES * COPIES_OF_BATCHES, (*sizes, "layers")),
            Need(
                "the outputs of a batch",
                outputs * FLOAT_BYTES * COPIES_OF_BATCHES,
                (_lead_field(self.spec), *sizes, "quantiles", "targets"),
            ),
            Need(
                "rows with their features",
                self.rows * self.width * FLOAT_BYTES * COPIES_OF_ROWS,
                ("features", "differences", "cadence"),
            ),
            Need("the highway", self._highway_bytes(), ("highway.lags", *sizes, "targets")),
            Need("the evaluation", self._evaluation_bytes(), (_lead_field(self.spec), "quantiles")),
            Need("the order of windows", self._order_bytes(), ("steps_per_epoch", "batch_size")),
        ]

    def _highway_bytes(self) -> int:
        if self.spec.highway is None:
            return 0
        lags = self.spec.highway.lags or LAGS_OF_HIGHWAY
        rows = min(self.rows, ROWS_OF_HIGHWAY) * 2 * FLOAT_BYTES
        return lags * len(self.spec.targets or []) * (rows + self.batch_outputs * FLOAT_BYTES)

    def _evaluation_bytes(self) -> int:
        of_each = _of_each(self.spec)
        points = len(self.spec.lead_steps) * len(self.spec.targets or [])
        return min(self.rows * points, EVALUATED_POINTS) * of_each * BYTES_OF_FORECASTS

    def _order_bytes(self) -> int:
        windowed = self.spec.mode == "windowed"
        return 2 * 8 * self.updates * self.batch_outputs if windowed else 0


_LAYER_FIELDS = ("layers", "head.layers", "ensemble")


def cost_problems(
    spec: Spec,
    panel: Sequence[SeriesProfile],
    layouts: Sequence[Layout],
    limits: TrainingLimits,
) -> Iterator[Problem]:
    """What a training would need beyond the limits, with the fields to reduce."""
    cost = TrainingCost.of(spec, panel, layouts)
    if cost.bundle_bytes > limits.bundle_bytes:
        yield _problem(
            _LAYER_FIELDS,
            f"A stored network may have at most {_shown(limits.bundle_bytes)} "
            f"(STATECAST_BUNDLE_LIMIT_BYTES). This spec's would have about "
            f"{_shown(cost.bundle_bytes)}: {cost.weights} weights",
        )
    total = sum(need.size_bytes for need in cost.needs)
    if total > limits.memory_bytes:
        largest = max(cost.needs, key=lambda need: need.size_bytes)
        yield _problem(
            largest.fields,
            f"A training may need at most {_shown(limits.memory_bytes)} of memory "
            f"(STATECAST_TRAINING_LIMIT_BYTES). This spec would need about {_shown(total)}, most "
            f"of it for {largest.purpose}",
        )
    if cost.hours > limits.hours:
        yield _problem(
            ("epochs", *_batch_fields(spec), "layers", "ensemble"),
            f"A training may take at most about {limits.hours:g} hours of one processor core "
            f"(STATECAST_TRAINING_LIMIT_HOURS). This spec would take about {cost.hours:.0f}",
        )


def _problem(fields: tuple[str, ...], message: str) -> Problem:
    named = " or ".join(f"`{field}`" for field in fields)
    return Problem(f"/{fields[0].replace('.', '/')}", f"{message}. Reduce {named}")


def _shown(size_bytes: int) -> str:
    name, unit = next((each for each in SIZES if size_bytes >= each[1]), ("bytes", 1))
    return f"{size_bytes / unit:.4g} {name}"


def _batch_fields(spec: Spec) -> tuple[str, ...]:
    if spec.mode == "stateful":
        return ("lanes", "chunk")
    return ("batch_size", "steps_per_epoch", "lookback")


def _lead_field(spec: Spec) -> str:
    return "leads" if spec.leads is not None else "horizon"


def _of_each(spec: Spec) -> int:
    """Outputs for one lead of one target."""
    return class_count(spec) or len(spec.quantiles or [0.5])


def _width(spec: Spec, profile: SeriesProfile) -> int:
    """Features of a row; a channel may have another one that says where it is missing."""
    names = spec.features or []
    angular = sum(channel.angular for name in names if (channel := profile.channel(name)))
    of_channels = (len(names) + angular) * (OF_A_CHANNEL + len(spec.differences))
    cycles = OF_A_CYCLE * len(spec.calendar_features or [])
    return of_channels + cycles + OF_HOLIDAYS * bool(spec.holidays)


def _weights(spec: Spec, width: int, outputs: int) -> int:
    """Weights of one network, with its highway."""
    total, inputs = 0, width
    for layer in spec.layers or []:
        directions = 1 if layer.bidirectional is None else 2
        gates = GATES[layer.cell] * layer.units
        total += directions * gates * (inputs + layer.units + 2)
        joined = layer.bidirectional is not None and layer.bidirectional.merge_mode == "concat"
        inputs = layer.units * (2 if joined else 1)
    inputs += len(spec.lead_steps) * (len(spec.known_future) + OF_HOLIDAYS * bool(spec.holidays))
    for units in [*(dense.units for dense in spec.head.layers), outputs]:
        total += units * (inputs + 1)
        inputs = units
    lags = spec.highway.lags or LAGS_OF_HIGHWAY if spec.highway else 0
    return total + lags * len(spec.lead_steps) * len(spec.targets or [])


def _values_per_row(layer: LayerSpec) -> int:
    """Numbers that a layer keeps for each row: its gates, states and output."""
    directions = 1 if layer.bidirectional is None else 2
    return directions * layer.units * (GATES[layer.cell] + 2)
