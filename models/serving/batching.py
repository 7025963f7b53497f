"""Together: what several forecasts ask of one network is run as one batch.

A computation that needs the network is a generator: it yields a `Run` and is sent the outputs.
`alone` carries out one such computation; `together` carries out several side by side, and runs
what fits together (the same network, the same shapes) along the batch axis.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import onnxruntime

from models.arrays import Floats
from models.serving.session import run_session

# Numbers of the first input in one run: bounds memory to some tens of megabytes.
MOST_NUMBERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the network that a computation waits for.

    Args:
        session: The network.
        inputs: In the order of its own, each with the batch as its first axis.
    """

    session: onnxruntime.InferenceSession
    inputs: list[Floats]

    @property
    def kind(self) -> tuple[int, tuple[tuple[int, ...], ...]]:
        """What runs must have in common to be one."""
        return id(self.session), tuple(each.shape[1:] for each in self.inputs)


Result = TypeVar("Result")
# A computation that yields runs, is sent `[y, *new states]` of each, and returns its result.
Computation = Generator[Run, list[Floats], Result]


def run_one(steps: Computation[Result]) -> Result:
    """Carry out one computation."""
    try:
        run = next(steps)
        while True:
            run = steps.send(run_session(run.session, run.inputs))
    except StopIteration as ended:
        result: Result = ended.value
        return result


def run_batched(several: Sequence[Computation[Result]]) -> list[Result | Exception]:
    """Carry out computations side by side.

    Args:
        several: Each goes its own way; none sees what becomes of the others.

    Returns:
        For each its result, or the error that ended it.
    """
    results: dict[int, Result | Exception] = {}
    waiting: dict[int, Run] = {}
    answers: dict[int, list[Floats] | None] = dict.fromkeys(range(len(several)))
    while answers:
        for place, answer in answers.items():
            try:
                steps = several[place]
                waiting[place] = next(steps) if answer is None else steps.send(answer)
            except StopIteration as ended:
                results[place] = ended.value
            except Exception as error:
                results[place] = error
        answers = dict(_answered(waiting))
        waiting = {}
    return [results[place] for place in range(len(several))]


def _answered(waiting: dict[int, Run]) -> list[tuple[int, list[Floats]]]:
    """The outputs of every run, by the place of the computation that waits for it."""
    alike: dict[object, list[int]] = {}
    for place, run in waiting.items():
        alike.setdefault(run.kind, []).append(place)
    found: list[tuple[int, list[Floats]]] = []
    for places in alike.values():
        numbers = max(waiting[place].inputs[0].size for place in places)
        size = max(1, MOST_NUMBERS // max(1, numbers))
        for first in range(0, len(places), size):
            some = places[first : first + size]
            found += zip(some, _run_as_one([waiting[place] for place in some]), strict=True)
    return found


def _run_as_one(runs: Sequence[Run]) -> list[list[Floats]]:
    """The outputs of runs of one kind, `[y, *new states]` for each."""
    if len(runs) == 1:
        return [run_session(runs[0].session, runs[0].inputs)]
    inputs = [np.concatenate(each) for each in zip(*(run.inputs for run in runs), strict=True)]
    borders = np.cumsum([len(run.inputs[0]) for run in runs])[:-1]
    outputs = [np.split(each, borders) for each in run_session(runs[0].session, inputs)]
    return [list(own) for own in zip(*outputs, strict=True)]
