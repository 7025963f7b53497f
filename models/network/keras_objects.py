"""Arguments of a layer spec as arguments of a Keras layer."""

from typing import Any

import keras

from models.spec.keras_arguments import Role
from models.spec.spec import LayerSpec

_MODULES: dict[Role, Any] = {
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}
# Fields that the builder reads itself: they are not arguments of the Keras layer.
_NOT_KERAS = {
    "cell",
    "bidirectional",
    "output_dropout",
    "stateful",
    "return_sequences",
    "return_state",
}


def layer_arguments(layer: LayerSpec) -> dict[str, Any]:
    """Keyword arguments of the Keras layer, without those that depend on its position.

    Args:
        layer: Its `null` fields are left out, so that the defaults of Keras apply.
    """
    given = layer.model_dump(exclude=_NOT_KERAS, exclude_none=True)
    return {field: _keras_value(field, value) for field, value in given.items()}


def _keras_value(field: str, value: Any) -> Any:
    for role, module in _MODULES.items():
        if field.endswith(f"_{role}"):
            return _made(module, value)
    return value


def _made(module: Any, value: str | dict[str, Any]) -> Any:
    """The Keras object for a name, or for a name with arguments."""
    # Not `module.get(name)`: it lacks some names and refuses `constant` without arguments.
    given = {"name": value} if isinstance(value, str) else value
    arguments = {key: argument for key, argument in given.items() if key != "name"}
    return getattr(module, given["name"])(**arguments)
