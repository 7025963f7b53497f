"""Every error of reading a file has its own problem type, also from another process."""

import errno
import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.ingest.processes import messages
from app.parsing import errors
from app.parsing.errors import (
    ParsingError,
    TemporaryDiskFull,
    TemporaryFolderUnavailable,
    disk_error,
)
from app.parsing_problems import PROBLEMS, as_problem
from models.errors import Problem
from tests.app.test_problems import check_problem

DAYS = "".join(f"2024-01-{day:02},{day}\n" for day in range(1, 13))
FILES = {
    "damaged-file": (b"\x1f\x8b\x08broken", {}),
    "not-a-table": (b"\x89PNG\r\n", {}),
    "missing-columns": (b"a,b\n1.5,2\n3.5,4\n", {}),
    "unreadable-times": (b"time,a\nnoon,1\nnight,2\n", {}),
    "too-many-bad-rows": (b"time,a,b\n2024-01-01,1,1\n2024-01-02,inf,\n2024-01-03,inf,\n", {}),
    "several-series": (b"date,symbol,a\n2024-01-01,X,1\n2024-01-01,Y,2\n2024-01-02,X,3\n", {}),
    "several-tables": (
        b'{"a": [{"time": "2024-01-01", "x": 1}], "b": [{"time": "2024-01-01", "y": 1}]}',
        {},
    ),
    "ambiguous-times": (b"date,a\n01/02/2024,1\n02/03/2024,2\n", {}),
    "ambiguous-numbers": (b"time;a\n2024-01-01;1,234\n2024-01-02;5,678\n", {}),
    "mixed-delimiters": (f"time,a\n{DAYS}2024-02-01;1\n2024-02-02;2\n".encode(), {}),
    "option-invalid": (b"time,a\n2024-01-01,1\n", {"timestamp_format": "%Q"}),
    "unknown-column": (b"time,a\n2024-01-01,1\n", {"timestamp": "when"}),
}


def subclasses(base: type[ParsingError]) -> Iterator[type[ParsingError]]:
    """All classes below one of the tree."""
    for subclass in base.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


LEAVES = [kind for kind in subclasses(ParsingError) if not kind.__subclasses__()]


@pytest.mark.unit
class TestTable:
    def test_every_error_that_is_raised_has_a_problem(self) -> None:
        assert set(LEAVES) | {errors.OptionInvalid} == set(PROBLEMS)

    def test_a_problem_has_the_status_of_its_base_and_the_name_of_its_error(self) -> None:
        problem = as_problem(errors.FileTooLarge("a message"))
        assert (problem.status, problem.slug, problem.detail) == (
            413,
            "file-too-large",
            "a message",
        )

    def test_the_tree_in_the_docstring_names_every_class(self) -> None:
        drawn = errors.__doc__ or ""
        assert [one.__name__ for one in subclasses(ParsingError) if one.__name__ not in drawn] == []

    def test_an_error_that_is_not_listed_has_the_problem_of_its_base(self) -> None:
        special = type("Special", (errors.NotATable,), {})
        assert type(as_problem(special("a message"))) is PROBLEMS[errors.NotATable]


@pytest.mark.unit
class TestDisk:
    def test_a_full_disk_and_one_that_cannot_be_used_are_different_errors(self) -> None:
        assert isinstance(disk_error(OSError(errno.ENOSPC, "full")), TemporaryDiskFull)
        assert isinstance(disk_error(OSError(errno.EACCES, "denied")), TemporaryFolderUnavailable)


@pytest.mark.unit
class TestMessages:
    @pytest.mark.parametrize("kind", sorted(PROBLEMS, key=lambda one: one.__name__))
    def test_an_error_of_another_process_arrives_as_it_was(self, kind: type[ParsingError]) -> None:
        sent = kind("what was wrong", [Problem("/query/split", "the option")])
        message = messages.refusal(sent)
        assert message is not None
        received = messages.refused(json.loads(json.dumps(message)))
        assert type(received) is PROBLEMS[kind]
        assert (received.detail, received.errors) == (sent.detail, sent.errors)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestAnswers:
    @pytest.mark.parametrize("slug", FILES)
    def test_a_refused_file_is_422_with_the_type_of_its_error(
        self, client: TestClient, slug: str
    ) -> None:
        content, options = FILES[slug]
        query = {"create": "true", **options}
        answer = client.post("/v1/series/refused/uploads", content=content, params=query)
        assert check_problem(answer, 422)["type"] == f"urn:statecast:problem:{slug}"
