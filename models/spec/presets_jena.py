"""Presets for the Jena weather series: one of this project, and published ones."""

from models.spec.preset import Preset

JENA_TARGET = ["T (degC)"]
# The first two years of the file, with the published experiment's proportions of validation and
# test rows.
JENA_SPLIT = {"validation": "2010-05-02T03:10:00Z", "test": "2010-09-03T03:10:00Z"}
JENA_WINDOW = {
    "mode": "windowed",
    "targets": JENA_TARGET,
    "lookback": 720,
    "step": 6,
    "delay": 144,
    "calendar_features": [],
    "transform": "none",
    "head": {"dropout": 0.0},
    "split": JENA_SPLIT,
    "batch_size": 128,
    "steps_per_epoch": 500,
    "loss": "mae",
    "optimizer": {"name": "rmsprop", "learning_rate": 1e-3},
    # As long as the longest run: all epochs are run and the best one is used, as published.
    "early_stopping": {"monitor": "val_loss", "patience": 40},
}

JENA_PRESETS = (
    Preset(
        name="jena-stateful",
        title="Temperature in Jena, 24 hours ahead, stateful",
        description=(
            "Hourly samples of the 10-minute weather file jena_climate_2009_2016.csv; an LSTM "
            "whose state is carried through the series. It reads pressure, temperature, dew "
            "point, their changes over 6, 24 and 72 hours, and the wind's direction; the other "
            "ten channels, most of them functions of these, made its forecasts worse."
        ),
        spec={
            "mode": "stateful",
            "targets": JENA_TARGET,
            "features": ["p (mbar)", "T (degC)", "Tdew (degC)", "wd (deg)"],
            "calendar_features": ["day", "year"],
            "cadence": "1h",
            "aggregate": "last",
            "leads": [24],
            "differences": [6, 24, 72],
            "transform": "delta",
            "split": JENA_SPLIT,
            # A highway did not improve the validation error: lags add little here.
            "highway": None,
            "layers": [{"cell": "lstm", "units": 64}],
            "head": {"dropout": 0.5},
            "chunk": 96,
            "lanes": 60,
            "loss": "mae",
            "optimizer": {
                "name": "adamw",
                "learning_rate": 2e-3,
                "clipnorm": 1.0,
                "schedule": "cosine",
            },
            "epochs": 10,
            "early_stopping": None,
        },
    ),
    Preset(
        name="jena-gru-windowed",
        title="Temperature in Jena, 24 hours ahead, the classic windows",
        description=(
            "The GRU of F. Chollet, Deep Learning with Python (1st edition, section 6.3): five "
            "days of hourly samples, one window for each forecast. For comparison: it trains "
            "much more slowly than `jena-stateful`."
        ),
        spec={**JENA_WINDOW, "layers": [{"cell": "gru", "units": 32}], "epochs": 20},
    ),
    Preset(
        name="jena-gru-dropout-windowed",
        title="The classic windows with recurrent dropout",
        description=(
            "As `jena-gru-windowed`, with dropout of inputs and of the recurrent state "
            "(Gal & Ghahramani 2016, arXiv 1512.05287) and 40 epochs."
        ),
        spec={
            **JENA_WINDOW,
            "layers": [{"cell": "gru", "units": 32, "dropout": 0.2, "recurrent_dropout": 0.2}],
            "epochs": 40,
        },
    ),
    Preset(
        name="jena-gru-10-days-windowed",
        title="The classic windows over ten days",
        description="As `jena-gru-windowed`, looking back ten days instead of five.",
        spec={
            **JENA_WINDOW,
            "lookback": 1440,
            "layers": [{"cell": "gru", "units": 32}],
            "epochs": 20,
        },
    ),
    Preset(
        name="jena-rnn-stack-windowed",
        title="A stack of four simple recurrent layers",
        description=(
            "SimpleRNN(32) four times over (F. Chollet, Deep Learning with Python, 1st edition, "
            "section 6.2): all layers except the last return their whole sequence."
        ),
        spec={
            **JENA_WINDOW,
            "layers": [
                *({"cell": "rnn", "units": 32, "return_sequences": True} for _ in range(3)),
                {"cell": "rnn", "units": 32, "return_sequences": False},
            ],
            "epochs": 20,
        },
    ),
)
