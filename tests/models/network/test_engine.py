"""The engine honours regularizers, constraints, clipping and rates, on TensorFlow and on JAX."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.conftest import ROOT
from tests.models.conftest import steps_compiled
from tests.models.network.engine_checks import CHECKS


class TestTensorFlow:
    @pytest.mark.parametrize("name", CHECKS)
    def test(self, name: str) -> None:
        CHECKS[name]()

    def test_compiled_with_xla(self) -> None:
        with steps_compiled(with_xla=True):
            CHECKS["norms_stay_below_a_constraint"]()


class TestJax:
    @pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
    def test_every_check_holds(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "tests.models.network.engine_checks"],
            cwd=ROOT,
            env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
