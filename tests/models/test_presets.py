"""Presets: each is a valid spec, and works on the kind of series it is for."""

import numpy as np
import pytest

from models.checks import SeriesFacts, resolve
from models.presets import PRESETS
from models.series import Channel, Kind, SeriesData, Times
from models.spec import Spec

HOUR = np.timedelta64(1, "h")
JENA = ("p (mbar)", "T (degC)", "Tdew (degC)", "wd (deg)")
BARS = ("Open", "High", "Low", "Close")


def facts(
    names: tuple[str, ...],
    times: Times,
    *,
    kind: Kind = "generic",
    cadence: str = "1h",
    calendar: str = "continuous",
) -> SeriesFacts:
    steps = np.arange(len(times))[:, np.newaxis] + np.arange(len(names))
    return SeriesFacts.from_data(
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


def jena() -> SeriesFacts:
    times = np.arange("2009-01-01T00:10", "2011-01-11T04:10", 10, dtype="datetime64[m]")
    return facts(JENA, times.astype("datetime64[us]"), kind="climate", cadence="10min")


def minute_bars() -> SeriesFacts:
    days = np.busday_offset("2022-01-03", np.arange(20), roll="forward").astype("datetime64[us]")
    minutes = np.arange(9 * 60 + 16, 15 * 60 + 33) * np.timedelta64(60_000_000, "us")
    times = (days[:, np.newaxis] + minutes).ravel()
    return facts(BARS, times, kind="ohlc", cadence="1min", calendar="sessions")


def daily_bars() -> SeriesFacts:
    days = np.busday_offset("2000-01-03", np.arange(2000), roll="forward")
    times = days.astype("datetime64[us]")
    return facts(BARS, times, kind="ohlc", cadence="B", calendar="sessions")


def hours() -> SeriesFacts:
    return facts(("load",), np.datetime64("2016-07-01", "us") + np.arange(5000) * HOUR)


MADE_FOR = {
    "default": hours,
    "jena-stateful": jena,
    "jena-gru-windowed": jena,
    "jena-gru-dropout-windowed": jena,
    "ohlc-next-15-bars": minute_bars,
    "ohlc-daily-5-days": daily_bars,
    "hourly-24": hours,
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
        spec = resolve(Spec.model_validate(PRESETS[name].spec), series)
        assert resolve(spec, series) == spec


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
