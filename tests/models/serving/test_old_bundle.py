"""A bundle from before `0001_initial` forecasts what it forecast then, bit for bit."""

from typing import Any

import numpy as np
import pytest

from models.arrays import Times, Values
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster, State
from tests.fixtures.before_0001.contents import HINT, bundle, facts


def observed() -> tuple[Times, Values]:
    """All rows that the facts were made from, `(rows,)` and `(rows, 1)`."""
    rows = [*facts()["observations"], facts()["next_row"]]
    times = np.array([time[:19] for time, _ in rows], "datetime64[us]")
    return times, np.array([[np.nan if value is None else value] for _, value in rows])


def forecast(forecaster: Forecaster, state: State) -> dict[str, Any]:
    found = run_one(forecaster.forecast(state))
    assert found.lower is not None
    assert found.upper is not None
    return {
        "origin": str(found.origin),
        "values": found.values.tolist(),
        "lower": found.lower.tolist(),
        "upper": found.upper.tolist(),
    }


@pytest.fixture(scope="module")
def forecaster() -> Forecaster:
    return Forecaster.from_bundle(bundle())


class TestOldBundle:
    def test_the_state_after_many_rows_forecasts_the_same(self, forecaster: Forecaster) -> None:
        times, values = observed()
        state = run_one(forecaster.advance(forecaster.initial_state(), times[:-1], values[:-1]))
        assert forecast(forecaster, state) == facts()["library"]["after_all_but_one"], HINT

    def test_one_more_row_forecasts_the_same(self, forecaster: Forecaster) -> None:
        times, values = observed()
        state = run_one(forecaster.advance(forecaster.initial_state(), times[:-1], values[:-1]))
        state = run_one(forecaster.advance(state, times[-1:], values[-1:]))
        assert forecast(forecaster, state) == facts()["library"]["after_all"], HINT

    def test_one_pass_over_the_series_forecasts_the_same(self, forecaster: Forecaster) -> None:
        known = facts()["library"]
        passed = forecaster.outputs(*observed(), np.array(known["origins"]), levels=[80])
        assert passed.values.tolist() == known["in_one_pass"], HINT
        assert passed.lower[0].tolist() == known["lower_80"], HINT
