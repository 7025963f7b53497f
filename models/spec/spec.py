"""The spec of a forecaster: architecture, window, horizon, split and seed as data."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from models.spec.base import (
    MOST_CHANNELS,
    MOST_EPOCHS,
    MOST_OUTPUTS,
    MOST_ROWS,
    ChannelName,
    Rows,
    SpecPart,
    Steps,
)
from models.spec.layers import BidirectionalSpec, DenseSpec, HeadSpec, LayerSpec
from models.spec.optimizer import OptimizerSpec, ScheduleSpec

__all__ = [
    "BidirectionalSpec",
    "DeadBandSpec",
    "DenseSpec",
    "EarlyStoppingSpec",
    "HeadSpec",
    "LayerSpec",
    "OptimizerSpec",
    "ScheduleSpec",
    "Spec",
    "SplitSpec",
]

Fraction = Annotated[float, Field(ge=0, lt=1)]
HolidayCode = Annotated[str, Field(max_length=20)]


class HighwaySpec(SpecPart):
    """A linear map from the last values of each target to its leads, added to the network."""

    lags: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Number of last values that are read; chosen on the validation part if left "
        "out, which may also choose to have no highway.",
    )
    shared: bool | None = Field(
        None,
        description="One set of weights for all targets, or one for each; chosen on the "
        "validation part if left out.",
    )


class DeadBandSpec(SpecPart):
    """The changes that count as flat."""

    size: float = Field(
        ge=0,
        allow_inf_nan=False,
        description="The largest change that is flat; 0: only unchanged values.",
    )
    unit: Literal["bps", "units"] = Field(
        "bps", description="Basis points of the last value, or the target's unit."
    )


class EarlyStoppingSpec(SpecPart):
    """When to stop: the best epoch's weights are restored."""

    monitor: Literal["val_loss", "loss"] = "val_loss"
    patience: int = Field(5, ge=1, le=MOST_EPOCHS)


class SplitSpec(SpecPart):
    """Where validation and test begin: a fraction of the rows, or a time (ISO 8601).

    Rows without an observation do not count.
    """

    train: datetime | None = None
    validation: Fraction | datetime = 0.15
    test: Fraction | datetime = 0.15


