"""The sentence about a loss that is not finite."""

from typing import Any

import pytest

from models.spec.spec import OptimizerSpec, Spec
from models.training.divergence import USUAL_RATES, likely_causes

CAREFUL = {"name": "adam", "learning_rate": 1e-3, "clipnorm": 1.0}


def causes(largest_input: float = 3.0, **fields: Any) -> str:
    return likely_causes(Spec.model_validate({"optimizer": CAREFUL, **fields}), largest_input)


@pytest.mark.unit
class TestLikelyCause:
    def test_a_rate_far_above_the_usual_comes_first(self) -> None:
        sentence = causes(optimizer={"name": "sgd", "learning_rate": 1.0}, scaler="none")
        assert sentence.startswith(
            "The likely cause: `optimizer.learning_rate` is 1, far above the usual 0.01 of sgd"
        )
        assert "Other possible causes: gradients are not clipped" in sentence

    def test_large_inputs_that_are_not_scaled_are_named_with_their_size(self) -> None:
        sentence = causes(largest_input=41_250.5, scaler="none")
        assert sentence == (
            "The likely cause: inputs are not scaled and reach 4.125e+04: set `scaler` to standard."
        )

    def test_small_inputs_need_no_scaling(self) -> None:
        assert "scaled" not in causes(largest_input=2.0, scaler="none")

    @pytest.mark.parametrize("clip", ["clipnorm", "clipvalue", "global_clipnorm"])
    def test_gradients_that_are_clipped_are_no_cause(self, clip: str) -> None:
        assert "clipped" not in causes(optimizer={**CAREFUL, "clipnorm": None, clip: 1.0})

    def test_gradients_that_are_not_clipped_are(self) -> None:
        sentence = causes(optimizer={**CAREFUL, "clipnorm": None})
        assert sentence.startswith("The likely cause: gradients are not clipped")

    def test_an_activation_without_a_bound_is_named_by_its_layer(self) -> None:
        sentence = causes(layers=[{"cell": "lstm"}, {"cell": "rnn", "activation": "relu"}])
        assert "`layers.1.activation` relu has no bound" in sentence
        assert "layers.0" not in sentence

    def test_gates_without_a_bound_are_named_too(self) -> None:
        sentence = causes(layers=[{"cell": "gru", "recurrent_activation": "softplus"}])
        assert "`layers.0.recurrent_activation` softplus has no bound" in sentence
        assert "recurrent_activation" not in causes(layers=[{"cell": "rnn"}])

    def test_float16_may_overflow(self) -> None:
        assert "mixed_bfloat16" in causes(precision="mixed_float16")

    def test_where_all_is_as_usual_the_rate_is_still_too_high(self) -> None:
        assert causes() == (
            "The likely cause: `optimizer.learning_rate` 0.001 is too high for this series: "
            "lower it."
        )


class TestUsualRates:
    @pytest.mark.parametrize("name", list(USUAL_RATES))
    def test_every_optimizer_has_a_usual_rate_that_keras_agrees_with(self, name: Any) -> None:
        from models.network.optimizers import OPTIMIZERS

        assert OptimizerSpec(name=name).name == name
        assert float(OPTIMIZERS[name]().learning_rate) == pytest.approx(USUAL_RATES[name])
