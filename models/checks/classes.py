"""Rules for specs that predict classes: directions or numbered classes."""

from collections.abc import Iterator

from models.checks.profile import Layout, SeriesProfile
from models.errors import Problem
from models.features.classes import BASIS_POINTS
from models.spec.spec import Spec

CROSS_ENTROPIES = {
    "softmax": ("sparse_categorical_crossentropy", "categorical_crossentropy"),
    "sigmoid": ("binary_crossentropy",),
}
_FIELDS_OF_TASKS = {
    "dead_band": ("direction",),
    "classes": ("classification",),
    "class_weights": ("direction", "classification"),
}
# Fields that only apply if values are predicted.
_FIELDS_OF_VALUES = ("quantiles", "highway", "huber_delta")


def class_count(spec: Spec) -> int:
    """Number of classes; 0 if values are predicted, or before the number is known."""
    if spec.task == "direction":
        return 2 if spec.dead_band is None else 3
    return (spec.classes or 0) if spec.predicts_classes else 0


def fields_belong_to_the_task(spec: Spec) -> Iterator[Problem]:
    """Fields apply only to their tasks: a dead band to directions, quantiles to values."""
    for field, tasks in _FIELDS_OF_TASKS.items():
        given = getattr(spec, field)
        if given is not None and spec.task not in tasks:
            wanted = " or ".join(f'"{task}"' for task in tasks)
            yield Problem(
                f"/{field}", f'`{field}` needs `task` {wanted}. Received: `task` "{spec.task}"'
            )
    if not spec.predicts_classes:
        return
    for field in _FIELDS_OF_VALUES:
        if getattr(spec, field) is not None:
            yield Problem(
                f"/{field}",
                f'`{field}` needs `task` "regression". Received: `task` "{spec.task}"',
            )
    if spec.shrinkage:
        yield Problem(
            "/shrinkage",
            f'`shrinkage` true needs `task` "regression". Received: `task` "{spec.task}"',
        )


def losses_suit_the_task(spec: Spec) -> Iterator[Problem]:
    """Error losses need values, cross-entropies need classes."""
    crossed = spec.loss.endswith("crossentropy")
    if crossed and not spec.predicts_classes:
        yield Problem(
            "/loss",
            f'`loss` {spec.loss} needs `task` "direction" or "classification". '
            f'Received: `task` "{spec.task}"',
        )
    elif spec.predicts_classes:
        wanted = CROSS_ENTROPIES.get(spec.head.activation, ())
        if wanted and spec.loss not in wanted:
            yield Problem(
                "/loss",
                f"`loss` must be {' or '.join(wanted)} where `head.activation` is "
                f"{spec.head.activation} and classes are predicted. Received: {spec.loss}",
            )


def heads_suit_the_classes(spec: Spec) -> Iterator[Problem]:
    """A softmax suits any number of classes, a sigmoid two."""
    if not spec.predicts_classes:
        return
    activation = spec.head.activation
    if activation not in CROSS_ENTROPIES:
        yield Problem(
            "/head/activation",
            "`head.activation` must be softmax, or sigmoid for two classes, where classes are "
            f"predicted. Received: {activation}",
        )
    count = class_count(spec)
    if activation == "sigmoid" and count > 2:
        yield Problem(
            "/head/activation",
            "`head.activation` sigmoid gives the probability of the second of two classes. "
            f"Received: {count} classes",
        )


def every_class_has_its_weight(spec: Spec) -> Iterator[Problem]:
    """There is one weight for each class."""
    count = class_count(spec)
    weights = spec.class_weights
    if isinstance(weights, list) and count and len(weights) != count:
        yield Problem(
            "/class_weights",
            f"`class_weights` must hold a weight for each of the {count} classes. "
            f"Received: {len(weights)}",
        )


def bands_can_be_measured(spec: Spec, profile: SeriesProfile, layout: Layout) -> Iterator[Problem]:
    """Basis points need values above 0, and the band is narrower than the target's range."""
    del layout
    if spec.dead_band is None:
        return
    size, unit = spec.dead_band.size, spec.dead_band.unit
    for name in spec.targets or []:
        channel = profile.channel(name)
        if channel is None or channel.minimum is None or channel.maximum is None:
            continue
        if unit == "bps" and channel.minimum <= 0:
            yield Problem(
                "/dead_band/unit",
                '`dead_band.unit` "bps" needs targets above 0; "units" suits any. '
                f"Received: {name}, whose least value is {channel.minimum:g}",
            )
            continue
        widest = channel.maximum - channel.minimum
        if unit == "bps":
            widest *= BASIS_POINTS / channel.minimum
        if size >= widest:
            yield Problem(
                "/dead_band/size",
                f"`dead_band.size` must be less than {widest:.6g} {unit}, the range of {name}: "
                f"otherwise every change is flat. Received: {size:g}",
            )


def codes_are_numbered(spec: Spec, profile: SeriesProfile, layout: Layout) -> Iterator[Problem]:
    """A classified target's values are the class codes 0, 1, ...."""
    del layout
    if spec.task != "classification":
        return
    for position, name in enumerate(spec.targets or []):
        channel = profile.channel(name)
        if channel is None or channel.minimum is None or channel.maximum is None:
            continue
        if not channel.codes:
            yield Problem(
                f"/targets/{position}",
                '`task` "classification" needs targets that hold whole numbers of at least 0. '
                f"Received: {name}, with values from {channel.minimum:g} to {channel.maximum:g}",
            )
        elif channel.maximum >= (spec.classes or 0):
            yield Problem(
                "/classes",
                f"`classes` must be more than the largest code, {channel.maximum:g} of {name}. "
                f"Received: {spec.classes}",
            )


CLASS_RULES = (
    fields_belong_to_the_task,
    losses_suit_the_task,
    heads_suit_the_classes,
    every_class_has_its_weight,
)
CLASS_SERIES_RULES = (bands_can_be_measured, codes_are_numbered)
