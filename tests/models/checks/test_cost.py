"""The estimate of a training: what it needs, and what it may not need."""

from dataclasses import replace
from typing import Any

import pytest

from models.calendars.cadence import Cadence
from models.checks.cost import TrainingCost, TrainingLimits
from models.checks.resolve import SeriesProfile, resolve
from models.errors import SpecError
from models.spec.presets import PRESETS
from models.spec.spec import Spec
from tests.models.checks.test_resolve import series
from tests.models.spec.test_presets import MADE_FOR, specified

LIMITS = TrainingLimits(memory_bytes=8 * 2**30, bundle_bytes=2**29, hours=720)
PROFILE = series()


def cost(profile: SeriesProfile = PROFILE, **fields: Any) -> TrainingCost:
    spec = resolve(Spec.model_validate(fields), profile)
    layout = profile.layout(Cadence.parse(spec.cadence or ""), spec.split)
    return TrainingCost.of(spec, [profile], [layout])


def refusals(limits: TrainingLimits = LIMITS, **fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as caught:
        resolve(Spec.model_validate(fields), PROFILE, limits)
    return [(problem.pointer, problem.message) for problem in caught.value.problems]


def test_weights_are_those_of_the_layers() -> None:
    found = cost(
        targets=["load"],
        features=["load"],
        calendar_features=[],
        horizon=3,
        highway=None,
        layers=[{"cell": "lstm", "units": 8}, {"cell": "rnn", "units": 4}],
    )
    # Two inputs; gates x units x (inputs + units + 2 biases), then 3 outputs of 4 units and a bias.
    assert found.weights == 4 * 8 * (2 + 8 + 2) + 4 * (8 + 4 + 2) + 3 * (4 + 1)
    assert found.bundle_bytes == found.weights * 4 * 2


def test_members_and_directions_multiply_the_weights() -> None:
    single = cost(mode="windowed", layers=[{"units": 8}])
    assert cost(mode="windowed", layers=[{"units": 8}], ensemble=3).weights == 3 * single.weights
    both = cost(mode="windowed", layers=[{"units": 8, "bidirectional": {}}])
    assert both.weights > 2 * single.weights - 8 * 100


def test_time_grows_with_epochs_and_updates() -> None:
    few = cost(mode="windowed", epochs=1, steps_per_epoch=10)
    assert cost(mode="windowed", epochs=3, steps_per_epoch=20).hours == pytest.approx(6 * few.hours)


@pytest.mark.parametrize(
    ("fields", "pointer", "named"),
    [
        ({"layers": [{"units": 4096}] * 16}, "/layers", "STATECAST_BUNDLE_LIMIT_BYTES"),
        ({"head": {"layers": [{"units": 4096}] * 16}}, "/layers", "`head.layers`"),
        ({"mode": "windowed", "batch_size": 20_000_000}, "/batch_size", "`lookback`"),
        ({"mode": "windowed", "steps_per_epoch": 20_000_000}, "/steps_per_epoch", "`batch_size`"),
        (
            {"mode": "windowed", "epochs": 100_000, "steps_per_epoch": 100_000},
            "/epochs",
            "STATECAST_TRAINING_LIMIT_HOURS",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_fields_to_reduce(
    fields: dict[str, Any], pointer: str, named: str
) -> None:
    assert any(named in message for at, message in refusals(**fields) if at == pointer)


def test_the_limits_are_those_given() -> None:
    most = TrainingLimits(memory_bytes=10**12, bundle_bytes=1_000, hours=1e6)
    ((pointer, message),) = refusals(most)
    assert (pointer, "at most 1 kB" in message) == ("/layers", True)
    ((pointer, _),) = refusals(replace(most, bundle_bytes=10**9, hours=1e-9))
    assert pointer == "/epochs"
    ((_, message),) = refusals(replace(most, bundle_bytes=10**9, memory_bytes=1))
    assert "STATECAST_TRAINING_LIMIT_BYTES" in message


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_needs_a_tenth_of_the_limits_at_most(name: str) -> None:
    profile = MADE_FOR[name]()
    spec = resolve(specified(name), profile, LIMITS)
    layout = profile.layout(Cadence.parse(spec.cadence or ""), spec.split)
    found = TrainingCost.of(spec, [profile], [layout])
    assert found.hours < LIMITS.hours / 10
    assert sum(need.size_bytes for need in found.needs) < LIMITS.memory_bytes / 10
    assert found.bundle_bytes < LIMITS.bundle_bytes / 10
