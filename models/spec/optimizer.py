"""The optimizer and its learning rate as data; names are those of the Keras arguments."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from models.spec.base import MOST_EPOCHS, MOST_UPDATES, SpecPart

ScheduleName = Literal[
    "constant", "cosine", "exponential_decay", "inverse_time_decay", "reduce_on_plateau"
]
Decay = Annotated[float, Field(ge=0, lt=1)]


class ScheduleSpec(SpecPart):
    """How the learning rate changes; each argument names the schedules that use it."""

    name: ScheduleName = "constant"
    alpha: float | None = Field(
        None, ge=0, le=1, description="`cosine`: the last rate as a share of the first; 0."
    )
    warmup_epochs: int | None = Field(
        None,
        ge=0,
        le=MOST_EPOCHS,
        description="`cosine`: epochs in which the rate rises from 0; 0.",
    )
    decay_rate: float | None = Field(
        None,
        gt=0,
        description="`exponential_decay`: the rate is multiplied by it once every decay span. "
        "`inverse_time_decay`: the rate is divided by 1 + `decay_rate` x spans.",
    )
    decay_steps: int | None = Field(
        None,
        ge=1,
        le=MOST_UPDATES,
        description="The decay span in updates; or give `decay_epochs`.",
    )
    decay_epochs: float | None = Field(None, gt=0, description="The decay span in epochs.")
    staircase: bool | None = Field(
        None, description="Decay once per span instead of at every update; false."
    )
    factor: float | None = Field(
        None, gt=0, lt=1, description="`reduce_on_plateau`: the rate is multiplied by it; 0.1."
    )
    patience: int | None = Field(
        None,
        ge=1,
        le=MOST_EPOCHS,
        description="`reduce_on_plateau`: epochs without a better monitored loss (that of "
        "`early_stopping`) before the rate is reduced; 10.",
    )
    min_delta: float | None = Field(
        None, ge=0, description="`reduce_on_plateau`: the smallest improvement that counts; 1e-4."
    )
    min_lr: float | None = Field(None, ge=0, description="`reduce_on_plateau`: the lowest rate; 0.")


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class OptimizerSpec(SpecPart):
    """The optimizer; `null` is the Keras default, and each optimizer has only some arguments."""

    name: Literal["adam", "adamw", "nadam", "rmsprop", "adagrad", "sgd"] = "adam"
    learning_rate: float = Field(1e-3, gt=0, le=10)
    schedule: Annotated[
        ScheduleSpec, BeforeValidator(_named, json_schema_input_type=ScheduleName | ScheduleSpec)
    ] = Field(ScheduleSpec(), description="A name, or an object `{name, ...arguments}`.")
    clipnorm: float | None = Field(
        None,
        gt=0,
        description="The largest gradient norm of each variable. Only one way of clipping may be "
        "given.",
    )
    clipvalue: float | None = Field(
        None, gt=0, description="The largest absolute value in a gradient."
    )
    global_clipnorm: float | None = Field(
        None, gt=0, description="The largest gradient norm over all variables."
    )
    weight_decay: float | None = Field(None, ge=0)
    momentum: Decay | None = Field(None, description="`sgd` and `rmsprop`; 0.")
    nesterov: bool | None = Field(None, description="`sgd` with `momentum`; false.")
    rho: Decay | None = Field(None, description="`rmsprop`; 0.9.")
    centered: bool | None = Field(None, description="`rmsprop`; false.")
    initial_accumulator_value: float | None = Field(None, ge=0, description="`adagrad`; 0.1.")
    beta_1: Decay | None = Field(None, description="`adam`, `adamw`, `nadam`; 0.9.")
    beta_2: Decay | None = Field(None, description="`adam`, `adamw`, `nadam`; 0.999.")
    amsgrad: bool | None = Field(None, description="`adam`, `adamw`; false.")
    epsilon: float | None = Field(None, gt=0, description="All but `sgd`; 1e-7.")
