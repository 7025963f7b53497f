"""Promotion: the same origins for all, what counts as beating, and what cannot be compared."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import models.backtesting.held_out_losses as losses_module
from models.backtesting.held_out_losses import Excerpt, held_out_losses
from models.backtesting.promotion import Evidence, compare_with_rivals
from models.series import SeriesData
from models.serving.forecaster import Forecaster
from models.training.train import train
from models.training.trained import Trained
from tests.models.conftest import make_wave
from tests.models.training.test_train import small

ROWS = 1200
# Training ends at 839, validation at 1019; leads are 1 to 3.
HELD_OUT = 1020
GOOD: dict[str, Any] = {"highway": {"lags": 30}}
POOR: dict[str, Any] = {"highway": None, "epochs": 1}


def part(rows: int) -> SeriesData:
    """The wave's first rows."""
    whole = make_wave(ROWS)
    return replace(whole, times=whole.times[:rows], values=whole.values[:rows])


def trained_on(data: SeriesData, **fields: Any) -> Trained:
    return train(small(**fields), data)


def loaded(data: SeriesData, **fields: Any) -> Forecaster:
    return Forecaster.from_bundle(trained_on(data, **fields).bundle)


@pytest.fixture(scope="module")
def good() -> Trained:
    return trained_on(part(ROWS), **GOOD)


@pytest.fixture(scope="module")
def strong(good: Trained) -> Forecaster:
    return Forecaster.from_bundle(good.bundle)


@pytest.fixture(scope="module")
def weak() -> Forecaster:
    return loaded(part(ROWS), **POOR)


@pytest.fixture(scope="module")
def trained_direction() -> Trained:
    return trained_on(part(ROWS), task="direction", highway=None, epochs=10)


@pytest.fixture(scope="module")
def direction(trained_direction: Trained) -> Forecaster:
    return Forecaster.from_bundle(trained_direction.bundle)


def compared(
    candidate: Forecaster,
    champion: Forecaster | None = None,
    *excerpts: Excerpt,
    margin: float = 0.0,
) -> dict[str, Evidence]:
    given = excerpts or (Excerpt(part(ROWS), whole=True),)
    found = compare_with_rivals(candidate, champion, given, margin=margin, name="version 2")
    return {each.against: each for each in found}


class TestBaselines:
    def test_a_first_champion_meets_the_baselines_only(self, strong: Forecaster) -> None:
        found = compared(strong)
        assert list(found) == ["naive", "seasonal_naive"]
        assert all(each.passed for each in found.values()), found

    def test_the_figures_are_those_of_the_report(self, good: Trained, strong: Forecaster) -> None:
        row = good.metrics["test"]["value"]
        naive = compared(strong)["naive"]
        assert (naive.metric, naive.origins) == ("mae", ROWS - HELD_OUT - 3)
        assert naive.value == pytest.approx(row["mae"], rel=1e-9)
        assert naive.other == pytest.approx(row["naive_mae"], rel=1e-9)
        assert naive.skill == pytest.approx(row["skill"], rel=1e-9)
        assert naive.p_value == pytest.approx(row["significance"]["naive"]["p_value"], rel=1e-6)

    def test_one_that_does_not_beat_the_season_is_refused(self, weak: Forecaster) -> None:
        found = compared(weak)
        assert found["naive"].passed
        assert not found["seasonal_naive"].passed
        assert "version 2 is worse than the seasonal naive" in found["seasonal_naive"].sentence

    def test_the_margin_has_to_be_reached(self, strong: Forecaster) -> None:
        skill = compared(strong)["seasonal_naive"].skill
        assert skill is not None
        assert compared(strong, margin=skill)["seasonal_naive"].passed
        refused = compared(strong, margin=skill + 1e-6)["seasonal_naive"]
        assert not refused.passed
        assert "the margin is" in refused.sentence

    def test_nothing_to_compare_is_no_evidence(self, strong: Forecaster) -> None:
        found = compared(strong, None, Excerpt(part(HELD_OUT + 3), whole=True))
        assert [each.origins for each in found.values()] == [0, 0]
        assert not any(each.passed for each in found.values())
        assert "Too few origins" in found["naive"].sentence


class TestChampion:
    def test_a_better_one_beats_it(self, strong: Forecaster, weak: Forecaster) -> None:
        found = compared(strong, weak)
        assert list(found) == ["naive", "seasonal_naive", "champion"]
        assert found["champion"].passed

    def test_a_worse_one_does_not(self, strong: Forecaster, weak: Forecaster) -> None:
        assert not compared(weak, strong)["champion"].passed

    def test_it_does_not_beat_itself(self, strong: Forecaster) -> None:
        found = compared(strong, strong)["champion"]
        assert (found.passed, found.skill, found.p_value) == (False, 0.0, None)

    @pytest.mark.parametrize("swapped", [False, True])
    def test_origins_are_those_that_neither_has_learnt_from(
        self, strong: Forecaster, swapped: bool
    ) -> None:
        # Trained on fewer rows, long before: its own test part lies in what the other learnt from.
        early = loaded(part(600), **POOR)
        pair = (early, strong) if swapped else (strong, early)
        found = held_out_losses(*pair, Excerpt(part(ROWS), whole=True))
        times = part(ROWS).times
        assert found.times[0] == times[HELD_OUT]
        assert found.times[-1] == times[ROWS - 4]

    def test_rows_since_the_training_count(self, strong: Forecaster) -> None:
        found = held_out_losses(strong, None, Excerpt(make_wave(ROWS + 50), whole=True))
        assert len(found.times) == ROWS + 50 - HELD_OUT - 3

    def test_leads_are_those_that_both_have(self, strong: Forecaster) -> None:
        other = loaded(part(ROWS), horizon=None, leads=[2, 5], **POOR)
        found = compared(strong, other)
        alone = held_out_losses(strong, None, Excerpt(part(ROWS), whole=True))
        assert found["champion"].origins == ROWS - HELD_OUT - 3
        assert found["naive"].value != pytest.approx(float(alone.candidate.mean()), rel=1e-6)

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"targets": ["lead"]}, "different targets"),
            ({"cadence": "2h"}, "steps differ"),
            ({"horizon": None, "leads": [7]}, "have no common lead"),
            ({"task": "direction"}, "same classes"),
        ],
    )
    def test_what_cannot_be_compared_is_not_beaten(
        self, strong: Forecaster, fields: dict[str, Any], words: str
    ) -> None:
        found = compared(strong, loaded(part(ROWS), **{**POOR, **fields}))
        assert found["naive"].passed
        assert not found["champion"].passed
        assert words in found["champion"].sentence

    def test_one_of_another_series_cannot_be_compared(self, strong: Forecaster) -> None:
        other = loaded(replace(part(ROWS), name="other"), **POOR)
        assert "different series" in compared(strong, other)["champion"].sentence


