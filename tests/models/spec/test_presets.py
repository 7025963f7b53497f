"""Presets: each is a valid spec, and works on the kind of series it is for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.arrays import Times
from models.checks.resolve import SeriesProfile, resolve
from models.features.prepare import prepare
from models.features.windows import window_offsets
from models.network.backend import make_engine
from models.network.builders import build_network, describe_network
from models.network.engine import zero_states
from models.network.export import export_onnx, verify_export
from models.network.losses import objective_of, outputs_per_label
from models.network.optimizers import make_optimizer
from models.series import Channel, SeriesData, SeriesKind
from models.spec.presets import PRESETS
from models.spec.spec import EarlyStoppingSpec, Spec
from models.training.loaders import make_loader
from models.training.train import train

HOUR = np.timedelta64(1, "h")
JENA = ("p (mbar)", "T (degC)", "Tdew (degC)", "wd (deg)")
BARS = ("Open", "High", "Low", "Close")


def profile(
    names: tuple[str, ...],
    times: Times,
    *,
    kind: SeriesKind = "generic",
    cadence: str = "1h",
    calendar: str = "continuous",
) -> SeriesProfile:
    steps = np.arange(len(times))[:, np.newaxis] + np.arange(len(names))
    return SeriesProfile.from_data(
        SeriesData(
            name="s",
            kind=kind,
            channels=tuple(Channel(name) for name in names),
            times=times,
            values=10 + np.sin(steps / 9),
            cadence=cadence,
            calendar=calendar,
            timezone="UTC",
        )
    )


def jena() -> SeriesProfile:
    times = np.arange("2009-01-01T00:10", "2011-01-11T04:10", 10, dtype="datetime64[m]")
    return profile(JENA, times.astype("datetime64[us]"), kind="climate", cadence="10min")


def minute_bars() -> SeriesProfile:
    days = np.busday_offset("2022-01-03", np.arange(20), roll="forward").astype("datetime64[us]")
    minutes = np.arange(9 * 60 + 16, 15 * 60 + 33) * np.timedelta64(60_000_000, "us")
    times = (days[:, np.newaxis] + minutes).ravel()
    return profile(BARS, times, kind="ohlc", cadence="1min", calendar="sessions")


def daily_bars() -> SeriesProfile:
    days = np.busday_offset("2000-01-03", np.arange(2000), roll="forward")
    times = days.astype("datetime64[us]")
    return profile(BARS, times, kind="ohlc", cadence="B", calendar="sessions")


def hours() -> SeriesProfile:
    return profile(("load",), np.datetime64("2016-07-01", "us") + np.arange(5000) * HOUR)


def sequences() -> SeriesProfile:
    return SeriesProfile.from_data(labelled(28, 10, 200))


def binary_sequences() -> SeriesProfile:
    return SeriesProfile.from_data(labelled(24, 2, 200))


def labelled(steps: int, kinds: int, count: int) -> SeriesData:
    """Sequences of 28 channels one after the other; the row after each holds its kind.

    A sequence of kind k is a bump of noise around channel 2k.
    """
    generator = np.random.default_rng(0)
    codes = np.arange(count) % kinds
    bumps = np.exp(-np.square(np.arange(28) - 2 * codes[:, np.newaxis]) / 8)
    rows = bumps.repeat(steps, axis=0) + 0.2 * generator.normal(size=(count * steps, 28))
    label = np.full((len(rows), 1), np.nan)
    label[steps::steps, 0] = codes[:-1]
    names = [*(f"x{number}" for number in range(28)), "kind"]
    return SeriesData(
        name="sequences",
        kind="generic",
        channels=tuple(Channel(name) for name in names),
        times=np.datetime64("2024-01-01", "us") + np.arange(len(rows)) * HOUR,
        values=np.concatenate([rows, label], axis=1),
        cadence="1h",
        calendar="continuous",
        timezone="UTC",
    )


MADE_FOR = {
    "ohlc-direction": minute_bars,
    "ohlc-direction-5-bars": minute_bars,
    "lstm-sequence-classifier": sequences,
    "binary-rnn-classifier": binary_sequences,
    "binary-lstm-classifier": binary_sequences,
    "default": hours,
    "jena-stateful": jena,
    "jena-gru-windowed": jena,
    "jena-gru-dropout-windowed": jena,
    "ohlc-next-15-bars": minute_bars,
    "ohlc-daily-5-days": daily_bars,
    "hourly-24": hours,
    "jena-gru-10-days-windowed": jena,
    "jena-rnn-stack-windowed": jena,
    "plain-rnn-clipped": hours,
    "identity-rnn": hours,
    "deep-rnn": hours,
    "deep-lstm": hours,
    "deep-gru": hours,
}


class TestPresets:
    @pytest.mark.parametrize("name", sorted(PRESETS))
    def test_each_is_a_valid_spec_with_a_description(self, name: str) -> None:
        preset = PRESETS[name]
        Spec.model_validate(preset.spec)
        assert preset.name == name
        assert preset.title
        assert preset.description

    @pytest.mark.parametrize("name", sorted(PRESETS))
    def test_each_works_on_the_series_it_is_for(self, name: str) -> None:
        series = MADE_FOR[name]()
        spec = resolve(specified(name), series)
        assert resolve(spec, series) == spec


def specified(name: str) -> Spec:
    """A preset's spec, with the target that a user would name."""
    fields = PRESETS[name].spec
    if fields.get("task") == "classification":
        fields = {**fields, "targets": ["kind"]}
    return Spec.model_validate(fields)


