"""The guard of unit tests fails what the marker forbids."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FORBIDDEN = {
    "imports_keras": "import keras",
    "imports_tensorflow_late": "from models.training.train import train",
    "starts_a_process": "import subprocess; subprocess.run(['true'])",
    "forks": "import os; os.fork() or os._exit(0)",
    "opens_an_engine": "from app.db import Database; Database('postgresql://x@127.0.0.1:1/x')",
    "opens_sqlite": "import sqlite3; sqlite3.connect(':memory:')",
}
HARMLESS = "import models.checks.resolve; import app.parsing.reader"


def outcomes(folder: Path, bodies: dict[str, str], *options: str) -> dict[str, str]:
    """What becomes of unit tests with these bodies."""
    tests = "".join(f"def test_{name}() -> None:\n    {body}\n\n" for name, body in bodies.items())
    content = f"import pytest\n\npytestmark = pytest.mark.unit\n\n{tests}"
    (folder / "test_given.py").write_text(content)
    command = [sys.executable, "-m", "pytest", "-p", "tests.kinds", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-c", str(ROOT / "pyproject.toml"), "-rA", *options, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line.split() for line in done.stdout.splitlines() if "::test_" in line]
    return {
        words[1].partition("::test_")[2]: words[0]
        for words in lines
        if words[0] in ("PASSED", "FAILED")
    }


def test_each_is_caught_and_what_is_harmless_passes(tmp_path: Path) -> None:
    expected = {**dict.fromkeys(FORBIDDEN, "FAILED"), "harmless": "PASSED"}
    assert outcomes(tmp_path, {**FORBIDDEN, "harmless": HARMLESS}, "-m", "unit") == expected


def test_a_file_without_a_unit_test_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("raise AssertionError\n")
    assert outcomes(tmp_path, {"harmless": HARMLESS}, "-m", "unit") == {"harmless": "PASSED"}


@pytest.mark.parametrize("kind", ["processes", "databases"])
def test_in_every_run_processes_and_databases_are_caught(tmp_path: Path, kind: str) -> None:
    name = {"processes": "starts_a_process", "databases": "opens_an_engine"}[kind]
    assert outcomes(tmp_path, {name: FORBIDDEN[name]}) == {name: "FAILED"}
