"""The documents name functions and files that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
# A path in code quotes, and the names in code quotes before it: "`find` and `store` in `a/b.py`".
PATH = re.compile(r"`((?:app|models|tests|tools|benchmarks|migrations|examples)/[\w/]*(?:\.py)?)`")
NAMED = re.compile(r"((?:`\w+`(?: and |, )?)+) in `((?:app|models|tools)/[\w/]+\.py)`")

pytestmark = pytest.mark.unit


def defined(path: Path) -> set[str]:
    """Names of the module: classes, functions and what is assigned."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {each.id for each in node.targets if isinstance(each, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@pytest.mark.parametrize("page", PAGES)
class TestDocuments:
    def test_files_and_folders_exist(self, page: str) -> None:
        found = PATH.findall((ROOT / page).read_text())
        assert [each for each in found if not (ROOT / each).exists()] == []

    def test_functions_stand_in_the_files_that_are_named(self, page: str) -> None:
        missing = [
            f"{name} in {path}"
            for names, path in NAMED.findall((ROOT / page).read_text())
            for name in re.findall(r"`(\w+)`", names)
            if (ROOT / path).exists() and name not in defined(ROOT / path)
        ]
        assert missing == []


class TestArchitecture:
    def test_every_room_has_a_row(self) -> None:
        text = (ROOT / "docs/architecture.md").read_text()
        for package in ("app", "models"):
            rooms = [
                each.name for each in (ROOT / package).iterdir() if (each / "__init__.py").exists()
            ]
            assert [room for room in rooms if f"`{room}/`" not in text] == []
