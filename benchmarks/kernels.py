"""A stateful step on TensorFlow against Keras' own loops and against JAX, in one run."""

import os
import statistics
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack

from benchmarks.steps import CELLS, CHUNK, FEATURES, LANES, UNITS

ROUNDS = 15
# What is measured: backend, and arguments of the child.
WAYS = {
    "tensorflow": ("tensorflow", ()),
    "keras loop": ("tensorflow", ("--plain",)),
    "jax": ("jax", ()),
}

Child = subprocess.Popen[str]
Times = dict[tuple[str, str], list[tuple[float, float]]]


def main() -> None:
    """Print milliseconds on the clock and of the processors, and what TensorFlow takes of JAX's."""
    with ExitStack() as stack:
        children = {way: stack.enter_context(start(*WAYS[way])) for way in WAYS}
        for child in children.values():
            read_line(child)
        times = measure(children)
        for child in children.values():
            close(child)
    print(f"one update of {UNITS} units, {LANES} lanes x {CHUNK} steps x {FEATURES} features")
    print(f"ms (cpu ms)   {''.join(f'{way:>18}' for way in WAYS)}   of keras loop      of jax")
    for cell in CELLS:
        report(cell, times)


def start(backend: str, arguments: tuple[str, ...]) -> Child:
    """A process of its own for each way: a process has one Keras backend."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.steps", *arguments],
        env={**os.environ, "KERAS_BACKEND": backend},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def measure(children: dict[str, Child]) -> Times:
    """All ways in turns, so that load hits all alike; the first round only warms up."""
    times: Times = defaultdict(list)
    for number in range(ROUNDS + 1):
        for way, child in children.items():
            for measured in ask(child).split(";"):
                cell, clock, cpu = measured.split()
                if number > 0:
                    times[way, cell].append((float(clock), float(cpu)))
    return times


def report(cell: str, times: Times) -> None:
    """A row: medians, and the median ratios of rounds that lie side by side."""
    columns = []
    for way in WAYS:
        clock, cpu = (
            statistics.median(each) * 1000 for each in zip(*times[way, cell], strict=True)
        )
        columns.append(f"{clock:8.1f} ({cpu:6.1f})")
    ratios = []
    for other in ("keras loop", "jax"):
        pairs = list(zip(times["tensorflow", cell], times[other, cell], strict=True))
        clock = statistics.median(ours[0] / theirs[0] for ours, theirs in pairs)
        cpu = statistics.median(ours[1] / theirs[1] for ours, theirs in pairs)
        ratios.append(f"{clock:.2f} ({cpu:.2f})")
    row = "".join(f"{column:>18}" for column in columns)
    print(f"{cell:14}{row} {ratios[0]:>15} {ratios[1]:>11}  (target <= 1.30)")


def ask(child: Child) -> str:
    """Let a child time a round; its answer."""
    if child.stdin:
        child.stdin.write("\n")
        child.stdin.flush()
    return read_line(child)


def read_line(child: Child) -> str:
    """What a child says next."""
    line = child.stdout.readline().strip() if child.stdout else ""
    if not line:
        sys.exit(f"a measuring process ended: {child.wait()}")
    return line


def close(child: Child) -> None:
    """End a child by ending its input."""
    if child.stdin:
        child.stdin.close()
    child.wait()


if __name__ == "__main__":
    main()
