"""Impossible layers, losses and optimizers are refused with pointer, rule and received value."""

from typing import Any

import pytest
from pydantic import ValidationError

from models.spec.spec import LayerSpec, Spec
from tests.models.checks.test_resolve import problems, resolved

pytestmark = pytest.mark.unit

WINDOWED = {"mode": "windowed", "lookback": 24}


def refused(pointer: str, rule: str, **fields: Any) -> None:
    """The only problem is there, and says this."""
    found = problems(**fields)
    assert set(found) == {pointer}
    assert rule in found[pointer]
    assert "Received: " in found[pointer]


class TestCells:
    @pytest.mark.parametrize(
        ("cell", "field", "value"),
        [
            ("rnn", "recurrent_activation", "sigmoid"),
            ("rnn", "use_cudnn", "auto"),
            ("rnn", "unit_forget_bias", False),
            ("gru", "unit_forget_bias", True),
            ("rnn", "reset_after", True),
            ("lstm", "reset_after", False),
        ],
    )
    def test_an_argument_of_another_cell(self, cell: str, field: str, value: Any) -> None:
        layers = [{"cell": cell, field: value}]
        refused(f"/layers/0/{field}", f", not to {cell}.", layers=layers)
        assert problems(layers=layers)[f"/layers/0/{field}"].endswith(str(value).lower())

    def test_a_single_unit_is_orthogonal_to_nothing(self) -> None:
        given = {"name": "orthogonal_regularizer", "factor": 0.1}
        layers: list[dict[str, Any]] = [
            {"cell": "gru", "units": 2, "recurrent_regularizer": given},
            {"units": 1},
        ]
        assert resolved(layers=layers).layers is not None
        layers[1]["recurrent_regularizer"] = "orthogonal_regularizer"
        refused("/layers/1/recurrent_regularizer", "needs at least 2 `units`", layers=layers)

    def test_a_filled_in_spec_can_be_read_back(self) -> None:
        layers = [{"cell": cell} for cell in ("rnn", "lstm", "gru")]
        spec = resolved(layers=layers)
        again = Spec.model_validate(spec.to_json())
        assert resolved(**again.to_json()) == spec

    def test_a_kernel_that_onnx_runtime_has_not(self) -> None:
        with pytest.raises(ValidationError, match=r"'tanh', 'sigmoid', 'relu'.* or 'linear'"):
            LayerSpec.model_validate({"recurrent_activation": "gelu"})


class TestMode:
    @pytest.mark.parametrize(
        ("field", "value"),
        [("stateful", False), ("return_state", False), ("return_sequences", False)],
    )
    def test_stateful_layers_keep_their_state_and_speak_at_every_step(
        self, field: str, value: bool
    ) -> None:
        refused(
            f"/layers/0/{field}",
            f'`{field}` must be true in `mode` "stateful"',
            layers=[{field: value}],
        )
        assert resolved(layers=[{field: not value}]).layers is not None

    def test_windowed_stacks_hand_sequences_on_until_the_last_layer(self) -> None:
        right = [{"return_sequences": True, "return_state": False}, {"return_sequences": False}]
        assert resolved(**WINDOWED, layers=right).layers is not None
        found = problems(
            **WINDOWED, layers=[{"return_sequences": False}, {"return_sequences": True}]
        )
        assert set(found) == {"/layers/0/return_sequences", "/layers/1/return_sequences"}
        assert "must be false" in found["/layers/1/return_sequences"]

    @pytest.mark.parametrize(
        ("field", "value"), [("go_backwards", True), ("bidirectional", {"merge_mode": "sum"})]
    )
    def test_a_carried_state_is_not_read_backwards(self, field: str, value: Any) -> None:
        refused(f"/layers/0/{field}", '`mode` "windowed"', layers=[{field: value}])
        assert resolved(**WINDOWED, layers=[{field: value}]).layers is not None

    def test_a_layer_turns_around_once(self) -> None:
        refused(
            "/layers/0/go_backwards",
            "`go_backwards` must be false with `bidirectional`",
            **WINDOWED,
            layers=[{"go_backwards": True, "bidirectional": {}}],
        )

    def test_the_order_of_a_stateful_run_is_kept(self) -> None:
        refused("/shuffle", "so the order of the rows matters", shuffle=True)
        assert resolved().shuffle is False
        assert resolved(shuffle=False).shuffle is False
        assert resolved(mode="windowed").shuffle is True
        assert resolved(mode="windowed", shuffle=False).shuffle is False


