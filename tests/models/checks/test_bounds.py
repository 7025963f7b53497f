"""Judging a spec costs arithmetic, whatever the spec says."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.checks.resolve import SeriesProfile, resolve
from models.checks.search import Variations, check_search
from models.errors import SpecError
from models.spec.search import Search
from models.spec.spec import Spec
from tests.models.checks.test_resolve import every, problems, resolved, series

pytestmark = pytest.mark.unit

PROFILE = series()
MOST_BYTES = 20_000_000
NUMBERS = st.one_of(
    st.sampled_from([1, 9_999, 10_000, 2**22, 12_000_000, 20_000_000, 2**31, 2**63 - 1, 10**30]),
    st.integers(0, 20_000_001),
)
SIZES = ("lookback", "step", "chunk", "lanes", "burn_in", "batch_size", "steps_per_epoch")
OTHERS = ("horizon", "delay", "epochs", "ensemble", "seed")
SPECS = st.fixed_dictionaries(
    {"mode": st.sampled_from(["stateful", "windowed"])},
    optional={
        **dict.fromkeys((*SIZES, *OTHERS), NUMBERS),
        "leads": st.lists(NUMBERS, max_size=5),
        "differences": st.lists(NUMBERS, max_size=5),
        "highway": st.fixed_dictionaries({"lags": NUMBERS}),
        "layers": st.lists(st.fixed_dictionaries({"units": NUMBERS}), max_size=3),
    },
)


def judged_bytes(spec: dict[str, Any], profile: SeriesProfile = PROFILE) -> int:
    """The most memory that judging takes at once."""
    tracemalloc.start()
    try:
        resolve(Spec.model_validate(spec), profile)
    except (SpecError, ValidationError):
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


@settings(max_examples=200, deadline=None)
@given(SPECS)
def test_judging_takes_little_memory_whatever_the_numbers_are(spec: dict[str, Any]) -> None:
    assert judged_bytes(spec) < MOST_BYTES


@pytest.mark.parametrize(
    "spec",
    [
        {"targets": [f"t{number}" for number in range(5_000)]},
        {"features": ["load"] * 5_000},
        {"leads": list(range(1, 10_001))},
        {"leads": [1] * 10_000},
        {"differences": [1] * 100},
        {"holidays": ["DE"] * 10},
        {"mode": "windowed", "lookback": 20_000_000},
        {"layers": [{"units": 4096}] * 16, "ensemble": 16},
    ],
)
def test_judging_takes_little_memory_whatever_a_list_holds(spec: dict[str, Any]) -> None:
    assert judged_bytes(spec) < MOST_BYTES


def test_thousands_of_wrong_names_are_a_hundred_problems() -> None:
    assert len(problems(targets=[f"t{number}" for number in range(5_000)])) <= 101


@pytest.mark.parametrize("field", [*SIZES, "horizon", "delay"])
@pytest.mark.parametrize("value", [2**31, 2**63 - 1])
def test_a_size_beyond_all_rows_is_named(field: str, value: int) -> None:
    with pytest.raises(ValidationError) as caught:
        Spec.model_validate({field: value})
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


def test_a_chunk_is_not_longer_than_the_training_rows() -> None:
    assert resolved(chunk=280, lanes=1, burn_in=8).chunk == 280
    found = problems(chunk=281, lanes=1, burn_in=8)
    assert found == {"/chunk": "`chunk` must be at most the 280 training rows. Received: 281"}


def test_few_rows_over_many_years_are_not_laid_out_as_millions() -> None:
    times = every(np.timedelta64(1, "m"), 400)
    times[-1] += np.timedelta64(30 * 366, "D")
    found = problems(series(times=times, cadence="1min"))
    assert "give 15,811,599 for 400 observations" in found[""]
    assert judged_bytes({}, series(times=times, cadence="1min")) < MOST_BYTES


class TestSearch:
    def refusals(self, space: dict[str, Any]) -> list[tuple[str, str]]:
        search = Search.model_validate({"method": "random", "space": space})
        with pytest.raises(SpecError) as caught:
            check_search(search, Variations.of({}, PROFILE))
        return [(problem.pointer, problem.message) for problem in caught.value.problems]

    def test_the_values_of_all_choices_are_counted(self) -> None:
        choice = {"type": "choice", "values": list(range(1, 152))}
        found = self.refusals({"/layers/0/units": choice, "/chunk": choice})
        assert found[0][0] == "/space"
        assert found[0][1].endswith("Received: 302")

    def test_only_the_first_values_that_cannot_work_are_named(self) -> None:
        values = [-number for number in range(1, 101)]
        found = self.refusals({"/layers/0/units": {"type": "choice", "values": values}})
        assert len(found) == 10

    def test_one_range_may_hold_sizes_that_cannot_work(self) -> None:
        found = self.refusals({"/chunk": {"type": "int", "low": 8, "high": 2**53}})
        assert found[0][0] == "/space/~1chunk/high"
