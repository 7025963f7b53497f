"""Every kind of job has a function that can be loaded, and the light ones load no training."""

import subprocess
import sys

import pytest

from app.jobs.tables import LIGHT_KINDS
from app.worker.handlers import HANDLERS, load_handlers
from app.worker.memory import REMEDIES
from app.worker.runner import WORK

LOAD_LIGHT_KINDS = """
import sys
from app.jobs.tables import LIGHT_KINDS
from app.worker.handlers import HANDLERS, load_handlers
load_handlers({kind: HANDLERS[kind] for kind in LIGHT_KINDS})
print({"tensorflow", "keras", "pandas"} & set(sys.modules))
"""


def test_every_kind_names_a_function() -> None:
    loaded = load_handlers(HANDLERS)
    assert {"backtest", "train"} <= set(loaded)
    assert all(callable(handler) for handler in loaded.values())


def test_light_kinds_load_no_training_library() -> None:
    command = [sys.executable, "-c", LOAD_LIGHT_KINDS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.unit
def test_every_light_kind_says_what_it_did_and_what_to_make_smaller() -> None:
    assert set(WORK) == set(REMEDIES) == LIGHT_KINDS < set(HANDLERS)
