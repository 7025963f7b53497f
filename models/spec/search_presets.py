"""Ready searches by name: a spec to start from and the space around it."""

from dataclasses import dataclass
from typing import Any

from models.spec.search import Dimension


@dataclass(frozen=True, slots=True)
class SearchPreset:
    """A search to start from.

    Args:
        name: The name that requests use.
        title: A few words.
        description: Its purpose and its source.
        spec: Fields of the spec to vary; the others take their defaults.
        space: The varied fields by JSON pointer.
    """

    name: str
    title: str
    description: str
    spec: dict[str, Any]
    space: dict[str, Dimension]


_COMMON: dict[str, Any] = {
    "mode": "windowed",
    "batch_size": 32,
    "loss": "mse",
    "optimizer": {"name": "adam", "learning_rate": 1e-3},
    "epochs": 30,
    "early_stopping": {"monitor": "val_loss", "patience": 5},
    "split": {"validation": 0.2, "test": 0.1},
}
_SOURCE = (
    "Windows, MSE, Adam at 1e-3, 30 epochs, early stopping with patience 5; units from 50 to 150 "
    "by 20, activation and dropout from 0 to 0.5 by 0.1 are searched in every layer. For "
    "Hyperband as it was published with this network (factor 3, up to 100 epochs, 5 rounds of "
    "143 trials), set `epochs: 100` in the spec and `method: hyperband, trials: 715`."
)


def _layer(cell: str, units: int, dropout: float, activation: str = "tanh") -> dict[str, Any]:
    return {"cell": cell, "units": units, "dropout": dropout, "activation": activation}


def _stack(cell: str, name: str, *layers: tuple[int, float, str]) -> SearchPreset:
    space = {
        f"/layers/{place}/{field}": dimension
        for place in range(len(layers))
        for field, dimension in _LAYER_SPACE.items()
    }
    return SearchPreset(
        name=f"deep-{cell}-search",
        title=f"A stack of {len(layers)} {name} layers, searched layer by layer",
        description=_SOURCE,
        spec={**_COMMON, "layers": [_layer(cell, *layer) for layer in layers]},
        space=space,
    )


_LAYER_SPACE = {
    "units": Dimension(type="int", low=50, high=150, step=20),
    "activation": Dimension(type="choice", values=["tanh", "relu", "sigmoid"]),
    "dropout": Dimension(type="float", low=0, high=0.5, step=0.1),
}

_PRESETS = (
    _stack(
        "rnn",
        "SimpleRNN",
        (130, 0.2, "tanh"),
        (110, 0.2, "tanh"),
        (130, 0.2, "tanh"),
        (100, 0.2, "sigmoid"),
        (40, 0.3, "tanh"),
    ),
    _stack("lstm", "LSTM", (130, 0.2, "tanh"), (70, 0.1, "relu"), (100, 0.0, "tanh")),
    _stack("gru", "GRU", (90, 0.2, "tanh"), (150, 0.2, "tanh"), (60, 0.5, "relu")),
)

SEARCH_PRESETS = {preset.name: preset for preset in _PRESETS}
