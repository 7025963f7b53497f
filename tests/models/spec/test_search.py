"""Searches: dimensions, pointers, what is laid over a spec, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.checks.folds import fold_splits
from models.checks.resolve import SeriesProfile
from models.checks.search import QUESTION, Variations, check_search
from models.errors import SpecError
from models.spec.presets import PRESETS
from models.spec.search import Dimension, Search, lay, split_pointer
from models.spec.search_presets import SEARCH_PRESETS
from models.spec.spec import Spec
from models.training.sampling import suggest
from tests.models.conftest import make_wave

pytestmark = pytest.mark.unit

FACTS = SeriesProfile.from_data(make_wave())
TRAINING_ROWS = 420


def dimension(**fields: Any) -> Dimension:
    return Dimension.model_validate(fields)


def search(**fields: Any) -> Search:
    return Search.model_validate(fields)


def refused(fields: dict[str, Any], spec: dict[str, Any] | None = None) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        check_search(search(**fields), Variations.of(spec or {}, FACTS))
    return {problem.pointer: problem.message for problem in caught.value.problems}


def ranges(kind: str, low: Any, high: Any, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Dimensions between two bounds, in whatever order they were drawn."""
    bounds = st.tuples(low, high).map(sorted)
    return bounds.map(lambda pair: {"type": kind, "low": pair[0], "high": pair[1], **fields})


