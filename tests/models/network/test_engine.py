"""The engine honours regularizers, constraints, clipping and rates, on TensorFlow.

On JAX `test_engine_jax.py` runs the same checks.
"""

import pytest

from tests.models.conftest import steps_compiled
from tests.models.network.engine_checks import CHECKS


class TestTensorFlow:
    @pytest.mark.parametrize("name", CHECKS)
    def test(self, name: str) -> None:
        CHECKS[name]()

    def test_compiled_with_xla(self) -> None:
        with steps_compiled(with_xla=True):
            CHECKS["norms_stay_below_a_constraint"]()
