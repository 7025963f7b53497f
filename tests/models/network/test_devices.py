"""Which kernel runs a layer, and what kind of machine it runs on."""

from typing import Any

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras.src.backend.tensorflow.rnn import (
    _do_gru_arguments_support_cudnn,
    _do_lstm_arguments_support_cudnn,
)

from models.network.devices import describe_kernels, machine_facts, read_cpu_info, recurrent_kernel
from models.spec.spec import LayerSpec

CPU_INFO = """processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC 9124
flags\t\t: fpu sse4_2 avx2 fma avx sha_ni

processor\t: 1
model name\t: another
"""


class TestRecurrentKernel:
    @pytest.mark.parametrize("cell", ["lstm", "gru"])
    def test_a_usual_layer_runs_in_cudnn_on_a_gpu(self, cell: Any) -> None:
        layer = LayerSpec(cell=cell, dropout=0.3, go_backwards=True, recurrent_initializer="zeros")
        assert recurrent_kernel(layer, "gpu").name == "cudnn"

    @pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
    def test_on_a_cpu_the_step_is_compiled(self, cell: Any) -> None:
        assert recurrent_kernel(LayerSpec(cell=cell), "cpu").name == "xla"

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"activation": "relu"}, "`activation` tanh. Received: relu."),
            (
                {"recurrent_activation": "hard_sigmoid"},
                "`recurrent_activation` sigmoid. Received: hard_sigmoid.",
            ),
            ({"use_bias": False}, "`use_bias` true. Received: false."),
            ({"recurrent_dropout": 0.2}, "`recurrent_dropout` 0.0. Received: 0.2."),
            ({"unroll": True}, "`unroll` false. Received: true."),
        ],
    )
    @pytest.mark.parametrize("cell", ["lstm", "gru"])
    def test_what_cudnn_cannot_run_is_named(
        self, cell: Any, fields: dict[str, Any], reason: str
    ) -> None:
        kernel = recurrent_kernel(LayerSpec(cell=cell, **fields), "gpu")
        assert kernel.name == "loop"
        assert kernel.reason == f"cuDNN needs {reason}"

    def test_every_obstacle_is_named(self) -> None:
        layer = LayerSpec(cell="lstm", activation="relu", use_bias=False)
        assert recurrent_kernel(layer, "gpu").reason.count("cuDNN needs") == 2

    def test_a_simple_rnn_has_no_cudnn_kernel(self) -> None:
        kernel = recurrent_kernel(LayerSpec(cell="rnn"), "gpu")
        assert (kernel.name, "SimpleRNN" in kernel.reason) == ("loop", True)

    def test_on_jax_only_lstm_has_one(self) -> None:
        assert recurrent_kernel(LayerSpec(cell="lstm"), "gpu", "jax").name == "cudnn"
        assert recurrent_kernel(LayerSpec(cell="gru"), "gpu", "jax").name == "xla"

    @given(
        activation=st.sampled_from(["tanh", "relu", "linear"]),
        recurrent_activation=st.sampled_from(["sigmoid", "hard_sigmoid"]),
        unroll=st.booleans(),
        use_bias=st.booleans(),
    )
    def test_it_is_the_rule_of_the_installed_keras(self, **arguments: Any) -> None:
        theirs = {
            name: keras.activations.get(value) if "activation" in name else value
            for name, value in arguments.items()
        }
        lstm, gru = (
            recurrent_kernel(LayerSpec.model_validate({"cell": cell, **arguments}), "gpu")
            for cell in ("lstm", "gru")
        )
        assert (lstm.name == "cudnn") == _do_lstm_arguments_support_cudnn(**theirs)
        assert (gru.name == "cudnn") == _do_gru_arguments_support_cudnn(**theirs, reset_after=True)

    def test_layers_are_named_as_in_the_network(self) -> None:
        layers = [LayerSpec(cell="gru"), LayerSpec(cell="rnn")]
        kernels = describe_kernels(layers, "gpu", "tensorflow")
        assert [(kernel["layer"], kernel["name"]) for kernel in kernels] == [
            ("gru_0", "cudnn"),
            ("rnn_1", "loop"),
        ]


class TestMachine:
    def test_processor_and_instruction_sets_are_read(self) -> None:
        assert read_cpu_info(CPU_INFO) == ("AMD EPYC 9124", ["sse4_2", "avx", "avx2", "fma"])

    def test_an_arm_processor_has_features_and_no_name(self) -> None:
        assert read_cpu_info("Features\t: fp asimd sve\n") == (None, ["asimd", "sve"])

    def test_where_nothing_can_be_read_nothing_is_claimed(self) -> None:
        assert read_cpu_info("") == (None, [])

    def test_the_gpu_is_part_of_the_machine(self) -> None:
        assert machine_facts("NVIDIA H100")["gpu"] == "NVIDIA H100"
