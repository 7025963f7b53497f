"""What the spec knows of Keras without importing it, against the installed Keras."""

import inspect
from typing import Any

import keras
import pytest

from models.checks.layers import _CELLS_WITH
from models.checks.optimizer import OPTIMIZER_ARGUMENTS
from models.network.builders import RECURRENT
from models.network.keras_objects import layer_arguments
from models.network.optimizers import OPTIMIZERS
from models.spec.keras_arguments import KERAS_ARGUMENTS, MATRICES_ONLY, Role, complaints
from models.spec.layers import LayerSpec
from models.spec.optimizer import OptimizerSpec

ROOMS: dict[Role, Any] = {
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}
# `stft` fills the kernels of convolutions; the axes are for kernels of more than two dimensions.
NOT_FOR_LAYERS = {"stft"}
NOT_FOR_MATRICES = {"input_axes", "output_axes"}
# What the service decides for itself: averaging and accumulating over updates, mixed precision.
NOT_FOR_SPECS = {
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "name",
}


def signature(function: Any) -> dict[str, Any]:
    """Arguments and defaults of a call; none for classes that take whatever comes."""
    parameters = inspect.signature(function).parameters.values()
    return {
        each.name: each.default
        for each in parameters
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    }


def found(role: Role, given: Any, *, matrix: bool = True) -> dict[str, str]:
    return dict(complaints(role, given, matrix=matrix))


@pytest.mark.parametrize("role", ROOMS)
class TestTables:
    def test_every_name_of_keras_is_there(self, role: Role) -> None:
        base = getattr(ROOMS[role], role.capitalize())
        classes = {
            each
            for each in vars(ROOMS[role]).values()
            if inspect.isclass(each) and issubclass(each, base) and each is not base
        }
        known = {getattr(ROOMS[role], name) for name in KERAS_ARGUMENTS[role]}
        left_out = {getattr(ROOMS[role], name, None) for name in NOT_FOR_LAYERS}
        assert known == classes - left_out

    def test_every_argument_has_the_name_and_the_default_of_keras(self, role: Role) -> None:
        for name, arguments in KERAS_ARGUMENTS[role].items():
            wanted = signature(getattr(ROOMS[role], name))
            given = {key: argument.default for key, argument in arguments.items()}
            assert given == {
                key: value for key, value in wanted.items() if key not in NOT_FOR_MATRICES
            }, name

    def test_keras_makes_each_from_its_name_and_from_its_arguments(self, role: Role) -> None:
        for name, arguments in KERAS_ARGUMENTS[role].items():
            full = {"name": name} | {key: each.default for key, each in arguments.items()}
            for given in (name, full):
                inert = name == "l1_l2"
                assert set(found(role, given)) == ({""} if inert else set())
                layer = LayerSpec.model_validate({f"kernel_{role}": given})
                made = layer_arguments(layer)[f"kernel_{role}"]
                assert isinstance(made, getattr(ROOMS[role], name))

    def test_each_works_where_the_rules_allow_it(self, role: Role) -> None:
        for name in KERAS_ARGUMENTS[role]:
            fields = ["kernel", "recurrent"] + ([] if name in MATRICES_ONLY else ["bias"])
            layer = LayerSpec.model_validate(
                {"cell": "gru", "units": 3, **{f"{field}_{role}": name for field in fields}}
            )
            cell = RECURRENT["gru"](**layer_arguments(layer))
            cell.build((None, 4, 2))
            assert len(cell.losses) == (len(fields) if role == "regularizer" else 0)


