"""Parts of an ONNX graph while it is built: nodes, weights, inputs and outputs."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


@dataclass
class GraphParts:
    """Nodes, weights, inputs and outputs of the graph while it is built."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)

    def node(self, operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        """Add one operator."""
        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))

    def weight(self, name: str, value: np.ndarray[Any, Any]) -> str:
        """Add one constant and return its name."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


def serialised(parts: GraphParts) -> bytes:
    """The graph as bytes, checked by `onnx.checker`."""
    graph = helper.make_graph(
        parts.nodes, "forecaster", parts.inputs, parts.outputs, initializer=parts.weights
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def tensor(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
    """An input or output of float32; a name in its shape stands for any size."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
