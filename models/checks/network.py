"""Rules within a spec: which fields of mode, layers, optimizer and stopping fit together."""

from collections.abc import Callable, Iterator

from models.checks.classes import CLASS_RULES
from models.checks.layers import LAYER_RULES
from models.checks.optimizer import OPTIMIZER_RULES
from models.errors import Problem
from models.spec.spec import Spec

Rule = Callable[[Spec], Iterator[Problem]]

_FIELDS_OF_MODE = {
    "stateful": ("chunk", "lanes", "burn_in"),
    "windowed": ("lookback", "step", "batch_size", "steps_per_epoch"),
}


def fields_belong_to_the_mode(spec: Spec) -> Iterator[Problem]:
    """Fields of lanes need stateful mode, fields of windows need windowed mode."""
    for mode, fields in _FIELDS_OF_MODE.items():
        for field in fields:
            received = getattr(spec, field)
            if mode != spec.mode and received is not None:
                yield Problem(
                    f"/{field}",
                    f'`{field}` belongs to `mode` "{mode}", not to "{spec.mode}". '
                    f"Received: {received}",
                )


def windows_have_samples(spec: Spec) -> Iterator[Problem]:
    """A window is at least one step long."""
    if spec.step is not None and spec.lookback is not None and spec.step > spec.lookback:
        yield Problem(
            "/step",
            f"`step` must be at most `lookback`, {spec.lookback}. Received: {spec.step}",
        )


def stateful_order_is_fixed(spec: Spec) -> Iterator[Problem]:
    """Stateful batches follow one another in time: shuffling would make the state meaningless."""
    if spec.mode == "stateful" and spec.shuffle:
        yield Problem(
            "/shuffle",
            '`shuffle` must be false in `mode` "stateful": each batch begins with the final state '
            "of the previous one, so the order of the rows matters. Received: true",
        )


def loss_arguments_suit_the_loss(spec: Spec) -> Iterator[Problem]:
    """`huber_delta` needs the Huber loss."""
    if spec.huber_delta is not None and spec.loss != "huber":
        yield Problem(
            "/huber_delta",
            f'`huber_delta` needs `loss` "huber". Received: {spec.huber_delta:g} with {spec.loss}',
        )


def quantiles_have_their_loss(spec: Spec) -> Iterator[Problem]:
    """Quantiles need the pinball loss."""
    if spec.task == "regression" and spec.quantiles is not None and spec.loss != "pinball":
        yield Problem(
            "/loss",
            f'`loss` must be "pinball" where `quantiles` are given. Received: {spec.loss}',
        )


def shrinkage_has_something_to_shrink(spec: Spec) -> Iterator[Problem]:
    """Shrinkage needs a linear point forecast: scaling quantiles would narrow their spread."""
    obstacles = {
        "/quantiles": ("a point forecast", f"`quantiles` {spec.quantiles}", spec.quantiles),
        "/head/activation": (
            "a linear output",
            f"`head.activation` {spec.head.activation}",
            spec.head.activation != "linear" and not spec.predicts_classes,
        ),
    }
    for pointer, (needed, received, broken) in obstacles.items():
        if spec.shrinkage and broken:
            yield Problem(pointer, f"`shrinkage` true needs {needed}. Received: {received}")


def stopping_can_be_watched(spec: Spec) -> Iterator[Problem]:
    """Early stopping on the validation loss needs a validation part."""
    stopping = spec.early_stopping
    if stopping and stopping.monitor == "val_loss" and spec.split.validation == 0:
        yield Problem(
            "/early_stopping/monitor",
            "`early_stopping.monitor` val_loss needs a validation part. "
            "Received: `split.validation` 0",
        )


NETWORK_RULES: tuple[Rule, ...] = (
    fields_belong_to_the_mode,
    *LAYER_RULES,
    windows_have_samples,
    stateful_order_is_fixed,
    loss_arguments_suit_the_loss,
    quantiles_have_their_loss,
    *CLASS_RULES,
    shrinkage_has_something_to_shrink,
    *OPTIMIZER_RULES,
    stopping_can_be_watched,
)
