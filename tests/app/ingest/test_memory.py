"""The memory of a process that reads files: held, and exhausted."""

import pytest

from app.ingest.processes.memory import is_out_of_memory, peak_bytes
from app.parsing.errors import DamagedFile

pytestmark = pytest.mark.unit


def test_the_memory_that_is_held_is_measured_in_bytes() -> None:
    assert peak_bytes() > 10_000_000


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("can't start new thread"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (ValueError("std::bad_alloc"), True),
        (ValueError("a number"), False),
        (DamagedFile("The cell 'bad_alloc' is broken."), False),
    ],
)
def test_errors_of_libraries_without_memory_are_recognised(
    error: Exception, expected: bool
) -> None:
    assert is_out_of_memory(error) is expected


def test_the_error_of_a_library_is_found_behind_another_one() -> None:
    error = DamagedFile("The file is damaged.")
    error.__cause__ = OSError(12, "Cannot allocate memory")
    assert is_out_of_memory(error)
