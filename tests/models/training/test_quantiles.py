"""Quantile heads: the pinball loss, conformal coverage, no crossing, the highway beside them."""

from typing import Any

import keras
import numpy as np
import pytest

from models.checks.resolve import SeriesProfile, resolve
from models.errors import SpecError
from models.network.losses import pinball
from models.series import Channel, SeriesData
from models.serving.artefact import read_bundle
from models.serving.forecaster import Forecaster
from models.serving.intervals import LEVELS
from models.spec.spec import Spec
from models.training.train import train
from models.training.trained import Trained
from tests.models.conftest import make_wave, steps_compiled

SMALL: dict[str, Any] = {
    "horizon": 2,
    "layers": [{"cell": "gru", "units": 6}],
    "epochs": 15,
    "optimizer": {"learning_rate": 0.01, "clipnorm": 1.0},
    "early_stopping": None,
    "quantiles": [0.1, 0.9],
}


def uneven(rows: int = 3_000) -> SeriesData:
    """An hourly series around 0 whose spread is 1 in the first half of a day and 5 in the other."""
    generator = np.random.default_rng(0)
    times = np.datetime64("2024-01-01", "us") + np.arange(rows) * np.timedelta64(1, "h")
    spread = np.where(np.arange(rows) % 24 < 12, 1.0, 5.0)
    values = (spread * generator.normal(size=rows))[:, np.newaxis]
    return SeriesData(
        "uneven", "generic", (Channel("x"),), times, values, "1h", "continuous", "UTC"
    )


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(Spec.model_validate({**SMALL, "transform": "none"}), uneven())


class TestPinball:
    def test_it_is_the_usual_formula(self) -> None:
        penalty = pinball([0.1, 0.5])
        # Labels 3 and 0; said 1 and 2 of the first, 1 and 1 of the second.
        y = keras.ops.array([[1.0, 2.0, 1.0, 1.0]])
        labels = keras.ops.array([[3.0, 0.0]])
        found = keras.ops.convert_to_numpy(penalty(y, labels))
        wanted = [[(0.1 * 2 + 0.5 * 1) / 2, (0.9 * 1 + 0.5 * 1) / 2]]
        np.testing.assert_allclose(found, wanted, rtol=1e-6)

    def test_its_best_constant_is_the_quantile(self) -> None:
        labels = np.random.default_rng(0).normal(size=(2_000, 1)).astype(np.float32)
        guesses = np.linspace(-3, 3, 121, dtype=np.float32)
        losses = [
            float(keras.ops.mean(pinball([0.9])(np.full_like(labels, guess), labels)))
            for guess in guesses
        ]
        best = guesses[int(np.argmin(losses))]
        assert best == pytest.approx(np.quantile(labels, 0.9), abs=0.06)


@pytest.mark.slow
class TestForecaster:
    def test_the_network_has_an_output_for_each_quantile(self, trained: Trained) -> None:
        assert trained.manifest["targets"]["quantiles"] == [0.1, 0.5, 0.9]
        assert trained.network["layers"][-1]["shape"][-1] == 2 * 3

    def test_intervals_are_wide_where_the_truth_is(self, trained: Trained) -> None:
        forecaster, data = Forecaster.from_bundle(trained.bundle), uneven()
        origins = np.arange(2_600, 2_900)
        outputs = forecaster.outputs(data.times, data.values, at=origins, levels=[80])
        width = (outputs.upper - outputs.lower)[0, :, 0, 0]
        next_hour = (origins + 1) % 24
        assert width[next_hour >= 12].mean() > 2 * width[next_hour < 12].mean()

    def test_they_cover_as_promised(self, trained: Trained) -> None:
        test = trained.metrics["test"]["x"]
        assert test["coverage_80"] == pytest.approx(80, abs=5)
        assert test["coverage_95"] == pytest.approx(95, abs=3)

    def test_bounds_never_cross(self, trained: Trained) -> None:
        forecaster, data = Forecaster.from_bundle(trained.bundle), uneven()
        outputs = forecaster.outputs(data.times, data.values, levels=LEVELS)
        lower, upper = (np.nan_to_num(each) for each in (outputs.lower, outputs.upper))
        assert (np.diff(lower, axis=0) <= 1e-9).all()
        assert (np.diff(upper, axis=0) >= -1e-9).all()
        assert (lower[0] <= np.nan_to_num(outputs.values) + 1e-9).all()

    @pytest.mark.parametrize("mode", [{}, {"mode": "windowed", "lookback": 6, "step": 1}])
    def test_a_highway_moves_all_quantiles(self, mode: dict[str, Any]) -> None:
        fields = {**SMALL, **mode, "epochs": 1, "highway": {"lags": 24}}
        with steps_compiled(with_xla=not mode):
            trained = train(Spec.model_validate(fields), make_wave(400))
        assert trained.training["export_difference"] <= 1e-5
        assert b"highway_quantiles" in read_bundle(trained.bundle).onnx


class TestSpec:
    def resolved(self, **fields: Any) -> Spec:
        return resolve(Spec.model_validate(fields), SeriesProfile.from_data(make_wave(300)))

    def test_the_median_is_added_and_the_loss_implied(self) -> None:
        spec = self.resolved(quantiles=[0.9, 0.1, 0.9])
        assert spec.quantiles == [0.1, 0.5, 0.9]
        assert spec.loss == "pinball"
        assert spec.shrinkage is False

    def test_the_loss_alone_gives_usual_quantiles(self) -> None:
        spec = self.resolved(loss="pinball")
        assert spec.quantiles == [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975]

    @pytest.mark.parametrize(
        ("fields", "pointer", "message"),
        [
            ({"quantiles": [0.1], "loss": "mse"}, "/loss", "Received: mse"),
            ({"quantiles": [0.1], "shrinkage": True}, "/quantiles", "needs a point forecast"),
            (
                {"shrinkage": True, "head": {"activation": "tanh"}},
                "/head/activation",
                "needs a linear output",
            ),
        ],
    )
    def test_what_does_not_go_together_is_refused(
        self, fields: dict[str, Any], pointer: str, message: str
    ) -> None:
        with pytest.raises(SpecError, match=message) as caught:
            self.resolved(**fields)
        assert [problem.pointer for problem in caught.value.problems] == [pointer]
