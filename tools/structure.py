"""Measure the structure of `models/` and `app/`: `python -m tools.structure [--write | --check]`.

Without an option the measures are printed. `--write` puts them into `docs/architecture.md`;
`--check` fails where that page is out of date, where modules import each other in a circle, where
an import goes against the layers of `pyproject.toml`, or where a folder holds too many files.
"""

import ast
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grimp

from tools.tracked import tracked_files

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- structure: begin -->\n", "<!-- structure: end -->\n"
PACKAGES = ("models", "app")
MOST_FILES = 25


@dataclass(frozen=True, slots=True)
class Length:
    """The number of lines of a file or function, and where it is."""

    lines: int
    place: str


@dataclass(frozen=True, slots=True)
class Measures:
    """What is measured of one package.

    Args:
        files: Python files by folder.
        longest_file: The file with the most lines.
        longest_function: The function with the most lines, its docstring included.
        circles: Groups of modules that import each other, directly or through others.
        against_layers: Imports from a lower layer to a higher one.
    """

    files: dict[str, int]
    longest_file: Length
    longest_function: Length
    circles: list[list[str]]
    against_layers: list[str]

    def lines(self, package: str) -> Iterator[str]:
        """The measures as rows of a table."""
        yield f"| `{package}/` | |"
        yield "|---|---|"
        yield f"| folders | {len(self.files)} |"
        per_folder = ", ".join(f"`{folder}` {count}" for folder, count in self.files.items())
        yield f"| files per folder | {per_folder} |"
        for name, longest in (("file", self.longest_file), ("function", self.longest_function)):
            yield f"| longest {name} | `{longest.place}`, {longest.lines} lines |"
        yield f"| import circles | {len(self.circles)} |"
        yield f"| imports against the layers | {len(self.against_layers)} |"
        yield ""


def measure(package: str, graph: grimp.ImportGraph) -> Measures:
    """Measure one package."""
    paths = sorted((ROOT / package).rglob("*.py"))
    return Measures(
        files=_files_per_folder(paths),
        longest_file=max(map(_file_length, paths), key=lambda each: each.lines),
        longest_function=max(_function_lengths(paths), key=lambda each: each.lines),
        circles=_circles(package, graph),
        against_layers=_against_layers(package, graph),
    )


def _files_per_folder(paths: Sequence[Path]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for path in paths:
        folder = path.parent.relative_to(ROOT).as_posix()
        counts[folder] = counts.get(folder, 0) + 1
    return dict(sorted(counts.items()))


def _file_length(path: Path) -> Length:
    return Length(len(path.read_text().splitlines()), path.relative_to(ROOT).as_posix())


def _function_lengths(paths: Sequence[Path]) -> Iterator[Length]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield Length(lines, f"{path.relative_to(ROOT).as_posix()}:{node.name}")


def _circles(package: str, graph: grimp.ImportGraph) -> list[list[str]]:
    """Groups of modules of which each imports all others, directly or through others."""
    modules = sorted(each for each in graph.modules if each.split(".")[0] == package)
    reached = {each: graph.find_downstream_modules(each) for each in modules}
    groups = {
        tuple(sorted({each, *(other for other in reached[each] if each in reached.get(other, ()))}))
        for each in modules
        if graph.find_children(each) == set()
    }
    return [list(group) for group in sorted(groups) if len(group) > 1]


def _against_layers(package: str, graph: grimp.ImportGraph) -> list[str]:
    """The imports that break the package's layers, as `importer -> imported`."""
    layers = [
        grimp.Layer(*(name.strip() for name in layer.split("|")), independent=True)
        for layer in _layers_of(package)
    ]
    broken = graph.find_illegal_dependencies_for_layers(layers=layers, containers={package})
    return sorted(f"{each.importer} -> {each.imported}" for each in broken)


def _layers_of(package: str) -> list[str]:
    """The layers in the package's contract, the highest first."""
    settings: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers: list[str] = next(
        each["layers"] for each in contracts if each.get("containers") == [package]
    )
    return layers


def crowded_folders(paths: Iterable[str]) -> list[str]:
    """Folders that hold more of these files side by side than they should."""
    counts = Counter(Path(path).parent.as_posix() for path in paths)
    return [
        f"{folder}: {count} files" for folder, count in sorted(counts.items()) if count > MOST_FILES
    ]


def problems(found: dict[str, Measures], page: str, block: str) -> list[str]:
    """What `--check` refuses."""
    sentences = [
        f"more than {MOST_FILES} files in {each}" for each in crowded_folders(tracked_files())
    ]
    for measures in found.values():
        sentences += [f"modules import each other: {', '.join(each)}" for each in measures.circles]
        sentences += [f"against the layers: {each}" for each in measures.against_layers]
    if block not in page:
        sentences.append(f"{PAGE.relative_to(ROOT)} is out of date: run `make format`")
    return sentences


def main(arguments: Sequence[str]) -> int:
    """Print, write or check the measures; the number of problems."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    found = {package: measure(package, graph) for package in PACKAGES}
    block = "\n".join(line for name, each in found.items() for line in each.lines(name))
    page = PAGE.read_text() if PAGE.exists() else ""
    if "--write" in arguments:
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(before + BEGIN + block + END + rest.partition(END)[2])
    elif "--check" in arguments:
        sentences = problems(found, page, block)
        for sentence in sentences:
            print(sentence, file=sys.stderr)
        return len(sentences)
    else:
        print(block)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