class Spec(SpecPart):
    """A forecaster as data. Every field may be left out: `{}` trains a sensible model.

    Example:
        >>> spec = Spec.model_validate(
        ...     {"targets": ["load"], "horizon": 3, "layers": [{"cell": "gru", "units": 16}]}
        ... )
        >>> spec.lead_steps, spec.mode, spec.layers[0].cell
        (range(1, 4), 'stateful', 'gru')
        >>> Spec.model_validate(spec.to_json()) == spec
        True

        `models.checks.resolve.resolve` fills in what is left out, from the series. An unknown
        field is refused:

        >>> Spec.model_validate({"horizons": 3})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        pydantic_core._pydantic_core.ValidationError: 1 validation error for Spec
        horizons
        ...
    """

    mode: Literal["stateful", "windowed"] = "stateful"
    task: Literal["regression", "direction", "classification"] = Field(
        "regression",
        description="What is predicted for each lead: a value; whether the target goes down or up "
        "(`direction`, with a `dead_band` also flat) from its last value; or one of several "
        "`classes`, whose codes 0, 1, ... are the target's values. For classes, probabilities "
        "are predicted and calibrated on the validation part.",
    )
    dead_band: DeadBandSpec | None = Field(
        None,
        description="`direction` only: changes up to this size are `flat`. Without it this class "
        "does not exist, and an unchanged value counts for neither side.",
    )
    classes: int | None = Field(
        None,
        ge=2,
        le=1000,
        description="`classification` only: the number of classes; by default the target's "
        "largest value plus 1.",
    )
    class_weights: (
        Literal["balanced"]
        | Annotated[list[Annotated[float, Field(gt=0)]], Field(max_length=1000)]
        | None
    ) = Field(
        None,
        description="The weight of an error on each class in training, in the order of the "
        "classes (down, flat, up; or 0, 1, ...); `balanced`: all classes count equally however "
        "rare they are, which raises the probabilities of the rare ones.",
    )
    targets: list[ChannelName] | None = Field(None, max_length=MOST_CHANNELS)
    features: list[ChannelName] | None = Field(None, max_length=MOST_CHANNELS)
    calendar_features: list[Literal["day", "week", "year"]] | None = Field(None, max_length=10)
    differences: list[Steps] = Field(default_factory=list, max_length=100)
    known_future: list[ChannelName] = Field(
        default_factory=list,
        max_length=100,
        description="Channels whose future values are known when a forecast is requested: "
        "promotions, planned outages, weather forecasts. Their values at the target times are "
        "inputs too, and every forecast request contains them. They are features, not targets.",
    )
    holidays: HolidayCode | Annotated[list[HolidayCode], Field(max_length=10)] | None = Field(
        None,
        description="Public holidays as inputs: a country's ISO 3166-1 code such as `DE`, or with "
        "a subdivision such as `DE-BY`, or a list of them. The inputs say whether a day is a "
        "holiday, the day before or the day after one, for a row's day and the days of the leads.",
        examples=["DE", ["DE-BY", "AT"]],
    )
    cadence: str | None = Field(None, max_length=50)
    aggregate: Literal["last", "mean", "sum", "ohlc"] | None = None
    horizon: int | None = Field(None, ge=1, le=MOST_OUTPUTS)
    leads: list[Steps] | None = Field(None, max_length=MOST_OUTPUTS)
    delay: Rows | None = None
    lookback: Rows | None = None
    step: Rows | None = None
    chunk: Rows | None = None
    lanes: Rows | None = None
    burn_in: int | None = Field(None, ge=0, le=MOST_ROWS)
    layers: list[LayerSpec] | None = Field(None, min_length=1, max_length=16)
    highway: HighwaySpec | None = Field(
        HighwaySpec(),
        description="The autoregressive highway; `null` for none. If left out, stateful models get "
        "one if it helps on the validation part, and windowed models none.",
    )
    shrinkage: bool | None = Field(
        None,
        description="After training, each lead of the network's part is multiplied by the share "
        "from 0 to 1 that is best on the validation part. If left out: true for stateful models "
        "that predict changes, else false.",
    )
    head: HeadSpec = HeadSpec()
    transform: Literal["none", "delta", "log_return"] | None = None
    scaler: Literal["standard", "none"] = "standard"
    split: SplitSpec = SplitSpec()
    quantiles: list[Annotated[float, Field(gt=0, lt=1)]] | None = Field(
        None,
        min_length=1,
        max_length=50,
        description="Quantiles that the network predicts for every lead, by the pinball loss; the "
        "median is added. Null for a point forecast. Intervals are conformal in both cases.",
    )
    ensemble: int = Field(
        1,
        ge=1,
        le=16,
        description="Number of networks that are trained together, from different initial weights, "
        "and averaged.",
    )
    loss: Literal[
        "mae",
        "mse",
        "huber",
        "log_cosh",
        "pinball",
        "binary_crossentropy",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
    ] = Field(
        "mae",
        description="What training minimises; `pinball` goes with `quantiles`, the cross-entropies "
        "with classes: the binary one with a sigmoid head, the other two, which are the same for "
        "numbered classes, with a softmax head. If left out, it follows from the task.",
    )
    huber_delta: float | None = Field(
        None,
        gt=0,
        description="`huber` only: the error, in scaled units, above which it is linear; 1.",
    )
    optimizer: OptimizerSpec = OptimizerSpec()
    epochs: int | None = Field(None, ge=1, le=MOST_EPOCHS)
    batch_size: Rows | None = None
    steps_per_epoch: Rows | None = None
    shuffle: bool | None = Field(
        None,
        description="Whether windows are read in random order; true by default. Must be false in "
        "stateful mode: the state depends on the order of the rows.",
    )
    early_stopping: EarlyStoppingSpec | None = EarlyStoppingSpec()
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "float32",
        description="Precision of the training: the mixed ones are faster on a GPU; "
        "mixed_float16 needs one. Weights, stored states and forecasts are always float32.",
    )
    seed: int = Field(0, ge=0, lt=2**31)

    @property
    def lead_steps(self) -> Sequence[int]:
        """Steps ahead of every forecast: `leads`, the `delay` alone, or 1 to `horizon`."""
        if self.leads is not None:
            return self.leads
        if self.delay is not None:
            return [self.delay]
        return range(1, (self.horizon or 1) + 1)

    @property
    def predicts_classes(self) -> bool:
        """Whether the network predicts classes rather than values."""
        return self.task != "regression"

    @property
    def network_head(self) -> HeadSpec:
        """The network's head, without the activation that turns scores into probabilities."""
        if not self.predicts_classes:
            return self.head
        return self.head.model_copy(update={"activation": "linear"})

    def to_json(self) -> dict[str, Any]:
        """The spec as JSON values."""
        return self.model_dump(mode="json")