def choices(values: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(st.sampled_from(values), min_size=1, unique_by=repr)
    return some.map(lambda drawn: {"type": "choice", "values": drawn})


units = st.integers(1, 300)
shares = st.floats(0, 0.9)
rates = st.floats(1e-6, 1)
SPACES = st.fixed_dictionaries(
    {"/layers/0/units": ranges("int", units, units, step=7)},
    optional={
        "/layers/0/cell": choices(["lstm", "gru", "rnn"]),
        "/head/dropout": ranges("float", shares, shares, step=0.05),
        "/layers/0/dropout": ranges("float", shares, shares),
        "/optimizer/learning_rate": ranges("log_float", rates, rates),
        "/optimizer/clipnorm": choices([None, 0.5, 1.0]),
        "/differences": choices([[], [1], [1, 24]]),
        "/lanes": ranges("int", st.integers(1, 40), st.integers(1, 40)),
        "/chunk": ranges("int", st.integers(4, 90), st.integers(4, 90)),
    },
)


def is_inside(value: Any, dimension: Dimension) -> bool:
    """Whether a value is one of a dimension's."""
    if dimension.values is not None:
        return value in dimension.values
    assert dimension.low is not None
    assert dimension.high is not None
    steps = (value - dimension.low) / (dimension.step or 1)
    on_grid = dimension.step is None or abs(steps - round(steps)) < 1e-6
    return bool(dimension.low <= value <= dimension.high and on_grid)


def field_at(fields: Any, pointer: str) -> Any:
    for part in split_pointer(pointer):
        fields = fields[int(part)] if isinstance(fields, list) else fields[part]
    return fields


class TestDimension:
    def test_whole_numbers_go_by_steps_up_to_the_last_one_that_fits(self) -> None:
        units = dimension(type="int", low=50, high=155, step=20)
        assert [units.value(i) for i in range(units.count or 0)] == [50, 70, 90, 110, 130, 150]
        assert all(isinstance(units.value(i), int) for i in range(6))

    def test_steps_of_a_tenth_add_up_exactly(self) -> None:
        dropout = dimension(type="float", low=0, high=0.5, step=0.1)
        assert [dropout.value(i) for i in range(dropout.count or 0)] == [
            *(0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
        ]

    def test_true_and_one_are_two_choices(self) -> None:
        choice = dimension(type="choice", values=[1, True, None, {"a": [1]}])
        assert [choice.index(choice.value(i)) for i in range(4)] == [0, 1, 2, 3]

    @given(
        st.integers(-1000, 1000),
        st.integers(0, 300),
        st.decimals("0.001", "50", places=3),
        st.sampled_from(["int", "float"]),
    )
    def test_value_and_index_undo_each_other(
        self, low: int, span: int, step: Any, kind: str
    ) -> None:
        size = max(1, int(step)) if kind == "int" else float(step)
        grid = dimension(type=kind, low=low, high=low + span, step=size)
        assert grid.count is not None
        for index in {0, grid.count // 2, grid.count - 1}:
            value = grid.value(index)
            assert isinstance(value, int | float)
            assert low <= value <= low + span
            assert grid.index(value) == index


class TestLay:
    def test_what_was_not_given_is_taken_from_the_filled_spec_around_a_parameter(self) -> None:
        filled = {"optimizer": {"name": "adam", "learning_rate": 0.1}, "chunk": 8}
        laid = lay({"horizon": 2}, filled, {"/optimizer/learning_rate": 0.5})
        assert laid == {"horizon": 2, "optimizer": {"name": "adam", "learning_rate": 0.5}}

    def test_what_was_given_stays_beside_a_parameter(self) -> None:
        asked = {"layers": [{"cell": "gru"}, {"cell": "rnn"}]}
        laid = lay(asked, {"layers": [{}, {}]}, {"/layers/1/units": 3})
        assert laid == {"layers": [{"cell": "gru"}, {"cell": "rnn", "units": 3}]}
        assert asked == {"layers": [{"cell": "gru"}, {"cell": "rnn"}]}

    def test_a_null_gives_way_to_the_filled_spec(self) -> None:
        filled = {"early_stopping": {"monitor": "val_loss", "patience": 5}}
        laid = lay({"early_stopping": None}, filled, {"/early_stopping/patience": 2})
        assert laid == {"early_stopping": {"monitor": "val_loss", "patience": 2}}

    def test_escapes_are_those_of_rfc_6901(self) -> None:
        assert split_pointer("/a~1b/m~0n/~01") == ["a/b", "m~n", "~1"]


class TestVariations:
    def test_defaults_follow_from_the_parameters(self) -> None:
        """A burn-in that was left open follows the chunk."""
        variations = Variations.of({}, FACTS)
        assert variations.spec({"/chunk": 8}).burn_in == 8
        assert variations.spec({"/chunk": 48}).burn_in == 24

    @given(SPACES, st.integers(0, 999), st.sampled_from(["random", "bayesian", "hyperband"]))
    def test_every_drawn_spec_is_inside_its_bounds_and_works_or_is_refused(
        self, space: dict[str, Any], number: int, method: str
    ) -> None:
        asked = search(method=method, space=space)
        drawn: Any = suggest(asked, "study", [], number)
        assert set(drawn) == set(space)
        for pointer, value in drawn.items():
            assert is_inside(value, asked.space[pointer])
        variations = Variations.of({}, FACTS)
        lanes = drawn.get("/lanes", variations.base.lanes) * drawn.get("/chunk", 96)
        try:
            spec = variations.spec(drawn)
        except SpecError:
            assert lanes > TRAINING_ROWS
        else:
            fields = spec.to_json()
            assert {pointer: field_at(fields, pointer) for pointer in drawn} == drawn


class TestRefused:
    def test_all_broken_rules_are_reported_at_once(self) -> None:
        problems = refused(
            {
                "factor": 3,
                "epochs": 10_000,
                "space": {
                    "/layers/0/units": {"type": "int", "low": 5, "high": 2},
                    "/layerz": {"type": "float", "low": 0, "high": 1},
                },
            }
        )
        assert set(problems) == {
            "/factor",
            "/epochs",
            "/space/~1layers~10~1units/low",
            "/space/~1layerz",
        }

    def test_the_message_says_field_rule_and_received_value(self) -> None:
        units = {"type": "int", "low": 0, "high": 2}
        problems = refused({"space": {"/layers/0/units": units}})
        message = problems["/space/~1layers~10~1units/low"]
        assert message.startswith("A spec with 0 cannot work. ")
        assert "greater than or equal to 1" in message

    def test_a_value_that_works_only_in_company_is_not_refused(self) -> None:
        space = {
            "/mode": {"type": "choice", "values": ["stateful", "windowed"]},
            "/lookback": {"type": "choice", "values": [None, 24]},
        }
        check_search(search(space=space), Variations.of({}, FACTS))

    def test_choices_do_not_take_what_ranges_do(self) -> None:
        problems = refused({"space": {"/seed": {"type": "choice", "values": [1], "low": 1}}})
        assert set(problems) == {"/space/~1seed/low"}

    def test_logarithms_have_no_steps(self) -> None:
        rate = {"type": "log_float", "low": 0.1, "high": 1, "step": 0.1}
        assert set(refused({"space": {"/optimizer/learning_rate": rate}})) == {
            "/space/~1optimizer~1learning_rate/step"
        }

    @pytest.mark.parametrize("score", ["loss", "error"])
    @pytest.mark.parametrize("field", sorted(QUESTION & set(Spec.model_fields)))
    def test_what_is_forecast_stays_the_same(self, field: str, score: str) -> None:
        space = {f"/{field}": {"type": "choice", "values": [1]}}
        problems = refused({"space": space, "score": score})
        assert f"`{field}` cannot be searched" in problems[f"/space/~1{field}"]

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("loss", ["mae", "mse"]),
            ("transform", ["none", "delta"]),
            ("scaler", ["standard", "none"]),
        ],
    )
    def test_what_the_loss_measures_is_searched_by_the_error_only(
        self, field: str, values: list[str]
    ) -> None:
        space = {f"/{field}": {"type": "choice", "values": values}}
        assert "needs `score`" in refused({"space": space})[f"/space/~1{field}"]
        check_search(search(space=space, score="error"), Variations.of({}, FACTS))

    def test_pruning_needs_losses(self) -> None:
        units = {"/layers/0/units": {"type": "int", "low": 1, "high": 2}}
        assert set(refused({"method": "hyperband", "score": "error", "space": units})) == {"/score"}

    def test_epochs_are_searched_only_where_nothing_else_sets_them(self) -> None:
        space = {"/epochs": {"type": "int", "low": 2, "high": 50}}
        check_search(search(space=space), Variations.of({}, FACTS))
        for fields in ({"epochs": 9}, {"method": "hyperband"}):
            assert "/space/~1epochs" in refused({"space": space, **fields})

    @pytest.mark.parametrize("bound", [float("nan"), float("inf")])
    def test_bounds_are_finite(self, bound: float) -> None:
        with pytest.raises(ValidationError):
            dimension(type="float", low=0, high=bound)


class TestFolds:
    def test_they_follow_each_other_and_end_with_the_spec_s_own(self) -> None:
        spec = Variations.of({}, FACTS).base
        first, second, last = fold_splits(spec, FACTS, 3)
        assert last == spec.split
        assert first.test == second.validation
        # 600 hours, 90 of them validation and 90 test.
        assert str(first.validation) == "2024-01-11 00:00:00+00:00"
        assert str(second.validation) == "2024-01-14 18:00:00+00:00"
        assert str(second.test) == "2024-01-18 12:00:00+00:00"

    def test_too_many_leave_nothing_to_learn_from(self) -> None:
        units = {"/layers/0/units": {"type": "int", "low": 1, "high": 2}}
        assert "/folds" in refused({"objective": "rolling_origin", "folds": 6, "space": units})


class TestPresets:
    @pytest.mark.parametrize("name", SEARCH_PRESETS)
    def test_each_works_on_a_plain_series(self, name: str) -> None:
        preset = SEARCH_PRESETS[name]
        check_search(search(space=preset.space), Variations.of(preset.spec, FACTS))

    def test_each_layer_s_units_activation_and_dropout_are_searched(self) -> None:
        layers = {name: len(p.spec["layers"]) for name, p in SEARCH_PRESETS.items()}
        assert layers == {"deep-rnn-search": 5, "deep-lstm-search": 3, "deep-gru-search": 3}
        for name, preset in SEARCH_PRESETS.items():
            assert len(preset.space) == 3 * layers[name]
        units = SEARCH_PRESETS["deep-gru-search"].space["/layers/2/units"]
        assert [units.value(i) for i in range(units.count or 0)] == [50, 70, 90, 110, 130, 150]

    def test_their_names_are_no_names_of_specs(self) -> None:
        assert not set(SEARCH_PRESETS) & set(PRESETS)
