"""The examples in docstrings run, and every central class has one."""

import doctest
from importlib import import_module

import pytest

from tests.models.tiny_forecaster import tiny_forecaster

pytestmark = pytest.mark.unit

CENTRAL_CLASSES = [
    ("models.series", "SeriesData"),
    ("models.spec.spec", "Spec"),
    ("models.calendars.cadence", "Cadence"),
    ("models.grid.grid", "Grid"),
    ("models.serving.artefact", "Bundle"),
    ("models.serving.forecaster", "Forecaster"),
    ("models.serving.intervals", "Intervals"),
    ("models.serving.states", "State"),
    ("app.parsing.reader", "Table"),
    ("models.backtesting.backtest", "Backtest"),
]
MODULES = [
    *sorted({module for module, _ in CENTRAL_CLASSES}),
    "models.spec.search",
    "models.evaluation.baselines",
    "models.evaluation.class_metrics",
    "models.evaluation.correlation",
    "models.evaluation.metrics",
    "models.evaluation.origins",
    "models.evaluation.significance",
    "models.evaluation.stability_index",
    "models.evaluation.student_t",
]


class TestExamples:
    @pytest.mark.parametrize("name", MODULES)
    def test_they_print_what_they_show(self, name: str) -> None:
        module = import_module(name)
        found = doctest.testmod(module, extraglobs={"forecaster": tiny_forecaster()})
        assert found.attempted > 0
        assert found.failed == 0

    @pytest.mark.parametrize(("module", "name"), CENTRAL_CLASSES)
    def test_a_central_class_has_one(self, module: str, name: str) -> None:
        documented = getattr(import_module(module), name)
        (docstring,) = (
            test for test in doctest.DocTestFinder(recurse=False).find(documented, name)
        )
        assert docstring.examples
