"""Open and run the ONNX Runtime session of a network."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import onnxruntime

from models.arrays import Floats
from models.errors import ArtefactError
from models.features.dataset import Batch


def open_session(graph: bytes) -> onnxruntime.InferenceSession:
    """Load a graph for the CPU, on one thread: more threads slow small networks down.

    Raises:
        ArtefactError: If ONNX Runtime cannot read the graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # The arena would hold the memory of the longest run for as long as the session lives.
    options.enable_cpu_mem_arena = False
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # ONNX Runtime's exception classes are private and derive from Exception alone.
        raise ArtefactError(f"The ONNX graph cannot be loaded: {error}") from error


def run_session(session: onnxruntime.InferenceSession, inputs: Sequence[Floats]) -> list[Floats]:
    """Run a graph on inputs in the order of its inputs; returns `[y, *new states]`."""
    names = [each.name for each in session.get_inputs()]
    outputs: list[Floats] = session.run(None, dict(zip(names, inputs, strict=True)))
    return outputs


def run_batches(
    graph: bytes, batches: Iterable[Batch], state_shapes: Sequence[tuple[str, int]]
) -> Iterator[tuple[Floats, Batch]]:
    """Run a graph on batches in order, carrying its state from batch to batch.

    Args:
        graph: An exported network without a highway.
        batches: All of the same shape.
        state_shapes: Name and units of each recurrent state.

    Yields:
        The network's outputs for each batch, and the batch.
    """
    session = open_session(graph)
    states: list[Floats] | None = None
    for batch in batches:
        if states is None:
            lanes = len(batch.features)
            states = [np.zeros((lanes, units), np.float32) for _, units in state_shapes]
        y, *states = run_session(session, [*batch.inputs, *states])
        yield y, batch
