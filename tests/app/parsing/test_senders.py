"""Files in every dialect of the list: what is read is what the generator wrote."""

import io
from datetime import UTC, datetime

import numpy as np
import pytest

from app.parsing.errors import UnreadableFile
from app.parsing.reader import read_table
from tests.app.parsing.dialects.cases import CASES
from tests.app.parsing.dialects.refused import REFUSED
from tests.app.parsing.dialects.writers import Case, Refused
from tests.app.parsing.files import LIMIT_BYTES, column, options_of

pytestmark = pytest.mark.unit

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_times_and_values_are_those_of_the_generator(case: Case) -> None:
    content = io.BytesIO(case.content)
    table = read_table(content, options_of(case.query), limit_bytes=LIMIT_BYTES)
    np.testing.assert_array_equal(
        table.times.view("int64"), [microseconds(moment) for moment in case.times]
    )
    assert table.channels == tuple(case.values)
    for name, expected in case.values.items():
        assert column(table, name) == expected


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_has_no_proof_is_refused_with_the_parameter(case: Refused) -> None:
    content = io.BytesIO(case.content)
    with pytest.raises(UnreadableFile) as caught:
        read_table(content, options_of(case.query), limit_bytes=LIMIT_BYTES)
    assert case.sentence in str(caught.value)
