"""Training on a series with a hole that is longer than its parts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.series import SeriesData
from models.spec.spec import Spec
from models.training.train import train
from tests.models.conftest import make_wave

NETWORK = {"epochs": 1, "horizon": 3, "layers": [{"cell": "gru", "units": 2}]}


def holed(rows: int, hole_after: int, hole: int) -> SeriesData:
    """The hourly wave with `hole` hours missing after a row."""
    wave = make_wave(rows)
    moved = np.where(np.arange(rows) > hole_after, hole, 0) * np.timedelta64(1, "h")
    return replace(wave, times=wave.times + moved)


@pytest.mark.parametrize(
    "split",
    [
        {},
        # The row before the test part is the last one of a hole longer than the audit's window.
        {"split": {"validation": 0.15, "test": "2024-05-19T04:00:00Z"}},
    ],
)
def test_a_long_hole_is_trained_over(split: dict[str, Any]) -> None:
    data = holed(600, 549, 2790)
    assert str(data.times[550]) == "2024-05-19T04:00:00.000000"
    trained = train(Spec.model_validate({**NETWORK, **split}), data)
    for part in ("train", "validation", "test"):
        assert trained.metrics[part]["value"]["mae"] > 0
    probe = trained.diagnostics["audit"]["checks"][-1]
    assert probe["code"] == "future_probe_forecasts"
    assert "0 of the 64 forecasts" in probe["sentence"]
