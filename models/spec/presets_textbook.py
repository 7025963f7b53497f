"""Presets for any series, taken from lectures and textbooks: single cells and deep stacks."""

from typing import Any

from models.spec.preset import Preset

# Thirty epochs at most, stopped after five without a better validation loss.
_DEEP: dict[str, Any] = {
    "mode": "windowed",
    "transform": "none",
    "head": {"dropout": 0.0},
    "split": {"validation": 0.2},
    "loss": "mse",
    "optimizer": {"name": "adam", "learning_rate": 1e-3},
    "epochs": 30,
    "batch_size": 32,
    "early_stopping": {"monitor": "val_loss", "patience": 5},
}

TEXTBOOK_PRESETS = (
    Preset(
        name="plain-rnn-clipped",
        title="The simplest cell, with clipped gradients",
        description=(
            "h = tanh(W_hh h + W_xh x), without biases, its state carried through the series. "
            "AdaGrad; every gradient is clipped to 5, so that none explodes."
        ),
        spec={
            "mode": "stateful",
            "layers": [{"cell": "rnn", "units": 100, "activation": "tanh", "use_bias": False}],
            "head": {"dropout": 0.0},
            "highway": None,
            "shrinkage": False,
            "loss": "mse",
            "optimizer": {"name": "adagrad", "learning_rate": 0.1, "clipvalue": 5.0},
        },
    ),
    Preset(
        name="identity-rnn",
        title="Rectified units that begin by remembering everything",
        description=(
            "A SimpleRNN of 100 rectified units whose recurrent matrix begins as the identity, so "
            "that gradients neither vanish nor explode at first (Le, Jaitly and Hinton 2015, "
            "arXiv 1504.00941); other weights begin near 0, gradients are clipped by their norm."
        ),
        spec={
            "mode": "windowed",
            "layers": [
                {
                    "cell": "rnn",
                    "units": 100,
                    "activation": "relu",
                    "kernel_initializer": {"name": "random_normal", "stddev": 0.001},
                    "recurrent_initializer": {"name": "identity", "gain": 1.0},
                    "bias_initializer": "zeros",
                }
            ],
            "head": {"dropout": 0.0},
            "loss": "mse",
            "optimizer": {
                "name": "sgd",
                "learning_rate": 0.01,
                "momentum": 0.9,
                "clipnorm": 1.0,
            },
        },
    ),
    Preset(
        name="deep-rnn",
        title="Five simple recurrent layers",
        description=(
            "SimpleRNN 130, 110, 130, 100 and 40 with dropout of each layer's inputs; mean squared "
            "error, Adam, early stopping."
        ),
        spec={
            **_DEEP,
            "layers": [
                {"cell": "rnn", "units": 130, "dropout": 0.2},
                {"cell": "rnn", "units": 110, "activation": "tanh", "dropout": 0.2},
                {"cell": "rnn", "units": 130, "activation": "tanh", "dropout": 0.2},
                {"cell": "rnn", "units": 100, "activation": "sigmoid", "dropout": 0.2},
                {"cell": "rnn", "units": 40, "activation": "tanh", "dropout": 0.3},
            ],
        },
    ),
    Preset(
        name="deep-lstm",
        title="Three LSTM layers and a bounded output",
        description=(
            "LSTM 130, 70 and 100, then a dense layer with tanh: forecasts stay within one "
            "standard deviation of the training mean. Mean squared error, Adam, early stopping."
        ),
        spec={
            **_DEEP,
            "layers": [
                {"cell": "lstm", "units": 130, "dropout": 0.2},
                {"cell": "lstm", "units": 70, "activation": "relu", "dropout": 0.1},
                {"cell": "lstm", "units": 100, "activation": "tanh", "dropout": 0.0},
            ],
            "head": {"dropout": 0.0, "activation": "tanh"},
        },
    ),
    Preset(
        name="deep-gru",
        title="Three GRU layers",
        description=(
            "GRU 90, 150 and 60 with dropout of each layer's inputs; mean squared error, Adam, "
            "early stopping."
        ),
        spec={
            **_DEEP,
            "layers": [
                {"cell": "gru", "units": 90, "dropout": 0.2},
                {"cell": "gru", "units": 150, "activation": "tanh", "dropout": 0.2},
                {"cell": "gru", "units": 60, "activation": "relu", "dropout": 0.5},
            ],
        },
    ),
)