def resolved(name: str) -> Spec:
    return resolve(specified(name), MADE_FOR[name]())


class TestJenaRecipe:
    def test_the_windowed_network_is_the_published_one(self) -> None:
        spec = resolve(Spec.model_validate(PRESETS["jena-gru-windowed"].spec), jena())
        assert (spec.lookback, spec.step, spec.delay, spec.batch_size) == (720, 6, 144, 128)
        assert (spec.steps_per_epoch, spec.epochs, spec.loss) == (500, 20, "mae")
        assert (spec.optimizer.name, spec.transform, spec.scaler) == ("rmsprop", "none", "standard")
        assert (spec.head.dropout, spec.head.layers) == (0, [])
        assert spec.early_stopping is not None
        assert spec.early_stopping.patience >= spec.epochs
        assert spec.layers is not None
        assert [(layer.cell, layer.units, layer.dropout) for layer in spec.layers] == [
            ("gru", 32, 0)
        ]

    def test_the_second_network_has_dropout_and_more_epochs(self) -> None:
        spec = resolve(Spec.model_validate(PRESETS["jena-gru-dropout-windowed"].spec), jena())
        assert spec.layers is not None
        assert (spec.layers[0].dropout, spec.layers[0].recurrent_dropout) == (0.2, 0.2)
        assert spec.epochs == 40

    def test_the_third_network_looks_back_ten_days(self) -> None:
        spec = resolved("jena-gru-10-days-windowed")
        assert (spec.lookback, spec.step, spec.delay) == (1440, 6, 144)
        assert len(window_offsets(1440, 6)) == 240


class TestTextbookRecipes:
    def test_deep_stacks_stop_early_as_published(self) -> None:
        for name in ("deep-rnn", "deep-lstm", "deep-gru"):
            spec = resolved(name)
            assert (spec.mode, spec.loss, spec.epochs, spec.batch_size) == (
                "windowed",
                "mse",
                30,
                32,
            )
            assert (spec.optimizer.name, spec.optimizer.learning_rate) == ("adam", 1e-3)
            assert spec.split.validation == 0.2
            assert spec.early_stopping == EarlyStoppingSpec(monitor="val_loss", patience=5)

    def test_dropout_and_activations_are_those_of_the_recipe(self) -> None:
        wanted = {
            "deep-rnn": [
                ("tanh", 0.2),
                ("tanh", 0.2),
                ("tanh", 0.2),
                ("sigmoid", 0.2),
                ("tanh", 0.3),
            ],
            "deep-lstm": [("tanh", 0.2), ("relu", 0.1), ("tanh", 0.0)],
            "deep-gru": [("tanh", 0.2), ("tanh", 0.2), ("relu", 0.5)],
        }
        for name, layers in wanted.items():
            found = [(layer.activation, layer.dropout) for layer in resolved(name).layers or []]
            assert found == layers
        assert resolved("deep-lstm").head.activation == "tanh"

    def test_the_identity_network_begins_by_remembering(self) -> None:
        network = network_of("identity-rnn")
        kernel, recurrent, bias = network.get_layer("rnn_0").get_weights()
        np.testing.assert_array_equal(recurrent, np.eye(100))
        assert 0 < np.abs(kernel).max() < 0.01
        assert not bias.any()

    def test_gradients_are_clipped_by_norm_or_by_value(self) -> None:
        by_value, by_norm = resolved("plain-rnn-clipped"), resolved("identity-rnn")
        assert (by_value.optimizer.clipvalue, by_norm.optimizer.clipnorm) == (5.0, 1.0)
        assert by_norm.optimizer.momentum == 0.9


