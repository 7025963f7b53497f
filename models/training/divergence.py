"""Likely causes of a loss that became NaN or infinite, from the spec and the data."""

from collections.abc import Iterator

from models.spec.spec import Spec

# The defaults of Keras 3 (each optimizer's page of its API documentation).
USUAL_RATES = {
    "adam": 1e-3,
    "adamw": 1e-3,
    "nadam": 1e-3,
    "rmsprop": 1e-3,
    "adagrad": 1e-3,
    "sgd": 1e-2,
}
HIGH_RATE = 10.0
# Scaled inputs are clipped at ten standard deviations.
LARGE_INPUT = 10.0
UNBOUNDED = ("relu", "leaky_relu", "elu", "softplus", "linear")
FLOAT16_MAXIMUM = 65_504


def likely_causes(spec: Spec, largest_input: float) -> str:
    """Sentences about why the weights may have diverged, likeliest first, each with a remedy.

    Gradients of recurrent networks explode if each step multiplies them by a factor above 1
    (Pascanu, Mikolov and Bengio 2013, arXiv 1211.5063).

    Args:
        spec: The spec of the run.
        largest_input: The largest magnitude among the network's inputs.

    Returns:
        One or more sentences.
    """
    first, *others = list(_causes(spec, largest_input)) or [_too_high(spec)]
    also = f" Other possible causes: {'; '.join(others)}." if others else ""
    return f"The likely cause: {first}.{also}"


def _causes(spec: Spec, largest_input: float) -> Iterator[str]:
    optimizer, usual = spec.optimizer, USUAL_RATES[spec.optimizer.name]
    if optimizer.learning_rate > HIGH_RATE * usual:
        yield (
            f"`optimizer.learning_rate` is {optimizer.learning_rate:g}, far above the usual "
            f"{usual:g} of {optimizer.name}: lower it"
        )
    if spec.scaler == "none" and largest_input > LARGE_INPUT:
        yield (f"inputs are not scaled and reach {largest_input:.4g}: set `scaler` to standard")
    if not (optimizer.clipnorm or optimizer.clipvalue or optimizer.global_clipnorm):
        yield "gradients are not clipped: set `optimizer.clipnorm`, for instance to 1"
    for position, layer in enumerate(spec.layers or []):
        if layer.activation in UNBOUNDED:
            yield f"`layers.{position}.activation` {layer.activation} has no bound: take tanh"
        if layer.cell != "rnn" and layer.gate_activation in UNBOUNDED:
            yield (
                f"`layers.{position}.recurrent_activation` {layer.gate_activation} has no bound, "
                "so that gates let states grow: take sigmoid"
            )
    if spec.precision == "mixed_float16":
        yield (
            f"float16 ends at {FLOAT16_MAXIMUM}: set `precision` to mixed_bfloat16, which has "
            "the range of float32"
        )


def _too_high(spec: Spec) -> str:
    return (
        f"`optimizer.learning_rate` {spec.optimizer.learning_rate:g} is too high for this series: "
        "lower it"
    )
