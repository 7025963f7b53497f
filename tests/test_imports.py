"""What is loaded in a fresh interpreter; import contracts in `pyproject.toml` say the rest."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.parsing.dialects.arrow_files import arrow_file, arrow_table, parquet
from tests.app.parsing.dialects.databases import json_lines, json_rows
from tests.app.parsing.dialects.writers import ROWS, weather
from tests.conftest import ROOT

TRAINING = {"tensorflow", "keras", "jax", "torch", "onnx", "scipy", "statsmodels", "optuna"}
# Slow to load, or large: each is imported where it is used.
HEAVY_READERS = {"pandas", "pyarrow", "tsdownsample", "holidays", "exchange_calendars"}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules in memory after a statement in a fresh interpreter."""
    report = f"{statement}\nimport sys\nprint('\\n'.join({{m.split('.')[0] for m in sys.modules}}))"
    command = [sys.executable, "-c", report]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


class TestWebProcess:
    def test_it_starts_without_libraries_that_train_or_read_files(self) -> None:
        loaded = loaded_by("from app.main import create_app; create_app()")
        assert not loaded & TRAINING
        assert not loaded & HEAVY_READERS

    def test_a_backtest_is_planned_and_judged_without_them(self) -> None:
        loaded = loaded_by(
            "import app.backtests.routes, models.backtesting.backtest, models.evaluation.evaluate"
        )
        assert not loaded & TRAINING

    def test_a_promotion_is_judged_without_them(self) -> None:
        loaded = loaded_by(
            "import app.aliases.gate, numpy\n"
            "from models.evaluation.significance import diebold_mariano\n"
            "one, other = numpy.random.default_rng(0).normal(size=(2, 50))\n"
            "assert diebold_mariano(one, other, overlap=0, names=('a', 'b')).p_value"
        )
        assert not loaded & (TRAINING | HEAVY_READERS)

    def test_the_worker_s_parent_never_loads_tensorflow(self) -> None:
        loaded = loaded_by("import app.worker.parent")
        assert not loaded & TRAINING

    def test_what_follows_from_the_end_of_a_job_is_light(self) -> None:
        loaded = loaded_by("import app.studies.scheduler")
        assert not loaded & (TRAINING | HEAVY_READERS)

    @pytest.mark.parametrize("make", ["weather", "json_lines", "parquet", "arrow_file"])
    def test_reading_a_file_loads_no_pandas(self, tmp_path: Path, make: str) -> None:
        made: dict[str, bytes] = {
            "weather": weather(number=lambda value: f"${value:.2f}").encode(),
            "json_lines": json_lines(json_rows()).encode(),
            "parquet": parquet(arrow_table(symbol=["x"] * ROWS)),
            "arrow_file": arrow_file(arrow_table(), "lz4"),
        }
        (tmp_path / "file").write_bytes(made[make])
        loaded = loaded_by(
            "from app.parsing.reader import ReadOptions, read_table\n"
            f"read_table(open({str(tmp_path / 'file')!r}, 'rb'), ReadOptions(), limit_bytes=10**6)"
        )
        assert "pyarrow" in loaded
        assert not loaded & (TRAINING | {"pandas"})


class TestLibrary:
    def test_the_runtime_needs_numpy_and_onnxruntime_only(self) -> None:
        loaded = loaded_by(
            "import models.serving.forecaster, models.checks.resolve\n"
            "import models.evaluation.baselines, models.spec.presets"
        )
        assert not loaded & (TRAINING | HEAVY_READERS | {"fastapi", "sqlalchemy"})