FEATURES = 7


def network_of(name: str) -> Any:
    spec = resolved(name)
    return build_network(
        spec.layers or [],
        spec.network_head,
        features=FEATURES,
        outputs=outputs_of(spec),
        stateful=spec.mode == "stateful",
        seed=0,
    )


def outputs_of(spec: Spec) -> int:
    return len(spec.lead_steps) * len(spec.targets or []) * outputs_per_label(spec)


# Layers by name, units and parameters, by hand: a SimpleRNN has units x (inputs + units + 1), an
# LSTM four times that, a GRU three times units x (inputs + units + 2); the inputs are 7.
NETWORKS: dict[str, list[tuple[str, int, int]]] = {
    "jena-gru-windowed": [("gru_0", 32, 3 * 32 * 41), ("output", 1, 33)],
    "jena-gru-dropout-windowed": [("gru_0", 32, 3 * 32 * 41), ("output", 1, 33)],
    "jena-gru-10-days-windowed": [("gru_0", 32, 3 * 32 * 41), ("output", 1, 33)],
    "jena-rnn-stack-windowed": [
        ("rnn_0", 32, 32 * 40),
        ("rnn_1", 32, 32 * 65),
        ("rnn_2", 32, 32 * 65),
        ("rnn_3", 32, 32 * 65),
        ("output", 1, 33),
    ],
    # Without biases.
    "plain-rnn-clipped": [("rnn_0", 100, 100 * 107), ("output", 24, 24 * 101)],
    "identity-rnn": [("rnn_0", 100, 100 * 108), ("output", 24, 24 * 101)],
    "deep-rnn": [
        ("rnn_0", 130, 130 * 138),
        ("rnn_1", 110, 110 * 241),
        ("rnn_2", 130, 130 * 241),
        ("rnn_3", 100, 100 * 231),
        ("rnn_4", 40, 40 * 141),
        ("output", 24, 24 * 41),
    ],
    "deep-lstm": [
        ("lstm_0", 130, 4 * 130 * 138),
        ("lstm_1", 70, 4 * 70 * 201),
        ("lstm_2", 100, 4 * 100 * 171),
        ("output", 24, 24 * 101),
    ],
    "deep-gru": [
        ("gru_0", 90, 3 * 90 * 99),
        ("gru_1", 150, 3 * 150 * 242),
        ("gru_2", 60, 3 * 60 * 212),
        ("output", 24, 24 * 61),
    ],
    "ohlc-direction": [
        ("lstm_0", 32, 4 * 32 * 40),
        ("lstm_0_dropout", 32, 0),
        ("output", 2, 2 * 33),
    ],
    "lstm-sequence-classifier": [
        ("lstm_0", 256, 4 * 256 * 264),
        ("lstm_0_dropout", 256, 0),
        ("lstm_1", 256, 4 * 256 * 513),
        ("lstm_1_dropout", 256, 0),
        ("dense_0", 32, 32 * 257),
        ("dense_dropout_0", 32, 0),
        ("output", 10, 10 * 33),
    ],
    "binary-rnn-classifier": [("rnn_0", 32, 32 * 40), ("output", 1, 33)],
    "binary-lstm-classifier": [("lstm_0", 32, 4 * 32 * 40), ("output", 1, 33)],
    "jena-stateful": [
        ("lstm_0", 64, 4 * 64 * 72),
        ("head_dropout", 64, 0),
        ("output", 1, 65),
    ],
}


class TestNetworks:
    @pytest.mark.parametrize("name", NETWORKS)
    def test_layers_shapes_and_parameters(self, name: str) -> None:
        described = describe_network(network_of(name))
        stateful = PRESETS[name].spec.get("mode") == "stateful"
        layers = described["layers"]
        assert [(each["name"], each["shape"][-1], each["parameters"]) for each in layers] == (
            NETWORKS[name]
        )
        cells = [each["cell"] in ("rnn", "lstm", "gru") for each in layers]
        for position, each in enumerate(layers):
            every_step = stateful or any(cells[position + 1 :])
            assert len(each["shape"]) == (3 if every_step else 2), each["name"]
        assert described["parameters"] == sum(each[2] for each in NETWORKS[name])


