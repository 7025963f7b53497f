"""Resolving: defaults by series, and every rule with its pointer."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Times, Values
from models.calendars.cadence import Cadence
from models.checks.profile import Layout
from models.checks.resolve import SeriesProfile, resolve
from models.errors import SpecError
from models.series import Channel, SeriesData, SeriesKind
from models.spec.spec import Spec
from tests.models.conftest import make_wave

pytestmark = pytest.mark.unit

HOURLY = np.timedelta64(1, "h")
OHLC = ("Open", "High", "Low", "Close")


def every(step: np.timedelta64, rows: int, start: str = "2020-01-01") -> Times:
    return np.datetime64(start, "us") + np.arange(rows) * step


def waves(rows: int, channels: int) -> Values:
    steps = np.arange(rows)[:, np.newaxis] + np.arange(channels)
    return 10 + np.sin(steps / 4)


def series(
    rows: int = 400,
    names: tuple[str, ...] = ("load", "heat"),
    *,
    kind: SeriesKind = "generic",
    cadence: str = "1h",
    calendar: str = "continuous",
    times: Times | None = None,
    values: Values | None = None,
) -> SeriesProfile:
    return SeriesProfile.from_data(
        SeriesData(
            name="s",
            kind=kind,
            channels=tuple(Channel(name, angular=name == "wind") for name in names),
            times=every(HOURLY, rows) if times is None else times,
            values=waves(rows, len(names)) if values is None else values,
            cadence=cadence,
            calendar=calendar,
            timezone="UTC",
        )
    )


def resolved(profile: SeriesProfile | None = None, **fields: Any) -> Spec:
    return resolve(Spec.model_validate(fields), profile or series())


def problems(profile: SeriesProfile | None = None, **fields: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        resolved(profile, **fields)
    return {problem.pointer: problem.message for problem in caught.value.problems}


class TestProfile:
    def test_channels_are_described(self) -> None:
        values = np.array([[1.0, 5.0, np.nan], [np.nan, 5.0, np.inf], [3.0, 5.0, np.nan]])
        profile = series(3, ("a", "b", "c"), values=values)
        a, b, c = profile.channels
        assert (a.missing_share, a.constant, a.minimum) == (pytest.approx(1 / 3), False, 1)
        assert (b.constant, b.minimum) == (True, 5)
        assert (c.missing_share, c.constant, c.minimum, c.first) == (1, True, None, None)
        assert (profile.rows, profile.names) == (3, ["a", "b", "c"])


class TestDefaults:
    def test_an_hourly_series_is_forecast_a_day_ahead(self) -> None:
        spec = resolved(series(3000))
        assert (spec.horizon, spec.cadence, spec.transform) == (24, "1h", "delta")
        assert spec.targets == spec.features == ["load", "heat"]
        assert spec.calendar_features == ["day", "week"]
        assert (spec.aggregate, spec.lookback, spec.batch_size) == (None, None, None)

    def test_market_bars_predict_log_returns_of_the_close(self) -> None:
        spec = resolved(series(400, OHLC, kind="ohlc", cadence="1min", calendar="sessions"))
        assert (spec.targets, spec.transform) == (["Close"], "log_return")
        assert spec.features == list(OHLC)

    def test_prices_that_are_not_positive_predict_changes(self) -> None:
        values = waves(400, 4) - 10
        assert resolved(series(400, OHLC, kind="ohlc", values=values)).transform == "delta"

    def test_channels_that_say_nothing_are_left_out(self) -> None:
        values = waves(400, 3)
        values[:, 1] = np.nan
        spec = resolved(series(400, ("load", "dead", "wind"), values=values))
        assert (spec.targets, spec.features) == (["load"], ["load", "wind"])

    def test_bars_are_resampled_as_bars(self) -> None:
        assert resolved(series(400, OHLC, kind="ohlc"), cadence="2h").aggregate == "ohlc"
        assert resolved(cadence="120min").cadence == "2h"
        assert resolved(cadence="120min").aggregate == "last"

    def test_hours_can_make_months_which_have_no_length(self) -> None:
        hours = series(40_000)
        assert resolved(hours, cadence="MS", horizon=2).cadence == "MS"
        with pytest.raises(SpecError, match="at least"):
            resolved(series(400), cadence="MS")

    def test_a_short_series_has_a_short_horizon_and_a_small_network(self) -> None:
        spec = resolved(series(60))
        assert spec.horizon == 8
        assert spec.layers is not None
        assert spec.layers[0].units == 16

    @pytest.mark.parametrize(
        ("cadence", "step", "horizon"),
        [("1min", "m", 15), ("1D", "D", 7), ("1h", "h", 24)],
    )
    def test_the_horizon_follows_the_cadence(self, cadence: str, step: Any, horizon: int) -> None:
        times = every(np.timedelta64(1, step), 400)
        assert resolved(series(400, cadence=cadence, times=times)).horizon == horizon

    def test_months_are_forecast_a_year_ahead(self) -> None:
        months = np.arange("1949-01", "1961-01", dtype="datetime64[M]").astype("datetime64[us]")
        spec = resolved(series(144, ("passengers",), cadence="MS", times=months))
        assert (spec.horizon, spec.calendar_features) == (12, ["year"])

    def test_windows_have_their_own_fields(self) -> None:
        spec = resolved(mode="windowed")
        assert (spec.lookback, spec.step, spec.batch_size) == (48, 1, 32)
        assert (spec.chunk, spec.lanes, spec.burn_in) == (None, None, None)

    def test_what_is_given_stays(self) -> None:
        spec = resolved(
            leads=[3, 1], head={"dropout": 0.5}, early_stopping=None, chunk=10, epochs=3
        )
        assert (spec.leads, spec.horizon, spec.head.dropout) == ([1, 3], None, 0.5)
        assert (spec.early_stopping, spec.chunk, spec.epochs) == (None, 10, 3)

    def test_without_validation_the_training_loss_is_watched(self) -> None:
        stopping = resolved(split={"validation": 0}).early_stopping
        assert stopping is not None
        assert stopping.monitor == "loss"

    @given(
        rows=st.integers(30, 600),
        mode=st.sampled_from(["stateful", "windowed"]),
        kind=st.sampled_from(["ohlc", "climate", "generic"]),
        calendar=st.sampled_from(["continuous", "sessions"]),
        cadence=st.sampled_from([None, "1h", "2h"]),
    )
    def test_resolving_again_changes_nothing(
        self, rows: int, mode: str, kind: SeriesKind, calendar: str, cadence: str | None
    ) -> None:
        profile = series(2 * rows, OHLC, kind=kind, calendar=calendar)
        once = resolved(profile, mode=mode, cadence=cadence)
        assert resolve(once, profile) == once
        assert resolve(Spec.model_validate(once.to_json()), profile) == once


class TestTargets:
    def test_an_unknown_channel_is_named_with_those_there_are(self) -> None:
        found = problems(targets=["load", "lode"])
        assert found == {
            "/targets/1": "`targets` must be channels of the series: load, heat. Received: lode"
        }

    def test_no_channel_twice(self) -> None:
        assert "Received twice: load" in problems(targets=["load", "load"])["/targets/1"]

    @pytest.mark.parametrize(("value", "words"), [(5.0, "only 5"), (np.nan, "no values")])
    def test_a_target_varies(self, value: float, words: str) -> None:
        values = waves(400, 2)
        values[:, 0] = value
        assert words in problems(series(values=values), targets=["load"])["/targets/0"]

    def test_a_series_of_constants_has_no_target(self) -> None:
        found = problems(series(values=np.ones((400, 2))))
        assert set(found) == {"/targets", "/features"}

    def test_log_returns_need_values_above_zero(self) -> None:
        profile = series(values=waves(400, 2) - 10)
        found = problems(profile, targets=["load"], transform="log_return")
        assert "whose least value is -0.99999" in found["/targets/0"]

    def test_a_target_is_seen_in_training(self) -> None:
        values = waves(400, 2)
        values[:380, 0] = np.nan
        found = problems(series(values=values), targets=["load"])
        assert "observed from 2020-01-16T20:00" in found["/targets/0"]


class TestFeatures:
    def test_unknown_channels_are_refused(self) -> None:
        assert set(problems(features=["load", "x", "y"])) == {"/features/1", "/features/2"}

    def test_one_feature_varies(self) -> None:
        values = waves(400, 2)
        values[:, 1] = 3
        profile = series(values=values)
        assert "Received: heat" in problems(profile, features=["heat"])["/features"]
        assert "Received: none" in problems(profile, features=[])["/features"]


class TestLeads:
    def test_one_field_says_how_far_ahead(self) -> None:
        found = problems(horizon=3, delay=3)
        assert found["/delay"].endswith("Received: `horizon` and `delay`")

    @pytest.mark.parametrize("leads", [[], [0, 1], [-1], [2, 2]])
    def test_leads_are_different_steps_ahead(self, leads: list[int]) -> None:
        assert f"Received: {leads}" in problems(leads=leads)["/leads"]

    @pytest.mark.parametrize(
        ("field", "value"), [("horizon", 400), ("delay", 400), ("leads", [1, 400])]
    )
    def test_no_lead_is_longer_than_the_history(self, field: str, value: Any) -> None:
        found = problems(**{field: value})
        assert found == {
            f"/{field}": f"`{field}` must be shorter than the history of 400 rows every 1h. "
            "Received: 400"
        }

    def test_outputs_are_bounded(self) -> None:
        profile = series(120_000)
        found = problems(profile, horizon=5_001, targets=["load", "heat"])
        assert found["/horizon"].endswith("Received: 10002")


class TestModes:
    @pytest.mark.parametrize("field", ["lookback", "step", "batch_size", "steps_per_epoch"])
    def test_windows_are_not_stateful(self, field: str) -> None:
        assert 'belongs to `mode` "windowed"' in problems(**{field: 1})[f"/{field}"]

    @pytest.mark.parametrize("field", ["chunk", "lanes", "burn_in"])
    def test_lanes_are_not_windowed(self, field: str) -> None:
        found = problems(mode="windowed", **{field: 1})
        assert 'belongs to `mode` "stateful"' in found[f"/{field}"]

    def test_a_layer_agrees_with_the_mode(self) -> None:
        layers = [{"units": 4}, {"units": 4, "stateful": False}]
        assert "/layers/1/stateful" in problems(layers=layers)
        assert "/layers/0/stateful" in problems(mode="windowed", layers=[{"stateful": True}])

    def test_a_carried_state_is_not_read_backwards(self) -> None:
        assert set(problems(layers=[{"go_backwards": True}])) == {"/layers/0/go_backwards"}
        assert resolved(mode="windowed", layers=[{"go_backwards": True}]).layers is not None


class TestCadence:
    @pytest.mark.parametrize("cadence", ["30min", "90min", "MS7", "soon"])
    def test_it_is_a_multiple_of_the_series_own(self, cadence: str) -> None:
        assert f"Received: {cadence}" in problems(cadence=cadence)["/cadence"].replace('"', "")

    def test_an_aggregate_needs_a_coarser_cadence(self) -> None:
        assert "coarser than the series' own, 1h" in problems(aggregate="mean")["/aggregate"]

    def test_a_cycle_is_longer_than_the_step(self) -> None:
        found = problems(cadence="12h", calendar_features=["day", "day"], horizon=1)
        assert set(found) == {"/calendar_features/1"}
        daily = problems(series(900), cadence="1D", calendar_features=["day"], horizon=1)
        assert "/calendar_features/0" in daily


class TestLengths:
    def test_too_few_rows_say_how_many_are_needed(self) -> None:
        found = problems(series(12))
        assert "at least 13 training rows every 1h: 2 of `burn_in`, 1 to the largest" in found[""]
        assert "about 20 rows in total" in found[""]
        assert resolved(series(20)).horizon == 2

    def test_a_window_is_shorter_than_the_training_rows(self) -> None:
        found = problems(mode="windowed", lookback=300)
        assert found == {
            "/lookback": "`lookback` must be shorter than the 280 training rows. Received: 300"
        }

    def test_differences_lie_within_the_training_rows(self) -> None:
        found = problems(differences=[6, 0, 280, 6])
        assert set(found) == {f"/differences/{position}" for position in (1, 2, 3)}

    def test_validation_and_test_hold_the_largest_lead(self) -> None:
        found = problems(horizon=60)
        assert set(found) == {"/split/validation", "/split/test"}
        assert found["/split/test"].endswith("the largest lead, 60. Received: 60")

    def test_a_time_outside_the_series_is_refused(self) -> None:
        found = problems(split={"test": "2031-01-01T00:00:00Z"})
        assert set(found) == {"/split/test"}

    def test_times_are_in_order(self) -> None:
        split = {"validation": "2020-01-10T00:00:00Z", "test": "2020-01-05T00:00:00Z"}
        assert set(problems(split=split)) == {"/split"}

    def test_lanes_hold_a_chunk_each(self) -> None:
        assert "Received: 100 times 24" in problems(lanes=100, chunk=24)["/lanes"]

    def test_steps_fit_into_a_window(self) -> None:
        assert "/step" in problems(mode="windowed", lookback=4, step=5)

    def test_a_series_of_far_too_many_steps_is_refused(self) -> None:
        times = np.array(["1000-01-01", "2020-01-01"], dtype="datetime64[us]")
        profile = series(2, ("load",), cadence="1min", times=times)
        assert "must have at most 20,000,000 rows" in problems(profile)[""]


class TestNetwork:
    def test_initializers_exist(self) -> None:
        layers = [{"recurrent_initializer": "identity", "bias_initializer": "orthogonal"}]
        assert set(problems(layers=layers)) == {"/layers/0/bias_initializer"}
        assert "/layers/0/kernel_initializer" in problems(layers=[{"kernel_initializer": "magic"}])

    def test_one_way_of_clipping(self) -> None:
        found = problems(optimizer={"clipnorm": 1, "clipvalue": 1})
        assert found["/optimizer/clipvalue"].endswith("Received: clipnorm and clipvalue")

    def test_momentum_needs_an_optimizer_that_has_it(self) -> None:
        assert "/optimizer/momentum" in problems(optimizer={"name": "adam", "momentum": 0.9})
        assert resolved(optimizer={"name": "sgd", "momentum": 0.9}).optimizer.momentum == 0.9

    def test_stopping_by_validation_needs_one(self) -> None:
        found = problems(split={"validation": 0}, early_stopping={"patience": 3})
        assert set(found) == {"/early_stopping/monitor"}


class TestTogether:
    def test_all_broken_rules_come_at_once(self) -> None:
        found = problems(
            targets=["x"],
            features=["y"],
            horizon=500,
            lookback=3,
            cadence="7min",
            layers=[{"go_backwards": True}],
            optimizer={"name": "adam", "momentum": 0.5},
        )
        assert set(found) == {
            "/targets/0",
            "/features/0",
            "/features",
            "/horizon",
            "/lookback",
            "/cadence",
            "/layers/0/go_backwards",
            "/optimizer/momentum",
        }


class TestHoles:
    """1,200 rows every 10 minutes, with 45 days missing before the last 100."""

    def holed(self) -> SeriesProfile:
        rows = np.arange(1200) + 6480 * (np.arange(1200) >= 1100)
        times = np.datetime64("2022-01-01", "us") + rows * np.timedelta64(10, "m")
        values = 20 + np.sin(np.arange(1200) / 9)[:, np.newaxis]
        return SeriesProfile.from_data(
            SeriesData(
                "holed", "generic", (Channel("v"),), times, values, "10min", "continuous", "UTC"
            )
        )

    def test_fractions_count_the_rows_that_are_there(self) -> None:
        spec = resolved(self.holed())
        layout = Layout.of(self.holed(), Cadence.parse("10min"), spec.split)
        found = {name: int(layout.observed[rows].sum()) for name, rows in layout.parts.items()}
        assert found == {"train": 840, "validation": 180, "test": 180}

    def test_a_part_inside_a_hole_is_refused_and_its_remedy_works(self) -> None:
        split = {"validation": "2022-01-12T00:00:00Z", "test": "2022-02-20T00:00:00Z"}
        found = problems(self.holed(), split=split)
        assert list(found) == ["/split/validation"]
        assert "from 2022-01-08T15:10:00Z to 2022-02-22T15:20:00Z" in found["/split/validation"]
        assert "Received: 0" in found["/split/validation"]
        assert resolved(self.holed(), split={"validation": 0.15, "test": 0.15})
        same_side = {"validation": "2022-01-07T00:00:00Z", "test": "2022-01-08T00:00:00Z"}
        assert resolved(self.holed(), split=same_side)

    def test_a_target_without_values_in_a_part_is_refused(self) -> None:
        wave = make_wave()
        values = wave.values.copy()
        values[500:, 0] = np.nan
        profile = SeriesProfile.from_data(replace(wave, values=values))
        assert list(problems(profile, targets=["value"])) == ["/split/test"]
        assert resolved(profile, targets=["value", "lead"])

    def test_a_hole_of_too_many_steps_is_refused_and_a_coarser_cadence_works(self) -> None:
        rows = np.arange(2_000) + 40_000_000 * (np.arange(2_000) >= 1_000)
        times = np.datetime64("2022-01-01", "us") + rows * np.timedelta64(1, "s")
        profile = SeriesProfile.from_data(
            SeriesData(
                "s", "generic", (Channel("v"),), times, waves(2_000, 1), "1s", "continuous", "UTC"
            )
        )
        assert "A coarser `cadence` gives fewer" in problems(profile)[""]
        assert resolved(profile, cadence="1min", aggregate="mean", horizon=2)
