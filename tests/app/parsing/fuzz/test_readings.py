"""Generated files are read as their truth, or refused with remedies that lead to it.

`STATECAST_FUZZ_FILES` is how many files are made instead of the suite's, by chance:
`make fuzz-readings`.
"""

import os
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from tests.app.parsing.fuzz.checks import check_found
from tests.app.parsing.fuzz.files import made
from tests.app.parsing.fuzz.remedies import read_by_library, ways
from tests.app.parsing.fuzz.shapes import Shape, shapes

pytestmark = [pytest.mark.unit, pytest.mark.slow]

FILES = int(os.environ.get("STATECAST_FUZZ_FILES", "0"))


@given(shape=shapes)
@settings(
    max_examples=FILES or 120,
    derandomize=not FILES,
    deadline=None,
    database=None,
    # To shrink takes longer than to find, and a shape is short enough as it is.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.timeout(0)
def test_a_file_is_its_truth_or_is_refused_with_what_leads_to_it(shape: Shape) -> None:
    file = made(shape)
    for query, found in ways(partial(read_by_library, file.content), file.options, file.answers):
        note(str(query))
        check_found(file, query, found)
