"""What is refused of known-future channels and holidays, with pointer and rule."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.checks.resolve import SeriesProfile, resolve
from models.errors import Problem, SpecError
from models.series import Channel, SeriesData
from models.spec.spec import Spec
from tests.models.conftest import make_wave

pytestmark = pytest.mark.unit


def series() -> SeriesData:
    """The wave with a channel that does not vary and a direction."""
    wave = make_wave()
    extra = np.stack([np.ones(600), np.arange(600) % 360], axis=1)
    return replace(
        wave,
        channels=(*wave.channels, Channel("flat"), Channel("wind", angular=True)),
        values=np.concatenate([wave.values, extra], axis=1),
    )


def resolved(data: SeriesData | None = None, **fields: Any) -> Spec:
    return resolve(Spec.model_validate(fields), SeriesProfile.from_data(data or series()))


def problems(data: SeriesData | None = None, **fields: Any) -> list[Problem]:
    with pytest.raises(SpecError) as caught:
        resolved(data, **fields)
    return caught.value.problems


class TestKnownFuture:
    def test_it_is_no_target_by_default_and_always_a_feature(self) -> None:
        spec = resolved(known_future=["lead"], features=["value"])
        assert spec.targets == ["value"]
        assert spec.features == ["value", "lead"]

    def test_resolving_twice_changes_nothing(self) -> None:
        spec = resolved(known_future=["lead"], holidays="DE", features=["value"])
        assert spec.holidays == ["DE"]
        assert resolve(spec, SeriesProfile.from_data(series())) == spec

    @pytest.mark.parametrize(
        ("fields", "pointer", "words"),
        [
            ({"known_future": ["none"]}, "/known_future/0", "must be channels of the series"),
            ({"known_future": ["lead", "lead"]}, "/known_future/1", "Received twice: lead"),
            (
                {"known_future": ["lead"], "targets": ["value", "lead"]},
                "/known_future/0",
                "must not be a target",
            ),
            ({"known_future": ["flat"]}, "/known_future/0", "must vary. Received: flat"),
        ],
    )
    def test_what_cannot_teach_is_refused(
        self, fields: dict[str, Any], pointer: str, words: str
    ) -> None:
        (problem,) = problems(**fields)
        assert problem.pointer == pointer
        assert words in problem.message

    def test_all_channels_known_leave_nothing_to_predict(self) -> None:
        found = problems(known_future=["value", "lead", "wind"])
        assert [problem.pointer for problem in found] == ["/targets"]

    def test_more_inputs_than_a_layer_is_wide_are_refused(self) -> None:
        data = make_wave(rows=10_000)
        (problem,) = problems(data, known_future=["lead"], holidays="DE", horizon=1400)
        assert problem.pointer == "/known_future"
        assert "Received: 1400 leads times 4" in problem.message


class TestHolidays:
    @pytest.mark.parametrize(
        ("codes", "pointer"), [("XX", "/holidays/0"), (["DE", "DE-ZZ"], "/holidays/1")]
    )
    def test_an_unknown_code_is_refused(self, codes: Any, pointer: str) -> None:
        (problem,) = problems(holidays=codes)
        assert problem.pointer == pointer

    def test_the_same_code_twice_is_refused(self) -> None:
        assert [problem.pointer for problem in problems(holidays=["DE", "DE"])] == ["/holidays/1"]

    def test_steps_longer_than_a_day_are_refused(self) -> None:
        days = make_wave().times[0] + np.arange(600) * np.timedelta64(7, "D")
        weekly = replace(make_wave(), times=days, cadence="7D")
        (problem,) = problems(weekly, holidays="DE")
        assert (problem.pointer, "a day or less" in problem.message) == ("/holidays", True)

    def test_training_rows_without_a_holiday_are_refused(self) -> None:
        september = np.datetime64("2024-09-01", "us") + np.arange(600) * np.timedelta64(1, "h")
        (problem,) = problems(replace(make_wave(), times=september), holidays="DE")
        assert problem.pointer == "/holidays"
        assert "must have a holiday within a day of a training row" in problem.message

    def test_an_empty_list_is_none(self) -> None:
        assert resolved(holidays=[]).holidays is None
