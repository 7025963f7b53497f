"""A forecaster of some hundred bytes for the examples in docstrings, made without Keras."""

import numpy as np
from onnx import TensorProto, helper

from models.calendars.cadence import Cadence
from models.calendars.calendar import Continuous
from models.features.features import ChannelFeature, FeaturePipeline
from models.features.scaling import Standardizer, TargetScaling
from models.grid.resampling import GridRule
from models.series import Channel
from models.serving.artefact import FORMAT, Bundle, write_bundle
from models.serving.forecaster import Forecaster

LEADS = (1, 2)


def tiny_forecaster() -> Forecaster:
    """Hourly `load`, leads 1 and 2: every step adds 1 to the last value."""
    return Forecaster.from_bundle(write_bundle(Bundle(_manifest(), b"", _graph())))


def _graph() -> bytes:
    """`y` is 1 for lead 1 and 2 for lead 2; the new state is the last input."""
    floats = TensorProto.FLOAT
    x = helper.make_tensor_value_info("x", floats, ["batch", "steps", 1])
    state = helper.make_tensor_value_info("state", floats, ["batch", 1])
    y = helper.make_tensor_value_info("y", floats, ["batch", "steps", len(LEADS)])
    after = helper.make_tensor_value_info("state_after", floats, ["batch", 1])
    changes = helper.make_tensor("changes", floats, [len(LEADS)], LEADS)
    zero = helper.make_tensor("zero", floats, [1], [0.0])
    last = helper.make_tensor("last", TensorProto.INT64, [], [-1])
    nodes = [
        helper.make_node("Mul", ["x", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "changes"], ["y"]),
        helper.make_node("Gather", ["x", "last"], ["last_x"], axis=1),
        helper.make_node("Mul", ["state", "zero"], ["forgotten"]),
        helper.make_node("Add", ["last_x", "forgotten"], ["state_after"]),
    ]
    graph = helper.make_graph(nodes, "tiny", [x, state], [y, after], [changes, zero, last])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    content: bytes = model.SerializeToString()
    return content


def _manifest() -> dict[str, object]:
    hour = Cadence.parse("1h")
    calendar, load = Continuous(hour), Channel("load", "MW")
    pipeline = FeaturePipeline(
        columns=1,
        channels=(ChannelFeature(0, "level", 0, masked=False, differenced=False),),
        spans=(),
        cycles=(),
        timezone="UTC",
        standardizer=Standardizer.identity(1),
    )
    scale = np.ones((len(LEADS), 1))
    scaling = TargetScaling("delta", np.array(LEADS), np.zeros(1), scale)
    return {
        "format": FORMAT,
        "series": {"name": "load", "kind": "generic", "timezone": "UTC", "calendar": "continuous"},
        "panel": [],
        "cadence": hour.text,
        "channels": [load.name],
        "grid": GridRule(hour, hour, calendar, (load,), "last", bars=False).to_json(),
        "calendar": calendar.to_json(),
        "features": pipeline.to_json(),
        "targets": {
            "names": [load.name],
            "units": [load.unit],
            "columns": [0],
            "quantiles": [0.5],
            "classes": None,
            "scaling": scaling.to_json(),
        },
        "highway": None,
        "known_effects": None,
        "intervals": None,
        "window": None,
        "states": [["state", 1]],
        "least_rows": 1,
    }
