"""The measures of the structure, on graphs and folders made for the purpose."""

import grimp
import pytest

from tools import structure

pytestmark = pytest.mark.unit


def graph_of(*imports: tuple[str, str]) -> grimp.ImportGraph:
    graph = grimp.ImportGraph()
    graph.add_module("models")
    for importer, imported in imports:
        for module in (importer, imported):
            graph.add_module(module)
        graph.add_import(importer=importer, imported=imported)
    return graph


class TestCircles:
    def test_a_chain_has_none(self) -> None:
        graph = graph_of(("models.a", "models.b"), ("models.b", "models.c"))
        assert structure._circles("models", graph) == []

    def test_modules_that_import_each_other_are_one(self) -> None:
        graph = graph_of(("models.a", "models.b"), ("models.b", "models.a"))
        assert structure._circles("models", graph) == [["models.a", "models.b"]]

    def test_a_circle_over_a_third_module_is_found_and_who_imports_it_is_not_in_it(self) -> None:
        graph = graph_of(
            ("models.a", "models.b"),
            ("models.b", "models.c"),
            ("models.c", "models.a"),
            ("models.d", "models.a"),
            ("models.c", "models.e"),
        )
        assert structure._circles("models", graph) == [["models.a", "models.b", "models.c"]]


class TestLayers:
    def test_an_import_from_a_lower_layer_is_against_them(self) -> None:
        graph = graph_of(("models.grid.bins", "models.serving.states"))
        for module in ("models.grid", "models.serving"):
            graph.add_module(module)
        found = structure._against_layers("models", graph)
        assert found == ["models.grid -> models.serving"]

    def test_an_import_from_a_higher_layer_is_not(self) -> None:
        graph = graph_of(("models.serving", "models.grid"))
        assert structure._against_layers("models", graph) == []


class TestCrowdedFolders:
    def test_a_folder_with_one_file_too_many_is_named(self) -> None:
        full = [f"full/{number}.py" for number in range(structure.MOST_FILES)]
        crowded = [f"crowded/{number}.py" for number in range(structure.MOST_FILES + 1)]
        found = structure.crowded_folders([*full, *crowded, "crowded/inside/1.py"])
        assert found == [f"crowded: {structure.MOST_FILES + 1} files"]


class TestProblems:
    def test_a_page_without_the_present_measures_is_out_of_date(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(structure, "tracked_files", list)
        assert structure.problems({}, "before | a | after", "| a |") == []
        (sentence,) = structure.problems({}, "before | b | after", "| a |")
        assert sentence == "docs/architecture.md is out of date: run `make format`"