class TestComplaints:
    def test_an_unknown_name_is_answered_with_the_known_ones(self) -> None:
        assert found("constraint", "clip") == {
            "": "must be one of max_norm, min_max_norm, non_neg, unit_norm. Received: clip"
        }
        assert set(found("initializer", {"gain": 1.0})) == {"/name"}

    def test_an_argument_must_be_the_names_own(self) -> None:
        assert found("initializer", {"name": "orthogonal", "stddev": 0.1}) == {
            "/stddev": "is not an argument of orthogonal, which takes `gain`, `seed`. Received: 0.1"
        }
        assert "no arguments" in found("initializer", {"name": "ones", "gain": 1})["/gain"]

    @pytest.mark.parametrize(
        ("role", "given", "rule"),
        [
            ("initializer", {"name": "identity", "gain": "x"}, "must be a number."),
            ("initializer", {"name": "identity", "gain": True}, "must be a number."),
            ("initializer", {"name": "identity", "gain": None}, "must be a number."),
            ("initializer", {"name": "identity", "gain": float("inf")}, "must be a number."),
            ("initializer", {"name": "zeros", "name_": 1}, "is not an argument of zeros"),
            (
                "initializer",
                {"name": "variance_scaling", "mode": "fan"},
                "must be one of fan_in, fan_out, fan_avg.",
            ),
            ("regularizer", {"name": "l2", "l2": -1}, "must be a number of at least 0."),
            ("constraint", {"name": "max_norm", "axis": 0.5}, "must be a whole number from 0 to 1"),
            ("constraint", {"name": "min_max_norm", "rate": 2}, "must be a number from 0 to 1."),
        ],
    )
    def test_values_have_a_kind_and_bounds(self, role: Role, given: Any, rule: str) -> None:
        (message,) = found(role, given).values()
        assert message.startswith(rule)
        assert "Received: " in message

    def test_bounds_are_in_order_even_if_one_is_keras_default(self) -> None:
        assert found("initializer", {"name": "random_uniform", "minval": 0.1}) == {
            "/minval": "must be at most `maxval`, 0.05. Received: 0.1"
        }

    def test_biases_and_activities_are_no_matrices(self) -> None:
        assert "orthogonal" not in found("initializer", "orthogonal", matrix=False)[""][:99]
        assert found("constraint", {"name": "unit_norm", "axis": 1}, matrix=False) == {
            "/axis": "must be 0: a bias has only one axis. Received: 1"
        }


class TestLayers:
    @pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
    def test_every_argument_of_keras_can_be_set(self, cell: str) -> None:
        wanted = set(signature(RECURRENT[cell].__init__)) - {"self"}
        assert wanted <= set(LayerSpec.model_fields)
        foreign = {field for field, cells in _CELLS_WITH.items() if cell not in cells}
        assert foreign.isdisjoint(wanted)
        assert set(_CELLS_WITH) - foreign <= wanted

    @pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
    def test_defaults_are_those_of_keras(self, cell: Any) -> None:
        plain = RECURRENT[cell](**layer_arguments(LayerSpec(cell=cell)))
        config, wanted = plain.get_config(), RECURRENT[cell](32).get_config()
        assert {**config, "name": ""} == {**wanted, "name": ""}

    def test_arguments_reach_the_layer(self) -> None:
        given: dict[str, Any] = {
            "cell": "lstm",
            "unit_forget_bias": False,
            "recurrent_initializer": {"name": "random_normal", "stddev": 0.1},
            "kernel_regularizer": {"name": "l1_l2", "l1": 0.5, "l2": 0.25},
            "recurrent_constraint": {"name": "max_norm", "max_value": 3},
            "activity_regularizer": "l2",
            "seed": 7,
        }
        made = RECURRENT["lstm"](**layer_arguments(LayerSpec.model_validate(given)))
        config = made.get_config()
        assert (config["unit_forget_bias"], config["seed"]) == (False, 7)
        assert config["recurrent_initializer"]["config"]["stddev"] == 0.1
        assert config["kernel_regularizer"]["config"] == {"l1": 0.5, "l2": 0.25}
        assert config["recurrent_constraint"]["config"] == {"max_value": 3, "axis": 0}
        assert config["activity_regularizer"]["config"] == {"l2": 0.01}


class TestOptimizers:
    def test_every_argument_of_keras_can_be_set(self) -> None:
        for name, optimizer in OPTIMIZERS.items():
            wanted = set(signature(optimizer.__init__)) - {"self"} - NOT_FOR_SPECS
            shared = {"learning_rate", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm"}
            assert wanted == OPTIMIZER_ARGUMENTS[name] | shared, name
            assert wanted <= set(OptimizerSpec.model_fields)
