"""Times whose digits stand at the same places in all rows, against Python's own reading."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.parsing import arrow
from app.parsing.times.fields import apply_format
from app.parsing.times.formats import compile_format
from app.parsing.times.texts import Column

pytestmark = pytest.mark.unit

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.lists(
    st.datetimes(EPOCH.replace(year=1000, tzinfo=None), EPOCH.replace(year=2999, tzinfo=None)),
    min_size=1,
)
FORMATS = ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%Y%m%d", "%Y-%j", "%m/%d/%Y"]


@settings(deadline=None)
@given(MOMENTS, st.integers(1, 4), st.sampled_from(FORMATS))
def test_moments_are_read_as_they_were_written(
    moments: list[datetime], repeated: int, text: str
) -> None:
    texts = [moment.strftime(text) for moment in moments for _ in range(repeated)]
    reading = apply_format(Column(arrow.texts(texts)), compile_format(text))
    expected = [datetime.strptime(one, text).replace(tzinfo=UTC) - EPOCH for one in texts]
    assert reading.valid.all()
    assert reading.times.tolist() == [one // timedelta(microseconds=1) for one in expected]


@pytest.mark.parametrize(
    "wrong", ["2024-02-30", "2024-13-01", "2024-00-10", "2024-01-00", "2024/01/01", "2024-01-1x"]
)
def test_a_row_that_is_no_date_is_not_valid(wrong: str) -> None:
    texts = ["2024-02-28", "2024-02-28", wrong, wrong, "2024-02-29"]
    reading = apply_format(Column(arrow.texts(texts)), compile_format("%Y-%m-%d"))
    assert reading.valid.tolist() == [True, True, False, False, True]
    days = reading.times[reading.valid].view("datetime64[us]").astype("datetime64[D]")
    expected = np.array(["2024-02-28", "2024-02-28", "2024-02-29"], "datetime64[D]")
    assert (days == expected).all()


def test_other_digits_of_the_same_length_are_no_digits() -> None:
    # Each of these Arabic digits takes two bytes.
    texts = ["2024-02-28", "2024-02-\u0662", "2024-02-29"]
    reading = apply_format(Column(arrow.texts(texts)), compile_format("%Y-%m-%d"))
    assert reading.valid.tolist() == [True, False, True]
