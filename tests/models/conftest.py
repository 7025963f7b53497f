"""Series with a structure that can be checked, for the tests of the library."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import settings

from models.series import Channel, SeriesData

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def make_wave(rows: int = 600, seed: int = 0) -> SeriesData:
    """An hourly wave of 24 steps with a little noise, and the same wave two steps earlier."""
    generator = np.random.default_rng(seed)
    hours = np.arange(rows)
    lead = 10 + 5 * np.sin(2 * np.pi * (hours + 2) / 24)
    value = 10 + 5 * np.sin(2 * np.pi * hours / 24) + 0.1 * generator.normal(size=rows)
    return SeriesData(
        name="wave",
        kind="generic",
        channels=(Channel("value", "m"), Channel("lead", "m")),
        times=np.datetime64("2024-01-01T00:00", "us") + hours * np.timedelta64(1, "h"),
        values=np.stack([value, lead], axis=1),
        cadence="1h",
        calendar="continuous",
        timezone="UTC",
    )


@contextmanager
def steps_compiled(*, with_xla: bool) -> Iterator[None]:
    """Trainings whose steps are compiled with XLA, or not: as on a CPU, or as on a GPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.network.engine_tensorflow.uses_xla", lambda: with_xla)
        yield


@pytest.fixture(autouse=True, scope="module")
def xla_where_asked_for(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compiling with XLA takes longer than training small nets: modules of the mark `xla` do it."""
    # Modules that train import Keras at their top; others must not load it.
    if request.node.get_closest_marker("xla") or "keras" not in sys.modules:
        yield
        return
    with steps_compiled(with_xla=False):
        yield


@pytest.fixture
def wave() -> SeriesData:
    """600 hours of a wave in two channels."""
    return make_wave()