class TestInert:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("bias_initializer", "ones"),
            ("bias_regularizer", "l2"),
            ("bias_constraint", "non_neg"),
            ("unit_forget_bias", True),
        ],
    )
    def test_what_a_missing_bias_cannot_have(self, field: str, value: Any) -> None:
        layers = [{"use_bias": False, field: value}]
        refused(f"/layers/0/{field}", f"`{field}` needs `use_bias` true", layers=layers)

    def test_long_loops_are_not_unrolled(self) -> None:
        layers = [{"unroll": True}]
        message = "needs at most 128 steps, `chunk`. Received: 200 steps"
        refused("/layers/0/unroll", message, layers=layers, chunk=200, lanes=1)
        refused(
            "/layers/0/unroll", "`lookback` / `step`", mode="windowed", lookback=150, layers=layers
        )
        assert resolved(mode="windowed", lookback=150, step=2, layers=layers).step == 2

    @pytest.mark.parametrize(
        ("field", "value", "needed"),
        [
            ("activation", "relu", "tanh"),
            ("recurrent_activation", "hard_sigmoid", "sigmoid"),
            ("use_bias", False, "true"),
            ("recurrent_dropout", 0.1, "0"),
            ("unroll", True, "false"),
            ("reset_after", False, "true"),
        ],
    )
    def test_cudnn_is_not_insisted_on_for_what_it_cannot_do(
        self, field: str, value: Any, needed: str
    ) -> None:
        layers = [{"cell": "gru", "use_cudnn": True, field: value}]
        refused(
            "/layers/0/use_cudnn",
            f"`use_cudnn` true needs `{field}` {needed}.",
            layers=layers,
            chunk=24,
        )


class TestNamed:
    @pytest.mark.parametrize(
        ("field", "value", "pointer"),
        [
            ("kernel_initializer", "magic", ""),
            ("kernel_initializer", {"gain": 1}, "/name"),
            ("recurrent_initializer", {"name": "identity", "gain": "big"}, "/gain"),
            ("bias_initializer", "identity", ""),
            ("activity_regularizer", "orthogonal_regularizer", ""),
            ("kernel_regularizer", {"name": "l2", "l1": 0.1}, "/l1"),
            ("kernel_regularizer", "l1_l2", ""),
            ("recurrent_constraint", {"name": "max_norm", "max_value": 0}, "/max_value"),
            ("bias_constraint", {"name": "max_norm", "axis": 1}, "/axis"),
        ],
    )
    def test_each_is_checked_with_its_arguments(self, field: str, value: Any, pointer: str) -> None:
        (where, message), *rest = problems(layers=[{}, {field: value}]).items()
        assert not rest
        assert where == f"/layers/1/{field}{pointer}"
        assert message.startswith(f"`{field}{pointer.replace('/', '.')}` ")

    def test_something_else_than_a_name_or_an_object(self) -> None:
        with pytest.raises(
            ValidationError, match=r"Must be a name or an object \{name, "
        ) as caught:
            LayerSpec.model_validate({"kernel_initializer": 3})
        assert caught.value.errors()[0]["loc"] == ("kernel_initializer",)


class TestOptimizer:
    @pytest.mark.parametrize(
        ("optimizer", "field"),
        [
            ({"name": "adam", "rho": 0.9}, "rho"),
            ({"name": "sgd", "epsilon": 1e-7}, "epsilon"),
            ({"name": "nadam", "amsgrad": True}, "amsgrad"),
            ({"name": "rmsprop", "nesterov": True, "momentum": 0.5}, "nesterov"),
            ({"name": "adagrad", "beta_1": 0.9}, "beta_1"),
            ({"name": "sgd", "nesterov": True}, "nesterov"),
        ],
    )
    def test_arguments_it_has_not(self, optimizer: Any, field: str) -> None:
        found = problems(optimizer=optimizer)
        assert f"/optimizer/{field}" in found
        assert "Received: " in found[f"/optimizer/{field}"]

    @pytest.mark.parametrize(
        ("schedule", "field", "rule"),
        [
            ({"name": "cosine", "factor": 0.5}, "factor", "reduce_on_plateau"),
            ({"name": "constant", "alpha": 0.1}, "alpha", "cosine"),
            ({"name": "exponential_decay", "decay_steps": 9}, "decay_rate", "needs a `decay_rate`"),
            ({"name": "exponential_decay", "decay_rate": 0.9}, "decay_steps", "either"),
            (
                {
                    "name": "inverse_time_decay",
                    "decay_rate": 1,
                    "decay_steps": 1,
                    "decay_epochs": 1,
                },
                "decay_steps",
                "Received: 1 and 1.0",
            ),
            ({"name": "cosine", "warmup_epochs": 40}, "warmup_epochs", "below `epochs`, 40"),
            ({"name": "reduce_on_plateau", "min_lr": 0.1}, "min_lr", "below `learning_rate`"),
        ],
    )
    def test_arguments_its_schedule_has_not(self, schedule: Any, field: str, rule: str) -> None:
        refused(f"/optimizer/schedule/{field}", rule, epochs=40, optimizer={"schedule": schedule})

    def test_a_schedule_may_be_a_name(self) -> None:
        assert resolved(optimizer={"schedule": "cosine"}).optimizer.schedule.name == "cosine"
        with pytest.raises(ValidationError, match="Input should be 'constant', 'cosine'"):
            Spec.model_validate({"optimizer": {"schedule": "magic"}})

    def test_only_huber_has_a_delta(self) -> None:
        refused("/huber_delta", '`huber_delta` needs `loss` "huber"', huber_delta=0.5)
        assert resolved(loss="huber", huber_delta=0.5).huber_delta == 0.5
