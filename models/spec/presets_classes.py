"""Presets that predict classes: the direction of a market, and kinds of sequences."""

from typing import Any

from models.spec.preset import Preset

_BINARY: dict[str, Any] = {
    "mode": "windowed",
    "task": "classification",
    "classes": 2,
    "delay": 1,
    "head": {"dropout": 0.0, "activation": "sigmoid"},
    "split": {"validation": 0.2},
    "loss": "binary_crossentropy",
    "optimizer": {"name": "rmsprop", "learning_rate": 1e-3},
    "epochs": 10,
    "batch_size": 128,
    "early_stopping": None,
}
_BINARY_USE = (
    "The target is a channel that holds 0 or 1 in the row after each sequence; rows without a "
    "value in it have no label. Set `lookback` to the length of the sequences. RMSprop, binary "
    "cross-entropy, a fifth of the rows for validation."
)

CLASS_PRESETS = (
    Preset(
        name="ohlc-direction",
        title="Whether the next close is higher or lower",
        description=(
            "Market bars, for instance of one minute; the state is carried through them in "
            "batches of 7 lanes: row i of a batch continues where row i of the previous batch "
            "ended, 20 bars at a time. A max norm limits the weights, with dropout after it."
        ),
        spec={
            "mode": "stateful",
            "task": "direction",
            "delay": 1,
            "lanes": 7,
            "chunk": 20,
            "burn_in": 0,
            "layers": [
                {
                    "cell": "lstm",
                    "units": 32,
                    "recurrent_initializer": "orthogonal",
                    "kernel_constraint": {"name": "max_norm", "max_value": 3.0},
                    "recurrent_constraint": {"name": "max_norm", "max_value": 3.0},
                    "output_dropout": 0.2,
                }
            ],
            "head": {"dropout": 0.0, "activation": "softmax"},
            "loss": "sparse_categorical_crossentropy",
            "optimizer": {"name": "adam", "learning_rate": 1e-3, "clipnorm": 1.0},
            "epochs": 10,
            "early_stopping": {"monitor": "val_loss", "patience": 3},
        },
    ),
    Preset(
        name="ohlc-direction-5-bars",
        title="Down, flat or up over each of the next five bars",
        description=(
            "Moves of up to 2 basis points are flat. Probabilities of all three for every lead."
        ),
        spec={"task": "direction", "horizon": 5, "dead_band": {"size": 2, "unit": "bps"}},
    ),
    Preset(
        name="lstm-sequence-classifier",
        title="One of ten kinds of sequences of 28 steps",
        description=(
            "Two LSTM layers of 256 rectified units, a dense layer of 32, ten classes. The target "
            "is a channel that holds the kind, 0 to 9, in the row after each sequence of 28 rows; "
            "rows without a value in it have no label. Published with Adam's old argument "
            "`decay`, which is the schedule `inverse_time_decay` today."
        ),
        spec={
            "mode": "windowed",
            "task": "classification",
            "classes": 10,
            "lookback": 28,
            "step": 1,
            "delay": 1,
            "calendar_features": [],
            "layers": [
                {"cell": "lstm", "units": 256, "activation": "relu", "output_dropout": 0.2},
                {"cell": "lstm", "units": 256, "activation": "relu", "output_dropout": 0.1},
            ],
            "head": {
                "dropout": 0.0,
                "layers": [{"units": 32, "activation": "relu", "dropout": 0.2}],
                "activation": "softmax",
            },
            "loss": "sparse_categorical_crossentropy",
            "optimizer": {
                "name": "adam",
                "learning_rate": 1e-4,
                "schedule": {
                    "name": "inverse_time_decay",
                    "decay_rate": 1e-6,
                    "decay_steps": 1,
                },
            },
            "epochs": 4,
            "batch_size": 32,
            "steps_per_epoch": 1875,
            "early_stopping": None,
        },
    ),
    Preset(
        name="binary-rnn-classifier",
        title="One of two kinds of sequences, by the simplest cell",
        description=f"SimpleRNN of 32 units, one sigmoid output. {_BINARY_USE}",
        spec={**_BINARY, "layers": [{"cell": "rnn", "units": 32}]},
    ),
    Preset(
        name="binary-lstm-classifier",
        title="One of two kinds of sequences, by an LSTM",
        description=f"LSTM of 32 units, one sigmoid output. {_BINARY_USE}",
        spec={**_BINARY, "layers": [{"cell": "lstm", "units": 32}]},
    ),
)
