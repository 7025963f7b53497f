"""The short way for a single row agrees with the whole comparison."""

import numpy as np
import pytest

from app.ingest.plausibility.checking import _distances, _is_usual
from app.ingest.plausibility.recent import Recent
from app.ingest.plausibility.usual_times import UsualTimes
from app.ingest.plausibility.usual_values import LEVEL_ROWS, UsualValues
from app.series.changes import Batch

pytestmark = pytest.mark.unit

HOUR = np.timedelta64(3_600_000_000, "us")
FIRST = np.datetime64("2024-03-01T00:00", "us")


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
    recent = Recent(
        values=UsualValues.of(values, np.zeros(3, bool)),
        times=UsualTimes(None, None, None),
        tail=values[-LEVEL_ROWS:],
        first=FIRST,
        last=FIRST + 199 * HOUR,
        step=HOUR,
        settings=("1h", "continuous", "UTC", ()),
        learnt_rows=200,
    )
    time = np.array([FIRST + 200 * HOUR]).astype(np.int64)
    passed = 0
    for _ in range(200):
        row = values[-1:] + generator.normal(0, 1, 3) * generator.choice([0.1, 1, 10, 100])
        if _is_usual(row[0], recent, [0, 1, 2]):
            passed += 1
            assert not _distances(
                Batch(time, row, ("a", "b", "c")), recent, [0, 1, 2]
            ).unusual.any()
    assert 0 < passed < 200
