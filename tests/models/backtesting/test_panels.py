"""Refits of panels: every series up to the origin's moment, the asked one on its own scale."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.arrays import Times
from models.backtesting.backtest import Backtest
from models.backtesting.plan import BacktestPlan, BacktestSpec, plan_backtest
from models.backtesting.points import BacktestResult, ValuePoints
from models.backtesting.refits import cut, refit_spec
from models.errors import SpecError
from models.series import SeriesData
from models.serving.forecaster import Forecaster
from models.spec.spec import Spec
from models.training.train import train
from tests.models.backtesting.test_backtest import at
from tests.models.features.test_panel_covariates import shop
from tests.models.features.test_panels import small, wave
from tests.models.training.test_covariates import LEADS
from tests.models.training.test_covariates import SMALL as PROMOTED

# The second series begins this number of hours after the first.
LATER = 100


def later(data: SeriesData, hours: int = LATER) -> SeriesData:
    return replace(data, times=data.times + np.timedelta64(hours, "h"))


@pytest.fixture(scope="module")
def panel() -> list[SeriesData]:
    """600 hours, and from the hundredth one on 400 hours of values a thousand times as large."""
    return [wave("one"), later(wave("large", 400, scale=1000.0, seed=1))]


@pytest.fixture(scope="module")
def bundle(panel: list[SeriesData]) -> bytes:
    return train(small(epochs=3), panel).bundle


@pytest.fixture(scope="module")
def forecaster(bundle: bytes) -> Forecaster:
    return Forecaster.from_bundle(bundle)


def plan(
    forecaster: Forecaster, panel: list[SeriesData], series: int = 0, **fields: Any
) -> BacktestPlan:
    own, spec = forecaster.for_series(panel[series].name), BacktestSpec.model_validate(fields)
    return plan_backtest(own, panel[series], spec, panel)


class Refits:
    """Records what each refit was given, and gives one bundle back."""

    def __init__(self, bundle: bytes) -> None:
        self.bundle = bundle
        self.specs: list[Spec] = []
        self.seen: list[Sequence[SeriesData]] = []

    def __call__(
        self, spec: Spec, panel: Sequence[SeriesData], tell: Callable[[float], None]
    ) -> bytes:
        self.specs.append(spec)
        self.seen.append(panel)
        return self.bundle


def really(spec: Spec, panel: Sequence[SeriesData], tell: Callable[[float], None]) -> bytes:
    return train(spec, panel).bundle


def run(
    forecaster: Forecaster,
    panel: list[SeriesData],
    refit: Callable[..., bytes],
    series: int = 0,
    **fields: Any,
) -> BacktestResult:
    data = panel[series]
    wanted = plan(forecaster, panel, series, **fields)
    return Backtest(forecaster.for_series(data.name), data, wanted, refit, panel=panel).run()


def predicted(result: BacktestResult) -> Any:
    assert isinstance(result.points, ValuePoints)
    return result.points.values


def spans(panel: Sequence[SeriesData]) -> list[tuple[Any, Any]]:
    return [(each.times[0], each.times[-1]) for each in panel]


def hour(times: Times, row: int) -> np.datetime64:
    moment: np.datetime64 = times[0] + np.timedelta64(row, "h")
    return moment


class TestCuts:
    def test_every_series_ends_at_the_moment_of_the_origin(
        self, forecaster: Forecaster, bundle: bytes, panel: list[SeriesData]
    ) -> None:
        refits, times = Refits(bundle), panel[0].times
        fields = {"origins": {"start": at(300), "every": 60, "count": 3}, "refit_every": 1}
        run(forecaster, panel, refits, **fields)
        begins = hour(times, LATER)
        for row, seen in zip((300, 360, 420), refits.seen, strict=True):
            assert [each.name for each in seen] == ["one", "large"]
            assert spans(seen) == [(times[0], hour(times, row)), (begins, hour(times, row))]

    def test_a_rolling_window_counts_the_rows_of_each(
        self, forecaster: Forecaster, bundle: bytes, panel: list[SeriesData]
    ) -> None:
        refits, times = Refits(bundle), panel[0].times
        fields = {"origins": {"start": at(250), "every": 300, "count": 2}, "refit_every": 1}
        run(forecaster, panel, refits, window="rolling", train_rows=200, **fields)
        first, second = refits.seen
        end, begins = hour(times, 250), hour(times, LATER)
        # The second series has 151 rows by then, and later its last 200: it ends at hour 499.
        assert spans(first) == [(hour(times, 51), end), (begins, end)]
        assert spans(second)[1] == (hour(times, 300), hour(times, 499))
        assert spans(second)[0] == (hour(times, 351), hour(times, 550))

    def test_rows_are_those_of_each_series_own_grid(
        self, forecaster: Forecaster, panel: list[SeriesData]
    ) -> None:
        thinned = np.delete(np.arange(400), np.arange(150, 170))
        holed = replace(panel[1], times=panel[1].times[thinned], values=panel[1].values[thinned])
        seen = cut(forecaster, holed, hour(panel[0].times, LATER + 200), 60)
        # Rows whose values are missing are rows: 201 less 60 is the first one.
        assert seen.rows == 60
        assert seen.data.times[0] == hour(holed.times, 141)
        assert len(seen.data.times) == 40

    def test_lanes_are_those_that_all_series_together_have_rows_for(
        self, forecaster: Forecaster, panel: list[SeriesData]
    ) -> None:
        moment = hour(panel[0].times, 130)
        spec = refit_spec(forecaster, [cut(forecaster, each, moment, None) for each in panel])
        # 131 and 31 rows, less the share of validation.
        assert spec.lanes == int(162 * 700 / 850) // 24 == 5
        assert spec.split.test == 0.0

    def test_all_series_are_needed(self, forecaster: Forecaster, panel: list[SeriesData]) -> None:
        with pytest.raises(ValueError, match=r"\['one', 'large'\]. Received: \['one'\]"):
            plan_backtest(forecaster, panel[0], BacktestSpec(refit_every=5))


class TestRefused:
    def problems(
        self, forecaster: Forecaster, panel: list[SeriesData], **fields: Any
    ) -> dict[str, str]:
        with pytest.raises(SpecError) as caught:
            plan(forecaster, panel, refit_every=5, **fields)
        return {problem.pointer: problem.message for problem in caught.value.problems}

    def test_a_series_that_had_not_begun(
        self, forecaster: Forecaster, panel: list[SeriesData]
    ) -> None:
        found = self.problems(forecaster, panel, origins={"start": at(LATER - 1)})
        assert list(found) == ["/origins/start"]
        assert found["/origins/start"].startswith(
            "The refit at 2024-01-05T03:00:00Z is not possible: The series 'large'"
        )

    def test_a_series_that_had_just_begun(
        self, forecaster: Forecaster, panel: list[SeriesData]
    ) -> None:
        found = self.problems(forecaster, panel, origins={"start": at(LATER + 8)})
        assert "In the series 'large'" in found["/origins/start"]

    def test_a_window_that_is_too_short(
        self, forecaster: Forecaster, panel: list[SeriesData]
    ) -> None:
        found = self.problems(forecaster, panel, window="rolling", train_rows=12)
        assert list(found) == ["/train_rows"]


@pytest.mark.slow
class TestRun:
    @pytest.mark.parametrize("series", [0, 1])
    def test_each_is_forecast_with_its_own_fit(
        self, forecaster: Forecaster, bundle: bytes, panel: list[SeriesData], series: int
    ) -> None:
        fields = {"origins": {"every": 7}, "series": series}
        kept = run(forecaster, panel, Refits(bundle), **fields)
        refitted = run(forecaster, panel, Refits(bundle), **fields, refit_every=3)
        # The refits of this test are the stored network, so that both say the same.
        np.testing.assert_allclose(predicted(refitted), predicted(kept), rtol=1e-6)
        assert 0.5 < np.abs(predicted(kept)).mean() / (10, 10_000)[series] < 2

    @pytest.mark.parametrize("series", [0, 1])
    def test_what_comes_later_in_any_series_changes_no_forecast(
        self, forecaster: Forecaster, panel: list[SeriesData], series: int
    ) -> None:
        moment = hour(panel[0].times, 420)
        generator = np.random.default_rng(0)
        changed = []
        for each in panel:
            values, after = each.values.copy(), each.times > moment
            values[after] = 3 * generator.permutation(values[after])
            changed.append(replace(each, values=values))
        fields = {
            "origins": {"start": at(400), "every": 10, "count": 4},
            "refit_every": 2,
            "series": series,
        }
        seen: list[Sequence[SeriesData]] = []

        def refit(spec: Spec, data: Sequence[SeriesData], tell: Callable[[float], None]) -> bytes:
            seen.append(data)
            return really(spec, data, tell)

        before, after = (
            predicted(run(forecaster, each, refit, **fields)) for each in (panel, changed)
        )
        # Origins at the hours 400 to 420 come before the change, and so do both refits.
        np.testing.assert_array_equal(before[:3], after[:3])
        assert (before[3] != after[3]).all()
        for left, right in zip(seen[:2], seen[2:], strict=True):
            for one, other in zip(left, right, strict=True):
                np.testing.assert_array_equal(one.values, other.values)

    def test_it_learns_from_the_other_series(
        self, forecaster: Forecaster, panel: list[SeriesData]
    ) -> None:
        other = [panel[0], replace(panel[1], values=panel[1].values[::-1].copy())]
        fields = {"origins": {"start": at(400), "count": 1}, "refit_every": 1}
        one, another = (run(forecaster, each, really, **fields) for each in (panel, other))
        assert (predicted(one) != predicted(another)).all()


@pytest.mark.slow
class TestKnownFuture:
    def test_what_is_known_ahead_is_known_to_refits_of_panels(self) -> None:
        panel = [shop("small"), shop("large", 600, 1000.0)]
        fields = {**PROMOTED, "highway": {"lags": 24}, "epochs": 12}
        forecaster = Forecaster.from_bundle(train(Spec.model_validate(fields), panel).bundle)
        origins = {"start": panel[1].times[450].item().isoformat() + "Z", "every": 12}
        wanted = {"origins": origins, "refit_every": 100, "series": 1}
        result = run(forecaster, panel, really, **wanted)
        assert np.isfinite(predicted(result)[:, :LEADS]).all()
        # Without what is known the error is 2.4 times the scale: see `test_covariates`.
        assert result.report["targets"]["y"]["mae"] < 1000

        # Values of the target after the last origin are not read, those of promotions are.
        last = result.points.origins[-1]
        unseen = [each.values.copy() for each in panel]
        for each, values in zip(panel, unseen, strict=True):
            values[each.times > last, 0] *= 3
        changed = [replace(e, values=v) for e, v in zip(panel, unseen, strict=True)]
        again = run(forecaster, changed, really, **wanted)
        np.testing.assert_array_equal(predicted(again), predicted(result))
        unseen[1][panel[1].times > last, 1] += 1
        other = predicted(run(forecaster, changed, really, **wanted))
        np.testing.assert_array_equal(other[0], predicted(result)[0])
        assert (other[-1] != predicted(result)[-1]).all()
