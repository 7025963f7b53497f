"""Training end to end on small series: what comes out, again with the same seed, after a crash."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from models.errors import DataError, TrainingError
from models.grid.grid import Grid
from models.series import Channel, SeriesData
from models.serving.artefact import read_bundle
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster, State
from models.spec.spec import Spec
from models.training.fitting import Progress
from models.training.train import train
from models.training.trained import Trained
from tests.models.conftest import make_wave, steps_compiled

SMALL: dict[str, Any] = {
    "targets": ["value"],
    "horizon": 3,
    "layers": [{"cell": "gru", "units": 6}],
    "head": {"dropout": 0.1},
    "chunk": 24,
    "lanes": 4,
    "burn_in": 6,
    "epochs": 2,
    "optimizer": {"learning_rate": 0.01, "clipnorm": 1.0},
}


def small(**fields: Any) -> Spec:
    return Spec.model_validate({**SMALL, **fields})


def replayed(forecaster: Forecaster, data: SeriesData) -> State:
    return run_one(
        forecaster.advance(forecaster.initial_state(), data.times, columns(forecaster, data))
    )


def columns(forecaster: Forecaster, data: SeriesData) -> Any:
    return data.values[:, [data.channel_names.index(c) for c in forecaster.manifest["channels"]]]


@pytest.fixture(scope="module")
def reports() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def trained(reports: list[Progress]) -> Trained:
    """A stateful forecaster that had the time to learn the wave."""
    with steps_compiled(with_xla=True):
        return train(small(epochs=12), make_wave(), progress=reports.append)


@pytest.fixture(scope="module")
def forecaster(trained: Trained) -> Forecaster:
    return Forecaster.from_bundle(trained.bundle)


class TestReport:
    def test_an_obvious_structure_beats_naive(self, trained: Trained) -> None:
        test = trained.metrics["test"]["value"]
        assert test["mae"] < 0.5 * test["naive_mae"]
        assert test["skill"] == pytest.approx(1 - test["mae"] / test["naive_mae"])

    def test_metrics_are_there_per_part_target_and_lead(self, trained: Trained) -> None:
        figures = {"mae", "rmse", "mase", "smape", "skill", "best_baseline"}
        figures |= {"naive_mae", "seasonal_naive_mae", "drift_mae", "ar_mae"}
        assert list(trained.metrics) == ["train", "validation", "test"]
        target = trained.metrics["validation"]["value"]
        figures |= {"coverage_80", "width_80", "coverage_95", "width_95", "pinball"}
        assert set(target) == figures | {"leads", "ar_order", "calibration"}
        assert [row["lead"] for row in target["leads"]] == [1, 2, 3]
        assert all(set(row) == figures | {"lead"} for row in target["leads"])
        assert target["mae"] == pytest.approx(np.mean([row["mae"] for row in target["leads"]]))

    def test_the_difference_from_baselines_is_tested_on_the_test_part(
        self, trained: Trained
    ) -> None:
        target = trained.metrics["test"]["value"]
        against = target["significance"]
        assert against["naive"]["p_value"] < 0.001
        assert against["best_baseline"]["baseline"] == target["best_baseline"]

    def test_residuals_baselines_and_audit_are_in_the_manifest_too(self, trained: Trained) -> None:
        assert set(trained.diagnostics) == {"baselines", "residuals", "calibration", "audit"}
        assert trained.manifest.items() >= trained.diagnostics.items()
        assert trained.diagnostics["baselines"]["season"] == {"steps": 24, "source": "cadence"}
        assert trained.diagnostics["residuals"]["test"]["value"]["unit"] == "m"

    def test_the_audit_was_passed_in_every_check(self, trained: Trained) -> None:
        audit = trained.diagnostics["audit"]
        assert audit["passed"]
        assert [check["code"] for check in audit["checks"]] == [
            "scaler_range",
            "train_labels",
            "validation_labels",
            "future_probe_scalers",
            "future_probe_features",
            "future_probe_forecasts",
        ]

    def test_the_split_is_reported_and_does_not_overlap(self, trained: Trained) -> None:
        splits = trained.data["splits"]
        assert [part["rows"] for part in splits.values()] == [420, 90, 90]
        assert splits["train"]["last"] < splits["validation"]["first"]
        assert trained.data["first"] == "2024-01-01T00:00:00Z"
        assert len(trained.data["sha256"]) == 64

    def test_history_has_every_epoch(self, trained: Trained) -> None:
        assert [row["epoch"] for row in trained.history] == list(range(1, len(trained.history) + 1))
        assert trained.history[-1]["loss"] < trained.history[0]["loss"]
        assert trained.training["epochs"] == len(trained.history)

    def test_progress_goes_from_0_to_1(self, trained: Trained, reports: list[Progress]) -> None:
        fractions = [report.fraction for report in reports]
        assert fractions == sorted(fractions)
        assert (fractions[0], fractions[-1]) == (0.0, 1.0)
        assert {"preparing", "compiling", "training", "exporting", "evaluating"} == {
            report.phase for report in reports
        }
        assert reports[-1].val_loss == trained.history[-1]["val_loss"]


class TestServing:
    def test_streamed_equals_whole_pass_equals_keras(
        self, trained: Trained, forecaster: Forecaster, tmp_path: Any
    ) -> None:
        data = make_wave()
        values = columns(forecaster, data)
        whole = forecaster.outputs(data.times, values)
        state = run_one(
            forecaster.advance(forecaster.initial_state(), data.times[:500], values[:500])
        )
        for row in range(500, 520):
            state = State.from_bytes(state.to_bytes())
            state = run_one(
                forecaster.advance(state, data.times[row : row + 1], values[row : row + 1])
            )
            np.testing.assert_allclose(
                run_one(forecaster.forecast(state)).values, whole.values[row], atol=1e-6
            )
        path = tmp_path / "model.keras"
        path.write_bytes(read_bundle(trained.bundle).keras)
        network = keras.models.load_model(path)
        tail = forecaster._preprocessor.pipeline.empty_tail()
        reading = forecaster._preprocessor.preprocess(tail, Grid(data.times[:60], values[:60]))
        inputs = forecaster._preprocessor.inputs(reading.features, reading, slice(None))
        state = np.zeros((1, 6), np.float32)
        y = np.asarray(network([*(each[np.newaxis] for each in inputs), state])[0])[0]
        keras_values = forecaster._postprocessor.values(y, reading.base)
        np.testing.assert_allclose(keras_values[10:], whole.values[10:60], atol=1e-5)

    def test_a_shuffled_future_changes_no_earlier_forecast(self, forecaster: Forecaster) -> None:
        data = make_wave()
        values = columns(forecaster, data)
        shuffled = values.copy()
        shuffled[300:] = np.random.default_rng(1).permutation(shuffled[300:])
        before, after = (forecaster.outputs(data.times, each).values for each in (values, shuffled))
        np.testing.assert_array_equal(before[:300], after[:300])
        assert (before[300:] != after[300:]).any()

    def test_a_forecast_is_due_after_its_origin(self, forecaster: Forecaster) -> None:
        data = make_wave()
        forecast = run_one(forecaster.forecast(replayed(forecaster, data)))
        hour = np.timedelta64(1, "h")
        assert forecast.origin == data.times[-1]
        assert forecast.times.tolist() == (forecast.origin + np.arange(1, 4) * hour).tolist()
        assert forecast.leads.tolist() == [1, 2, 3]
        assert (forecast.targets, forecast.units) == (("value",), ("m",))
        assert forecast.values.shape == (3, 1)

    def test_gaps_and_missing_values_never_make_a_forecast_nan(
        self, forecaster: Forecaster
    ) -> None:
        data = make_wave()
        values = columns(forecaster, data).copy()
        values[100:150, 0] = np.nan
        values[200:210] = np.inf
        kept = np.ones(len(values), bool)
        kept[300:340] = False
        state = run_one(
            forecaster.advance(forecaster.initial_state(), data.times[kept], values[kept])
        )
        assert state.rows == 600
        assert np.isfinite(run_one(forecaster.forecast(state)).values).all()

    def test_too_few_rows_are_refused(self, forecaster: Forecaster) -> None:
        data = make_wave()
        few = run_one(
            forecaster.advance(
                forecaster.initial_state(), data.times[:5], columns(forecaster, data)[:5]
            )
        )
        for state in (forecaster.initial_state(), few):
            with pytest.raises(DataError, match="at least 6 rows of history"):
                run_one(forecaster.forecast(state))

    def test_a_target_that_was_never_observed_is_named(self, forecaster: Forecaster) -> None:
        data = make_wave()
        values = columns(forecaster, data).copy()
        values[:, forecaster.manifest["channels"].index("value")] = np.nan
        state = run_one(forecaster.advance(forecaster.initial_state(), data.times, values))
        with pytest.raises(DataError, match=r"earlier value of every target\. Missing: value"):
            run_one(forecaster.forecast(state))


@pytest.mark.slow
class TestReproducibility:
    def test_the_same_seed_gives_the_same_weights(self) -> None:
        first, same = (train(small(seed=1), make_wave()) for _ in range(2))
        assert read_bundle(first.bundle).onnx == read_bundle(same.bundle).onnx
        assert first.history[-1]["loss"] == same.history[-1]["loss"]


class _Stop(Exception):
    """What a cancelled run raises in its progress callback."""


@pytest.mark.slow
class TestCheckpoint:
    @pytest.mark.parametrize("mode", ["stateful", "windowed"])
    def test_a_resumed_run_ends_like_one_that_was_not_interrupted(
        self, monkeypatch: pytest.MonkeyPatch, mode: str
    ) -> None:
        monkeypatch.setattr("models.training.fitting.CHECKPOINT_SECONDS", 0.0)
        fields: dict[str, Any] = {"epochs": 3, "mode": mode}
        if mode == "windowed":
            fields |= {"chunk": None, "lanes": None, "burn_in": None, "lookback": 12}
        spec, saved = small(**fields), list[bytes]()

        def stop_after_two(progress: Progress) -> None:
            if progress.epoch == 2 and progress.phase == "training":
                raise _Stop

        with pytest.raises(_Stop):
            train(spec, make_wave(), progress=stop_after_two, save_checkpoint=saved.append)
        resumed = train(spec, make_wave(), checkpoint=saved[-1])
        straight = train(spec, make_wave())
        assert [row["epoch"] for row in resumed.history] == [1, 2, 3]
        for row, wanted in zip(resumed.history, straight.history, strict=True):
            assert (row["loss"], row["val_loss"]) == (wanted["loss"], wanted["val_loss"])
        assert resumed.training["weights_sha256"] == straight.training["weights_sha256"]


class TestTrouble:
    def test_a_loss_that_is_no_number_names_the_epoch_and_the_remedy(self) -> None:
        spec = small(
            layers=[{"cell": "rnn", "units": 8, "activation": "relu"}],
            optimizer={"name": "sgd", "learning_rate": 10.0},
            loss="mse",
            epochs=20,
        )
        sentence = r"in epoch \d+\. The likely cause: `optimizer\.learning_rate` is 10,"
        with pytest.raises(TrainingError, match=sentence):
            train(spec, make_wave())

    def test_a_channel_constant_in_training_is_left_out_and_reported(self) -> None:
        data = make_wave()
        values = np.concatenate([data.values, np.zeros((len(data.times), 1))], axis=1)
        values[500:, 2] = 1.0
        data = replace(data, channels=(*data.channels, Channel("late")), values=values)
        trained = train(small(), data)
        assert trained.data["dropped_channels"] == [
            {"name": "late", "reason": "it is constant in the training rows"}
        ]
        assert np.isfinite(trained.metrics["test"]["value"]["mae"])


@pytest.mark.slow
class TestModes:
    def test_windowed_streams_like_the_whole_pass(self) -> None:
        data = make_wave()
        spec = small(
            mode="windowed",
            chunk=None,
            lanes=None,
            burn_in=None,
            lookback=12,
            step=2,
            batch_size=64,
            layers=[{"cell": "rnn", "units": 6, "go_backwards": True}],
        )
        forecaster = Forecaster.from_bundle(train(spec, data).bundle)
        values = columns(forecaster, data)
        whole = forecaster.outputs(data.times, values)
        assert np.isnan(whole.values[:10]).all()
        state = run_one(
            forecaster.advance(forecaster.initial_state(), data.times[:11], values[:11])
        )
        for row in range(11, 30):
            state = run_one(
                forecaster.advance(state, data.times[row : row + 1], values[row : row + 1])
            )
            np.testing.assert_allclose(
                run_one(forecaster.forecast(state)).values, whole.values[row], atol=1e-6
            )

    def test_states_that_grow_without_bound_are_never_served(self) -> None:
        """Twice as large with every step: short lanes stay finite, the whole series does not."""
        growing = {
            "cell": "rnn",
            "units": 2,
            "activation": "linear",
            "recurrent_initializer": {"name": "identity", "gain": 2.0},
        }
        optimizer = {"name": "sgd", "learning_rate": 1e-9, "clipnorm": 1e-9}
        spec = small(layers=[growing], lanes=20, chunk=12, epochs=1, optimizer=optimizer)
        with pytest.raises(DataError, match="states grow without bound"):
            train(spec, make_wave())

    def test_hours_made_of_ten_minutes_train_on_all_phases_and_serve_one(self) -> None:
        data = make_wave(rows=1800)
        minutes = data.times[0] + np.arange(1800) * np.timedelta64(10, "m")
        data = replace(data, times=minutes, cadence="10min")
        spec = small(cadence="1h", lanes=6, chunk=12, targets=["value", "lead"], leads=[1, 4])
        trained = train(spec.model_copy(update={"horizon": None}), data)
        assert trained.data["rows"] == 300
        forecaster = Forecaster.from_bundle(trained.bundle)
        values = columns(forecaster, data)
        state = forecaster.initial_state()
        for stop in range(1, 200):
            late = data.times[:stop] > state.time if state.time else slice(0, stop)
            state = run_one(forecaster.advance(state, data.times[:stop][late], values[:stop][late]))
        whole = forecaster.outputs(data.times, values)
        row = int(np.searchsorted(whole.times, state.time))
        forecast = run_one(forecaster.forecast(state))
        np.testing.assert_allclose(forecast.values, whole.values[row], atol=1e-6)
        assert forecast.values.shape == (2, 2)
        assert str(forecast.times[1] - forecast.origin) == "14400000000 microseconds"

    def test_market_bars_forecast_log_returns_at_bars_of_the_next_session(self) -> None:
        days = np.busday_offset("2022-01-03", np.arange(60))
        opens = days.astype("datetime64[us]")[:, np.newaxis] + np.timedelta64(9, "h")
        times = (opens + np.arange(1, 7) * np.timedelta64(1, "h")).ravel()
        close = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.01, len(times))))
        bars = np.stack([close, close * 1.01, close * 0.99, close], axis=1)
        names = ("open", "high", "low", "close")
        data = SeriesData(
            "bars", "ohlc", tuple(map(Channel, names)), times, bars, "1h", "sessions", "UTC"
        )
        fields = {name: value for name, value in SMALL.items() if name != "targets"}
        trained = train(Spec.model_validate({**fields, "horizon": 8}), data)
        assert trained.spec["transform"] == "log_return"
        forecaster = Forecaster.from_bundle(trained.bundle)
        forecast = run_one(forecaster.forecast(replayed(forecaster, data)))
        assert (forecast.values > 0).all()
        assert str(forecast.times[0])[:16] == "2022-03-28T10:00"
        assert str(forecast.times[6])[:16] == "2022-03-29T10:00"

    def test_every_argument_of_a_layer_at_once_trains_and_serves(self, tmp_path: Any) -> None:
        layer = {
            "cell": "gru",
            "units": 6,
            "activation": "softsign",
            "recurrent_activation": "hard_sigmoid",
            "reset_after": False,
            "kernel_initializer": {"name": "random_uniform", "minval": -0.2, "maxval": 0.2},
            "recurrent_initializer": {"name": "orthogonal", "gain": 0.9},
            "kernel_regularizer": {"name": "l1_l2", "l1": 1e-4, "l2": 1e-4},
            "recurrent_regularizer": {"name": "orthogonal_regularizer", "factor": 1e-3},
            "activity_regularizer": {"name": "l2", "l2": 1e-5},
            "kernel_constraint": {"name": "max_norm", "max_value": 0.5},
            "dropout": 0.1,
            "recurrent_dropout": 0.1,
            "output_dropout": 0.1,
            "unroll": True,
            "seed": 3,
        }
        plateau = {"name": "reduce_on_plateau", "factor": 0.5, "patience": 1}
        windowed = {
            "mode": "windowed",
            "chunk": None,
            "lanes": None,
            "burn_in": None,
            "lookback": 6,
            "shuffle": False,
        }
        both = {**layer, "bidirectional": {"merge_mode": "ave"}, "unroll": False}
        for fields in ({"chunk": 6, "layers": [layer]}, {**windowed, "layers": [both]}):
            spec = small(
                **fields,
                loss="huber",
                huber_delta=0.5,
                optimizer={"name": "rmsprop", "momentum": 0.5, "schedule": plateau},
                head={"layers": [{"units": 4, "activation": "gelu"}], "activation": "hard_tanh"},
            )
            trained = train(spec, make_wave())
            assert np.isfinite(trained.metrics["test"]["value"]["mae"])
            path = tmp_path / "model.keras"
            path.write_bytes(read_bundle(trained.bundle).keras)
            network = keras.models.load_model(path)
            for weights in network.get_weights():
                assert np.isfinite(weights).all()
            norms = np.linalg.norm(network.get_layer("gru_0").get_weights()[0], axis=0)
            assert norms.max() <= 0.5 + 1e-5
