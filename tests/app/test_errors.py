"""Errors: the drawn tree, the table of the docs, and no situation without a type of its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import errors
from app.errors import TYPE_PREFIX, Invalid, ServiceError, all_errors
from app.main import create_app
from app.openapi import types_of
from app.settings import Settings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
# Bases stand for a status and are not raised, apart from the one that also means the general case.
GENERAL = {Invalid}
BASES = {error for error in all_errors() if error.__subclasses__()} - GENERAL
# Only jobs end with these: their sentence is the job's `error`.
OF_JOBS = {"state-not-found", "warm-start-deleted"}


def branches(error: type[ServiceError], indent: str = "") -> Iterator[tuple[str, type]]:
    """The lines of the tree below an error, each with its class."""
    # Those of parsing are drawn with its own errors.
    below = [each for each in error.__subclasses__() if each.__module__ == errors.__name__]
    for each in below:
        is_last = each is below[-1]
        yield f"{indent}{'└── ' if is_last else '├── '}{each.__name__}", each
        yield from branches(each, indent + ("    " if is_last else "│   "))


def drawn(lines: list[tuple[str, type[ServiceError]]]) -> str:
    width = max(len(name) for name, _ in lines) + 2
    return "\n".join(f"{name:{width}}{error.status:d} {error.slug}" for name, error in lines)


def table() -> str:
    rows = [
        f"| {error.status:d} | `{error.slug}` | {error.__doc__} |"
        for error in sorted(all_errors(), key=lambda each: each.status)
        if error not in BASES - {ServiceError}
    ]
    return "\n".join(["| Status | Type | When |", "|---|---|---|", *rows])


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """The names that a file calls, each with its line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node.lineno


CALLED = [
    (name, f"{path.relative_to(ROOT)}:{line}")
    for path in (ROOT / "app").rglob("*.py")
    for name, line in calls(path)
]


class TestTree:
    def test_the_tree_in_the_docstring_is_that_of_the_classes(self) -> None:
        lines = [("ServiceError", ServiceError), *branches(ServiceError)]
        assert drawn(lines) in (errors.__doc__ or "")

    def test_every_type_is_unique(self) -> None:
        slugs = [error.slug for error in all_errors()]
        assert len(slugs) == len(set(slugs))

    def test_every_error_says_when_it_happens(self) -> None:
        own = [error.__dict__.get("__doc__") or "" for error in all_errors()]
        assert all(text.endswith(".") for text in own)

    def test_the_docs_list_every_type(self) -> None:
        assert table() in (ROOT / "docs/errors.md").read_text()


class TestUse:
    def test_no_situation_is_answered_with_a_base(self) -> None:
        names = {error.__name__ for error in BASES - {ServiceError}}
        assert [place for name, place in CALLED if name in names] == []

    @pytest.mark.parametrize("error", [each for each in all_errors() if each not in BASES])
    def test_every_error_is_raised_somewhere(self, error: type[ServiceError]) -> None:
        assert error.__name__ in {name for name, _ in CALLED}


class TestDocument:
    def test_every_type_is_listed_by_an_operation(self) -> None:
        paths = create_app(Settings(api_key=None)).openapi()["paths"]
        listed = {
            slug
            for operations in paths.values()
            for operation in operations.values()
            for slug in types_of(operation)
        }
        leaves = {error.slug for error in all_errors() if error not in BASES}
        assert listed == leaves - OF_JOBS

    def test_an_example_is_a_problem_of_its_type(self) -> None:
        document = create_app(Settings(api_key=None)).openapi()
        responses = document["paths"]["/v1/series/{name}"]["delete"]["responses"]
        examples = responses["409"]["content"]["application/problem+json"]["examples"]
        assert list(examples) == ["series-in-use", "job-already-ended", "deleted-meanwhile"]
        assert examples["series-in-use"]["value"] == {
            "type": f"{TYPE_PREFIX}series-in-use",
            "title": "Conflict",
            "status": 409,
            "detail": "Models or studies use the series; `force` deletes them too.",
        }
