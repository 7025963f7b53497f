"""Rules within a spec: which fields of mode, layers, optimizer and stopping go together."""

from collections.abc import Callable, Iterator

from models.errors import Problem
from models.spec import Spec

Rule = Callable[[Spec], Iterator[Problem]]

_FIELDS_OF_MODE = {
    "stateful": ("chunk", "lanes", "burn_in"),
    "windowed": ("lookback", "step", "batch_size", "steps_per_epoch"),
}
_MATRIX_INITIALIZERS = frozenset({"identity", "orthogonal"})
# Names of Keras 3, known here so that a wrong one is refused without importing Keras.
_INITIALIZERS = frozenset(
    {
        "glorot_normal",
        "glorot_uniform",
        "he_normal",
        "he_uniform",
        "lecun_normal",
        "lecun_uniform",
        "ones",
        "random_normal",
        "random_uniform",
        "truncated_normal",
        "variance_scaling",
        "zeros",
        *_MATRIX_INITIALIZERS,
    }
)
_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
_WITH_MOMENTUM = ("rmsprop", "sgd")


def fields_belong_to_the_mode(spec: Spec) -> Iterator[Problem]:
    """Lanes are of stateful training, windows of windowed training."""
    for mode, fields in _FIELDS_OF_MODE.items():
        for field in fields:
            received = getattr(spec, field)
            if mode != spec.mode and received is not None:
                yield Problem(
                    f"/{field}",
                    f'`{field}` belongs to `mode` "{mode}", not to "{spec.mode}". '
                    f"Received: {received}",
                )


def layers_agree_with_the_mode(spec: Spec) -> Iterator[Problem]:
    """A layer carries its state in stateful mode only, and cannot then read backwards."""
    stateful = spec.mode == "stateful"
    for position, layer in enumerate(spec.layers or []):
        if layer.stateful is not None and layer.stateful != stateful:
            yield Problem(
                f"/layers/{position}/stateful",
                f'`stateful` must be {str(stateful).lower()} in `mode` "{spec.mode}". '
                f"Received: {str(layer.stateful).lower()}",
            )
        if stateful and layer.go_backwards:
            yield Problem(
                f"/layers/{position}/go_backwards",
                '`go_backwards` needs `mode` "windowed": a state carried forward cannot be read '
                "backwards. Received: true",
            )


def initializers_exist(spec: Spec) -> Iterator[Problem]:
    """Initializers have names that Keras knows, and fit the shape of what they fill."""
    for position, layer in enumerate(spec.layers or []):
        for field in ("kernel_initializer", "recurrent_initializer", "bias_initializer"):
            name = getattr(layer, field)
            known = _INITIALIZERS - _MATRIX_INITIALIZERS if field[0] == "b" else _INITIALIZERS
            if name not in known:
                yield Problem(
                    f"/layers/{position}/{field}",
                    f"`{field}` must be one of {', '.join(sorted(known))}. Received: {name}",
                )


def windows_have_samples(spec: Spec) -> Iterator[Problem]:
    """A window is at least one step long."""
    if spec.step is not None and spec.lookback is not None and spec.step > spec.lookback:
        yield Problem(
            "/step",
            f"`step` must be at most `lookback`, {spec.lookback}. Received: {spec.step}",
        )


def optimizer_arguments_go_together(spec: Spec) -> Iterator[Problem]:
    """Keras clips gradients in one way at a time, and not every optimizer has momentum."""
    optimizer = spec.optimizer
    clips = [field for field in _CLIPS if getattr(optimizer, field) is not None]
    if len(clips) > 1:
        yield Problem(
            f"/optimizer/{clips[1]}",
            f"Only one of {', '.join(f'`{field}`' for field in _CLIPS)} may be given. "
            f"Received: {' and '.join(clips)}",
        )
    if optimizer.momentum is not None and optimizer.name not in _WITH_MOMENTUM:
        yield Problem(
            "/optimizer/momentum",
            f"`momentum` needs one of the optimizers {', '.join(_WITH_MOMENTUM)}. "
            f"Received: {optimizer.name}",
        )


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
    layers_agree_with_the_mode,
    initializers_exist,
    windows_have_samples,
    optimizer_arguments_go_together,
    stopping_can_be_watched,
)