class TestSeveral:
    def test_errors_of_targets_are_in_units_of_naive_s(self) -> None:
        wide = loaded(part(ROWS), targets=["value", "lead"], **GOOD)
        found = compared(wide)
        assert found["naive"].metric == "relative_mae"
        assert found["naive"].other == pytest.approx(1.0)
        losses = held_out_losses(wide, None, Excerpt(part(ROWS), whole=True))
        by_target = losses.candidate.mean(axis=0) / losses.rivals["naive"].mean(axis=0)
        assert found["naive"].value == pytest.approx(by_target.mean())

    def test_series_of_a_panel_count_the_same_whatever_their_scale(self) -> None:
        small_one = part(600)
        large = replace(make_wave(600, seed=1), name="large")
        large = replace(large, values=1000 * large.values)
        panel = Forecaster.from_bundle(train(small(**GOOD), [small_one, large]).bundle)
        excerpts = [Excerpt(each, whole=True) for each in (small_one, large)]
        found = compared(panel, None, *excerpts)["naive"]
        each = [held_out_losses(panel, None, excerpt) for excerpt in excerpts]
        shares = [one.candidate.mean() / one.rivals["naive"].mean() for one in each]
        assert found.value == pytest.approx(np.mean(shares))
        assert found.origins == 87

    def test_a_champion_of_one_series_is_met_there(self) -> None:
        small_one, other = part(600), replace(make_wave(600, seed=1), name="other")
        panel = Forecaster.from_bundle(train(small(**GOOD), [small_one, other]).bundle)
        excerpts = [Excerpt(each, whole=True) for each in (small_one, other)]
        found = compared(panel, loaded(small_one, **POOR), *excerpts)
        assert found["champion"].origins == 87
        assert found["champion"].passed


class TestClasses:
    def test_they_have_to_beat_the_class_prior(self, direction: Forecaster) -> None:
        found = compared(direction)
        assert list(found) == ["class_prior"]
        prior = found["class_prior"]
        assert (prior.metric, prior.passed) == ("log_loss", True)
        assert prior.other == pytest.approx(np.log(2), abs=0.01)

    def test_the_log_loss_is_that_of_the_report(
        self, trained_direction: Trained, direction: Forecaster
    ) -> None:
        prior = compared(direction)["class_prior"]
        row = trained_direction.metrics["test"]["value"]
        assert prior.value == pytest.approx(row["log_loss"], rel=1e-9)
        # The class prior of the report knows the training rows only.
        assert prior.other == pytest.approx(row["class_prior_log_loss"], rel=1e-2)

    def test_and_the_champion(self, direction: Forecaster) -> None:
        hasty = loaded(part(ROWS), task="direction", highway=None, epochs=1)
        assert compared(direction, hasty)["champion"].passed
        assert not compared(hasty, direction)["champion"].passed


class TestBounds:
    def test_the_end_of_a_series_is_read_a_while_before_the_first_origin(
        self, strong: Forecaster
    ) -> None:
        whole = part(ROWS)
        end = replace(whole, times=whole.times[-160:], values=whole.values[-160:])
        found = held_out_losses(strong, None, Excerpt(end, whole=False))
        assert found.times[0] == whole.times[ROWS - 120]
        all_of_it = held_out_losses(strong, None, Excerpt(whole, whole=True))
        # A small network has forgotten after 40 rows how it began.
        expected = all_of_it.candidate[-len(found.candidate) :]
        assert found.candidate == pytest.approx(expected, abs=0.02)

    def test_very_many_origins_are_thinned_out(
        self, strong: Forecaster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(losses_module, "MOST_POINTS", 90)
        found = held_out_losses(strong, None, Excerpt(part(ROWS), whole=True))
        assert len(found.times) == 30
        assert found.overlap == 0

    def test_windows_cost_their_length(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stateful = {"chunk": None, "lanes": None, "burn_in": None}
        windowed = loaded(part(ROWS), mode="windowed", lookback=12, **POOR, **stateful)
        monkeypatch.setattr(losses_module, "MOST_WINDOW_ROWS", 12 * 20)
        found = held_out_losses(windowed, None, Excerpt(part(ROWS), whole=True))
        assert len(found.times) == 20
