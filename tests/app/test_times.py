"""Moments on the wire, in the database and in NumPy are the same moments."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.times import to_datetime, to_numpy, to_wire

pytestmark = pytest.mark.unit

MOMENTS = st.datetimes(
    min_value=datetime(1700, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    timezones=st.just(UTC),
)


@given(MOMENTS)
def test_a_moment_survives_numpy(moment: datetime) -> None:
    assert to_datetime(to_numpy(moment)) == moment


@given(MOMENTS)
def test_a_moment_survives_the_wire(moment: datetime) -> None:
    assert datetime.fromisoformat(to_wire(to_numpy(moment))) == moment


def test_an_offset_is_taken_away() -> None:
    local = datetime(2022, 1, 3, 9, 8, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert to_wire(to_numpy(local)) == "2022-01-03T03:38:00Z"


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("1749-01-01", "1749-01-01T00:00:00Z"),
        ("2020-02-29T12:30:00.5", "2020-02-29T12:30:00.500000Z"),
    ],
)
def test_a_fraction_is_shown_only_where_there_is_one(moment: str, shown: str) -> None:
    assert to_wire(np.datetime64(moment, "us")) == shown
