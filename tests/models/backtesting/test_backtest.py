"""Backtests: origins by hand, one pass for all of them, refits that know the past only."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

import models.backtesting.plan as backtest_plan
from models.backtesting.backtest import Backtest
from models.backtesting.plan import BacktestPlan, BacktestSpec, plan_backtest
from models.backtesting.points import BacktestResult
from models.backtesting.refits import cut, refit_spec
from models.errors import SpecError, TrainingError
from models.series import SeriesData
from models.serving.artefact import read_bundle
from models.serving.batching import run_one
from models.serving.forecaster import Forecaster
from models.spec.spec import Spec
from models.training.train import train
from tests.models.conftest import make_wave
from tests.models.training.test_train import small

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(row: float) -> str:
    return (START + row * HOUR).isoformat()


@pytest.fixture(scope="module")
def bundle() -> bytes:
    """Trained on rows 0 to 419, validated on 420 to 509; leads 1 to 3, burn-in 6."""
    return train(small(), make_wave()).bundle


@pytest.fixture(scope="module")
def forecaster(bundle: bytes) -> Forecaster:
    return Forecaster.from_bundle(bundle)


def plan(forecaster: Forecaster, data: SeriesData | None = None, **fields: Any) -> BacktestPlan:
    return plan_backtest(forecaster, data or make_wave(), BacktestSpec.model_validate(fields))


def problems(forecaster: Forecaster, **fields: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        plan(forecaster, **fields)
    return {problem.pointer: problem.message for problem in caught.value.problems}


class TestOrigins:
    @pytest.mark.parametrize(
        ("origins", "first", "last", "count"),
        [
            ({}, 510, 596, 87),
            ({"every": 10}, 510, 590, 9),
            ({"start": at(100), "end": at(110)}, 100, 110, 11),
            ({"start": at(99.5), "end": at(110.5)}, 100, 110, 11),
            ({"start": at(100), "count": 3, "every": 2}, 100, 104, 3),
            ({"count": 3}, 594, 596, 3),
            ({"end": at(599)}, 510, 596, 87),
            ({"start": at(5), "count": 1}, 5, 5, 1),
        ],
    )
    def test_they_are_rows_of_the_grid(
        self, forecaster: Forecaster, origins: dict[str, Any], first: int, last: int, count: int
    ) -> None:
        rows = plan(forecaster, origins=origins).origins
        assert (rows[0], rows[-1], len(rows)) == (first, last, count)

    @pytest.mark.parametrize(
        ("origins", "pointer"),
        [
            ({"start": at(-1)}, "/origins/start"),
            ({"start": at(600)}, "/origins/start"),
            ({"end": at(700)}, "/origins/end"),
            ({"start": at(20), "end": at(10)}, "/origins/end"),
            ({"start": at(2)}, "/origins/start"),
            ({"start": at(598)}, "/origins/start"),
            ({"end": at(300)}, "/origins"),
            ({"count": 88}, "/origins/count"),
        ],
    )
    def test_what_is_outside_is_refused_with_a_pointer(
        self, forecaster: Forecaster, origins: dict[str, Any], pointer: str
    ) -> None:
        found = problems(forecaster, origins=origins)
        assert list(found) == [pointer]
        assert "Received: " in found[pointer]

    def test_too_many_are_refused(
        self, forecaster: Forecaster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backtest_plan, "MOST_NUMBERS", 4 * 30)
        assert "at most 10 origins" in problems(forecaster)["/origins"]
        assert len(plan(forecaster, origins={"count": 10}).origins) == 10


class TestWindow:
    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"window": "rolling", "train_rows": 300}, "/refit_every"),
            ({"window": "rolling", "refit_every": 9}, "/train_rows"),
            ({"train_rows": 300, "refit_every": 9}, "/train_rows"),
            ({"window": "rolling", "train_rows": 12, "refit_every": 9}, "/train_rows"),
            ({"window": "rolling", "train_rows": 512, "refit_every": 9}, "/train_rows"),
            ({"refit_every": 9, "origins": {"start": at(12)}}, "/origins/start"),
        ],
    )
    def test_what_cannot_be_trained_is_refused(
        self, forecaster: Forecaster, fields: dict[str, Any], pointer: str
    ) -> None:
        assert pointer in problems(forecaster, **fields)

    def test_too_many_refits_are_refused(
        self, forecaster: Forecaster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(backtest_plan, "MOST_REFITS", 5)
        assert "at most 5 times" in problems(forecaster, refit_every=10)["/refit_every"]

    def test_a_refit_knows_nothing_after_its_origin(self, forecaster: Forecaster) -> None:
        data = make_wave()
        seen = cut(forecaster, data, data.times[530], None)
        spec = refit_spec(forecaster, [seen])
        assert (seen.data.times[0], seen.data.times[-1]) == (data.times[0], data.times[530])
        assert seen.rows == 531
        assert spec.split.test == 0.0
        assert spec.split.validation == pytest.approx(90 / 510)

    def test_a_rolling_window_has_the_last_rows_only(self, forecaster: Forecaster) -> None:
        data = make_wave()
        seen = cut(forecaster, data, data.times[530], 200)
        spec = refit_spec(forecaster, [seen])
        assert (seen.data.times[0], seen.data.times[-1]) == (data.times[331], data.times[530])
        assert seen.rows == len(seen.data.times) == 200
        assert spec.chunk is not None
        assert spec.lanes is not None
        assert spec.lanes * spec.chunk <= 200


class Refits:
    """Records what each refit was given, and gives one bundle back."""

    def __init__(self, bundle: bytes) -> None:
        self.bundle = bundle
        self.seen: list[SeriesData] = []

    def __call__(
        self, spec: Spec, panel: Sequence[SeriesData], report: Callable[[float], None]
    ) -> bytes:
        (data,) = panel
        self.seen.append(data)
        report(0.5)
        return self.bundle


def run(forecaster: Forecaster, data: SeriesData, refits: Refits, **fields: Any) -> BacktestResult:
    return Backtest(forecaster, data, plan(forecaster, data, **fields), refits).run()


class TestRun:
    def test_without_refits_it_says_what_is_served(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        data, refits = make_wave(), Refits(bundle)
        result = run(forecaster, data, refits, origins={"every": 7})
        assert refits.seen == []
        order = [data.channel_names.index(name) for name in forecaster.manifest["channels"]]
        for row, origin in zip(result.points.values, result.points.origins, strict=True):
            seen = data.times <= origin
            state = run_one(
                forecaster.advance(
                    forecaster.initial_state(), data.times[seen], data.values[seen][:, order]
                )
            )
            np.testing.assert_allclose(row, run_one(forecaster.forecast(state)).values, atol=1e-6)

    def test_figures_are_those_of_the_points(self, forecaster: Forecaster, bundle: bytes) -> None:
        result = run(forecaster, make_wave(), Refits(bundle), origins={"every": 2})
        target = result.report["targets"]["value"]
        errors = np.abs(result.points.values - result.points.actual)
        naive_errors = np.abs(result.points.naive - result.points.actual)
        assert target["mae"] == pytest.approx(errors.mean())
        assert target["leads"][2]["naive_mae"] == pytest.approx(naive_errors[:, 2].mean())
        assert target["skill"] == pytest.approx(1 - errors.mean() / naive_errors.mean())
        assert target["significance"]["naive"]["origins"] == 44
        assert result.report["origins"]["every"] == 2
        assert result.report["season"] == {"steps": 24, "source": "cadence"}
        np.testing.assert_array_equal(
            result.points.times,
            result.points.origins[:, np.newaxis] + np.arange(1, 4) * np.timedelta64(1, "h"),
        )

    def test_a_training_s_test_figures_are_a_backtest_of_the_test_part(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        result = run(forecaster, make_wave(), Refits(bundle))
        trained = read_bundle(bundle).manifest["metrics"]["test"]["value"]
        for figure in ("mae", "rmse", "naive_mae", "seasonal_naive_mae", "drift_mae", "skill"):
            assert result.report["targets"]["value"][figure] == pytest.approx(trained[figure])

    def test_origins_that_were_learnt_from_are_counted(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        origins = {"start": at(500), "count": 20}
        report = run(forecaster, make_wave(), Refits(bundle), origins=origins).report
        assert (report["in_sample_origins"], report["refits"]) == (10, 0)
        refitted = run(forecaster, make_wave(), Refits(bundle), origins=origins, refit_every=10)
        assert (refitted.report["in_sample_origins"], refitted.report["refits"]) == (0, 2)

    def test_the_future_of_an_origin_does_not_change_what_it_says(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        data = make_wave()
        values = data.values.copy()
        values[541:] = np.random.default_rng(0).permutation(values[541:]) * 3
        changed = replace(data, values=values)
        fields: dict[str, Any] = {"origins": {"start": at(520), "every": 10}, "refit_every": 2}
        one, other = Refits(bundle), Refits(bundle)
        before, after = (
            run(forecaster, data, one, **fields),
            run(forecaster, changed, other, **fields),
        )
        # Origins 520, 530 and 540 come before the change, and so do the refits at 520 and 540.
        np.testing.assert_array_equal(before.points.values[:3], after.points.values[:3])
        assert (before.points.values[3:] != after.points.values[3:]).any()
        for left, right in zip(one.seen[:2], other.seen[:2], strict=True):
            np.testing.assert_array_equal(left.values, right.values)
        last = [part.times[-1] for part in one.seen]
        assert last == [data.times[row] for row in (520, 540, 560, 580)]

    def test_a_missing_actual_has_no_error(self, forecaster: Forecaster, bundle: bytes) -> None:
        data = make_wave()
        values = data.values.copy()
        values[597:, 0] = np.nan
        result = run(forecaster, replace(data, values=values), Refits(bundle), origins={"count": 2})
        assert np.isnan(result.points.actual[1]).all()
        assert np.isfinite(result.points.values).all()
        assert result.report["targets"]["value"]["leads"][2]["mae"] is None


class _Stop(Exception):
    """What a cancelled run raises."""


class TestProgress:
    def test_it_goes_from_0_to_1_and_names_the_refit(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        reported: list[tuple[str, float]] = []
        wanted = plan(forecaster, origins={"every": 20}, refit_every=3)
        Backtest(
            forecaster,
            make_wave(),
            wanted,
            Refits(bundle),
            notify=lambda phase, fraction: reported.append((phase, fraction)),
        ).run()
        fractions = [fraction for _, fraction in reported]
        assert fractions == sorted(fractions) == [0.0, 0.25, 0.5, 0.75, 0.99]
        assert [phase for phase, _ in reported[::2]] == [
            "refit 1 of 2",
            "refit 2 of 2",
            "evaluating",
        ]

    def test_a_resumed_run_does_not_train_again_what_it_has(
        self, forecaster: Forecaster, bundle: bytes
    ) -> None:
        wanted = plan(forecaster, origins={"every": 10}, refit_every=4)
        saved: list[bytes] = []

        def stop_in_the_third(phase: str, fraction: float) -> None:
            if phase == "refit 3 of 3":
                raise _Stop

        def make(refits: Refits, **options: Any) -> Backtest:
            return Backtest(forecaster, make_wave(), wanted, refits, **options)

        with pytest.raises(_Stop):
            make(Refits(bundle), notify=stop_in_the_third, save_checkpoint=saved.append).run()
        refits = Refits(bundle)
        resumed, straight = make(refits).run(saved[-1]), make(Refits(bundle)).run()
        assert len(refits.seen) == 1
        np.testing.assert_array_equal(resumed.points.values, straight.points.values)

    def test_a_refit_that_fails_is_named(self, forecaster: Forecaster) -> None:
        def refit(
            spec: Spec, panel: Sequence[SeriesData], report: Callable[[float], None]
        ) -> bytes:
            raise TrainingError("The loss is not a number.")

        wanted = plan(forecaster, origins={"count": 2}, refit_every=1)
        with pytest.raises(TrainingError, match=r"refit at 2024-01-25T19:00:00Z failed: The loss"):
            Backtest(forecaster, make_wave(), wanted, refit).run()
