"""Run computations that need a network one at a time, or batch the runs of several.

A computation is a generator. It yields a `NetworkRun` wherever it needs the network, is sent
that run's outputs, and returns its result. It never runs the network itself, so the same code
serves one forecast (`run_one`) and many (`run_batched`)::

    computation A              run_batched                     network

    yield NetworkRun(x_A) -->  inputs x_A  (1, steps, n)
                                   | concatenate on axis 0
    computation B                  v
    yield NetworkRun(x_B) -->  inputs      (2, steps, n)  -->  one run
                                                                  |
    y_A = sent [y, *states] <-- rows [0:1]  <-- split on axis 0 <--+
    y_B = sent [y, *states] <-- rows [1:2]  <--+
      |
    return Forecast(...)   -->  results[A], results[B]

`run_batched` repeats this until every computation has returned. It merges only runs of the same
session whose inputs have the same shapes apart from the batch axis; the others run separately.
`run_one` is the same loop for one computation, without copies.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import onnxruntime

from models.arrays import Floats
from models.serving.session import run_session

# Numbers in the first input of one run: bounds memory to some tens of megabytes.
MOST_NUMBERS = 1_000_000


@dataclass(frozen=True, slots=True)
class NetworkRun:
    """A run of the network that a computation asks for.

    Args:
        session: The network.
        inputs: Float32 arrays in the order of the session's inputs, each with the batch as its
            first axis.
    """

    session: onnxruntime.InferenceSession
    inputs: list[Floats]

    @property
    def batch_key(self) -> tuple[int, tuple[tuple[int, ...], ...]]:
        """Runs with the same key can be merged along the batch axis."""
        return id(self.session), tuple(each.shape[1:] for each in self.inputs)


Result = TypeVar("Result")
# Yields runs, is sent `[y, *new states]` for each of them, and returns its result.
Computation = Generator[NetworkRun, list[Floats], Result]


def run_one(computation: Computation[Result]) -> Result:
    """Run one computation to its end and return its result.

    Raises:
        Exception: Whatever the computation raises.
    """
    try:
        run = next(computation)
        while True:
            run = computation.send(run_session(run.session, run.inputs))
    except StopIteration as ended:
        result: Result = ended.value
        return result


def run_batched(computations: Sequence[Computation[Result]]) -> list[Result | Exception]:
    """Run several computations to their ends, merging their network runs into batches.

    Args:
        computations: They are independent: an error in one does not affect the others.

    Returns:
        For each computation, in order, its result or the exception that it raised.
    """
    results: dict[int, Result | Exception] = {}
    requested: dict[int, NetworkRun] = {}
    answers: dict[int, list[Floats] | None] = dict.fromkeys(range(len(computations)))
    while answers:
        for index, answer in answers.items():
            try:
                computation = computations[index]
                requested[index] = next(computation) if answer is None else computation.send(answer)
            except StopIteration as ended:
                results[index] = ended.value
            except Exception as error:
                results[index] = error
        answers = dict(_outputs(requested))
        requested = {}
    return [results[index] for index in range(len(computations))]


def _outputs(requested: dict[int, NetworkRun]) -> list[tuple[int, list[Floats]]]:
    """Each requested run's outputs, with the index of the computation that asked for it."""
    mergeable: dict[object, list[int]] = {}
    for index, run in requested.items():
        mergeable.setdefault(run.batch_key, []).append(index)
    found: list[tuple[int, list[Floats]]] = []
    for indices in mergeable.values():
        numbers = max(requested[index].inputs[0].size for index in indices)
        size = max(1, MOST_NUMBERS // max(1, numbers))
        for first in range(0, len(indices), size):
            batch = indices[first : first + size]
            found += zip(batch, _run_merged([requested[index] for index in batch]), strict=True)
    return found


def _run_merged(runs: Sequence[NetworkRun]) -> list[list[Floats]]:
    """Outputs of runs with the same key: `[y, *new states]` for each."""
    if len(runs) == 1:
        return [run_session(runs[0].session, runs[0].inputs)]
    inputs = [np.concatenate(each) for each in zip(*(run.inputs for run in runs), strict=True)]
    borders = np.cumsum([len(run.inputs[0]) for run in runs])[:-1]
    outputs = [np.split(each, borders) for each in run_session(runs[0].session, inputs)]
    return [list(of_run) for of_run in zip(*outputs, strict=True)]
