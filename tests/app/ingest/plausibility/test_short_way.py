"""The short way for a single row agrees with the whole comparison."""

from datetime import UTC, datetime

import numpy as np
import pytest

from app.ingest.plausibility.checking import _distances, is_usual
from app.ingest.plausibility.recent import Recent, _bounds, _rows
from app.ingest.plausibility.usual_times import UsualTimes
from app.ingest.plausibility.usual_values import LEVEL_ROWS, UsualValues
from app.series.changes import Batch
from app.series.tables import Series
from models.arrays import Values

pytestmark = pytest.mark.unit

HOUR = 3_600_000_000
FIRST = int(np.datetime64("2024-03-01T00:00", "us").astype(np.int64))
NAMES = ("a", "b", "c")


def recent_of(values: Values, series: Series) -> Recent:
    usual = UsualValues.of(values, np.zeros(3, bool))
    times = FIRST + HOUR * np.arange(len(values))
    return Recent(
        created_at=datetime(2024, 1, 1, tzinfo=UTC),
        revision=1,
        settings=("1h", "continuous", "UTC", series.channels),
        values=usual,
        times=UsualTimes(None, has_grid=False, has_hours=False, least_step=None, rows=200),
        expected=frozenset(),
        bounds=_bounds(usual, series.channels),
        tail=_rows(times[-LEVEL_ROWS:], values[-LEVEL_ROWS:]),
        first=FIRST,
        last=int(times[-1]),
        step=HOUR,
        learnt_rows=200,
    )


@pytest.mark.parametrize("seed", range(20))
def test_rows_that_it_passes_are_usual(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = np.column_stack(
        [
            20 + 6 * np.sin(np.arange(200) / 4) + generator.normal(0, 0.5, 200),
            np.cumsum(generator.normal(0, 1, 200)),
            np.where(generator.random(200) < 0.1, generator.exponential(2, 200), 0),
        ]
    )
    values[generator.random(values.shape) < 0.05] = np.nan
    series = Series(channels=[{"name": name} for name in NAMES])
    recent = recent_of(values, series)
    time = np.array([FIRST + 200 * HOUR])
    passed = 0
    for _ in range(200):
        row = values[-1:] + generator.normal(0, 1, 3) * generator.choice([0.1, 1, 10, 100])
        batch = Batch(time, row, NAMES)
        if is_usual(series, batch, recent):
            passed += 1
            assert not _distances(batch, recent, [0, 1, 2]).unusual.any()
    assert 0 < passed < 200


def test_values_outside_of_limits_do_not_pass() -> None:
    values = np.random.default_rng(0).normal(0, 1, (200, 3))
    series = Series(channels=[{"name": "a", "minimum": 0.5}, {"name": "b"}, {"name": "c"}])
    recent = recent_of(values, series)
    time = np.array([FIRST + 200 * HOUR])
    passes = [
        is_usual(series, Batch(time, np.array([[a, 0.0, 0.0]]), NAMES), recent) for a in (0.4, 0.6)
    ]
    assert passes == [False, True]
