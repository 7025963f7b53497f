"""The arguments of a layer as Keras takes them: names and objects become Keras' own."""

from typing import Any

import keras

from models.spec.keras_arguments import Role
from models.spec.spec import LayerSpec

_ROOMS: dict[Role, Any] = {
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}
# Said by the spec alone: what the builder makes of them is not an argument of the layer.
_NOT_KERAS = {
    "cell",
    "bidirectional",
    "output_dropout",
    "stateful",
    "return_sequences",
    "return_state",
}


def layer_arguments(layer: LayerSpec) -> dict[str, Any]:
    """Keyword arguments of the Keras layer, but for those that follow from its position.

    Args:
        layer: Its `null` fields are left out, so that Keras' own defaults hold.
    """
    given = layer.model_dump(exclude=_NOT_KERAS, exclude_none=True)
    return {field: _keras_value(field, value) for field, value in given.items()}


def _keras_value(field: str, value: Any) -> Any:
    for role, room in _ROOMS.items():
        if field.endswith(f"_{role}"):
            return _made(room, value)
    return value


def _made(room: Any, value: str | dict[str, Any]) -> Any:
    """Keras' object for a name, or for a name with arguments."""
    # Not `room.get(name)`: it does not know every name, and `constant` not without arguments.
    given = {"name": value} if isinstance(value, str) else value
    arguments = {key: argument for key, argument in given.items() if key != "name"}
    return getattr(room, given["name"])(**arguments)