def table(path: Path, name: str, times: str, cadence: str, **reading: Any) -> SeriesData:
    """A file of the shared data as a series."""
    frame = pd.read_csv(path / name, parse_dates=[times], **reading).drop_duplicates(times)
    frame = frame.set_index(times)
    return SeriesData(
        name="real",
        kind="generic" if cadence == "1h" else "climate",
        channels=tuple(Channel(each, angular=each == "wd (deg)") for each in frame.columns),
        times=frame.index.to_numpy().astype("datetime64[us]"),
        values=frame.to_numpy(np.float64),
        cadence=cadence,
        calendar="continuous",
        timezone="UTC",
    )


@pytest.fixture(scope="module")
def weather(shared_data: Path) -> SeriesData:
    """Two years of ten minutes in Jena."""
    return table(
        shared_data,
        "jena_climate_2009-01_2011-01.csv.gz",
        "Date Time",
        "10min",
        date_format="%d.%m.%Y %H:%M:%S",
    )


@pytest.fixture(scope="module")
def transformer(shared_data: Path) -> SeriesData:
    """The oil temperature of a transformer and its loads (ETTh1), the first 4000 hours."""
    whole = table(shared_data, "ETTh1.csv.gz", "date", "1h")
    return replace(whole, times=whole.times[:4000], values=whole.values[:4000])


@pytest.fixture(scope="module")
def bars(shared_data: Path) -> SeriesData:
    """The first 20 days of one-minute bars of an index, written day-first in Indian time."""
    frame = pd.read_csv(shared_data / "nifty_1min_2022_ddmmyyyy.csv.gz").drop_duplicates("Date")
    local = pd.to_datetime(frame.pop("Date"), format="%d-%m-%Y %H:%M")
    frame.index = pd.DatetimeIndex(local).tz_localize("Asia/Kolkata").tz_convert(None)
    frame = frame.sort_index().head(20 * 375)
    return SeriesData(
        name="bars",
        kind="ohlc",
        channels=tuple(Channel(each) for each in frame.columns),
        times=frame.index.to_numpy().astype("datetime64[us]"),
        values=frame.to_numpy(np.float64),
        cadence="1min",
        calendar="sessions",
        timezone="Asia/Kolkata",
    )


@pytest.mark.slow
class TestOnRealData:
    """A few updates with each recipe's own batches, then the exported graph against Keras."""

    def updates(self, name: str, data: SeriesData) -> None:
        spec = resolve(specified(name), SeriesProfile.from_data(data))
        prepared = prepare(spec, data)
        loader = make_loader(spec, prepared)
        network = build_network(
            spec.layers or [],
            spec.network_head,
            features=prepared.pipeline.width,
            outputs=prepared.dataset.outputs * outputs_per_label(spec),
            stateful=spec.mode == "stateful",
            seed=0,
        )
        optimizer = make_optimizer(
            spec.optimizer, epochs=spec.epochs or 1, updates_per_epoch=loader.updates_per_epoch
        )
        engine = make_engine(network, optimizer, objective_of(spec))
        batch = next(iter(loader.train_batches(1)))
        states: list[Any] = zero_states(loader.state_shapes, len(batch.features))
        losses = [float(engine.train(states, batch)[0]) for _ in range(4)]
        assert np.isfinite(losses).all()
        assert min(losses[1:]) < losses[0]
        engine.set_weights(engine.weights())
        assert verify_export(network, export_onnx(network, spec), [batch.features]) <= 1e-5

    @pytest.mark.parametrize("name", [name for name in NETWORKS if name.startswith("jena-")])
    def test_weather(self, name: str, weather: SeriesData) -> None:
        self.updates(name, weather)

    @pytest.mark.parametrize(
        "name", [name for name in NETWORKS if MADE_FOR[name] in (hours, daily_bars)]
    )
    def test_transformer(self, name: str, transformer: SeriesData) -> None:
        self.updates(name, transformer)

    def test_market_bars(self, bars: SeriesData) -> None:
        self.updates("ohlc-direction", bars)

    @pytest.mark.parametrize(
        ("name", "steps", "kinds"),
        [
            ("lstm-sequence-classifier", 28, 10),
            ("binary-rnn-classifier", 24, 2),
            ("binary-lstm-classifier", 24, 2),
        ],
    )
    def test_sequences(self, name: str, steps: int, kinds: int) -> None:
        self.updates(name, labelled(steps, kinds, 200))

    def test_market_bars_train_to_the_end(self, bars: SeriesData) -> None:
        found = train(specified("ohlc-direction").model_copy(update={"epochs": 1}), bars)
        figures = found.metrics["test"]["Close"]
        assert 0.4 < figures["accuracy"] < 0.6
        assert figures["log_loss"] < 0.7
