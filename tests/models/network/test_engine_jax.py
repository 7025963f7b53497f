"""The other backend: the same training on JAX, in a process of its own."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.models.network.engine_checks import CHECKS

SPEC: dict[str, Any] = {
    "targets": ["value"],
    "horizon": 3,
    "layers": [{"cell": "lstm", "units": 6, "dropout": 0.1}],
    "head": {"dropout": 0.1},
    "chunk": 24,
    "lanes": 4,
    "burn_in": 6,
    "epochs": 12,
    "early_stopping": None,
    "optimizer": {"learning_rate": 0.01, "clipnorm": 1.0},
}
# Trains once in one go and once in two, serves the result, and runs the checks of every engine.
ON_JAX = f"""
import json
import traceback
import models.training.fitting
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster
from models.spec.spec import Spec
from models.training.train import train
from tests.models.conftest import make_wave
from tests.models.network.engine_checks import CHECKS

class Stop(Exception): ...

def stop(progress):
    if progress.epoch == 5 and progress.phase == "training":
        raise Stop

models.training.fitting.CHECKPOINT_SECONDS = 0.0
spec, data, saved = Spec.model_validate({SPEC!r}), make_wave(), []
straight = train(spec, data)
try:
    train(spec, data, progress=stop, save_checkpoint=saved.append)
except Stop:
    resumed = train(spec, data, checkpoint=saved[-1])
forecaster = Forecaster.from_bundle(straight.bundle)
state = run_one(forecaster.advance(
    forecaster.initial_state(),
    data.times,
    data.values[:, [data.channel_names.index(c) for c in forecaster.manifest["channels"]]],
))
failed = {{}}
for name, check in CHECKS.items():
    try:
        check()
    except Exception:
        failed[name] = traceback.format_exc()
print(json.dumps({{
    "checked": list(CHECKS),
    "failed": failed,
    "training": straight.training,
    "resumed": resumed.training["weights_sha256"],
    "epochs": [row["epoch"] for row in resumed.history],
    "test": straight.metrics["test"]["value"],
    "forecast": run_one(forecaster.forecast(state)).values.ravel().tolist(),
}}))
"""


@pytest.fixture(scope="module")
def on_jax() -> dict[str, Any]:
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", ON_JAX]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
class TestOnJax:
    @pytest.mark.parametrize("name", CHECKS)
    def test_every_check_of_an_engine_holds(self, on_jax: dict[str, Any], name: str) -> None:
        assert name in on_jax["checked"]
        assert name not in on_jax["failed"], on_jax["failed"][name]

    def test_it_learns(self, on_jax: dict[str, Any]) -> None:
        assert on_jax["test"]["mae"] < 0.7 * on_jax["test"]["naive_mae"]

    def test_a_resumed_run_gives_the_weights_of_one_that_was_not_interrupted(
        self, on_jax: dict[str, Any]
    ) -> None:
        assert on_jax["epochs"] == list(range(1, 13))
        assert on_jax["resumed"] == on_jax["training"]["weights_sha256"]

    def test_its_export_agrees_and_is_served(self, on_jax: dict[str, Any]) -> None:
        assert on_jax["training"]["export_difference"] <= 1e-5
        assert len(on_jax["forecast"]) == 3
        assert all(3 < value < 17 for value in on_jax["forecast"])

    def test_the_report_names_jax(self, on_jax: dict[str, Any]) -> None:
        assert "jax" in on_jax["training"]["versions"]
        assert "tensorflow" not in on_jax["training"]["versions"]
        assert on_jax["training"]["device"] == "cpu"
        assert {kernel["name"] for kernel in on_jax["training"]["kernels"]} == {"xla"}
