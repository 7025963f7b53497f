"""Panels: several series, one network; lanes, labels and scales of each series on its own."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.checks.resolve import SeriesProfile, resolve
from models.errors import SpecError
from models.evaluation.panel_report import pool_metrics
from models.features.dataset import Dataset, Track
from models.features.highway import Highway
from models.features.highway_fitting import choose_highway
from models.features.lags import LaidHighway
from models.features.lanes import Lanes, LaneSizes
from models.features.prepare import Prepared, prepare
from models.features.scaling import TargetScaling
from models.features.windows import Windows, window_offsets
from models.grid.panel import MOST_SERIES
from models.series import Channel, SeriesData
from models.spec.spec import HighwaySpec, Spec
from tests.models.conftest import make_wave

pytestmark = pytest.mark.unit

SMALL: dict[str, Any] = {
    "targets": ["value"],
    "horizon": 3,
    "layers": [{"cell": "gru", "units": 6}],
    "chunk": 24,
    "lanes": 6,
    "burn_in": 6,
    "epochs": 6,
    "optimizer": {"learning_rate": 0.01, "clipnorm": 1.0},
}


def small(**fields: Any) -> Spec:
    return Spec.model_validate({**SMALL, **fields})


def wave(name: str, rows: int = 600, scale: float = 1.0, seed: int = 0) -> SeriesData:
    data = make_wave(rows, seed)
    return replace(data, name=name, values=data.values * scale)


def prepared(panel: list[SeriesData], **fields: Any) -> Prepared:
    profiles = [SeriesProfile.from_data(each) for each in panel]
    return prepare(resolve(small(**fields), profiles), panel)


def problems(panel: list[SeriesData], **fields: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        resolve(small(**fields), [SeriesProfile.from_data(each) for each in panel])
    return {problem.pointer: problem.message for problem in caught.value.problems}


def counting(lengths: list[int], scales: list[float] | None = None) -> Dataset:
    """Series that count their rows by steps of their scale, 70/15/15, without phases."""
    scales = scales or [1.0] * len(lengths)
    values, tracks, offset = [], [], 0
    for position, (rows, scale) in enumerate(zip(lengths, scales, strict=True)):
        values.append(scale * np.arange(rows, dtype=float)[:, np.newaxis])
        validation, test = offset + rows * 70 // 100, offset + rows * 85 // 100
        tracks.append(Track(offset, validation, test, offset + rows, position))
        offset += rows
    scalings = tuple(TargetScaling.fit("delta", [1, 2], each) for each in values)
    table = np.concatenate(values)
    panel = scalings if len(scalings) > 1 else ()
    return Dataset(table.astype(np.float32), table, table, scalings[0], tuple(tracks), panel=panel)


LENGTHS = st.lists(st.integers(20, 300), min_size=1, max_size=5)


class TestLanes:
    @given(lengths=LENGTHS, lanes=st.integers(1, 20), chunk=st.integers(2, 30))
    def test_every_row_of_every_series_has_a_loss_once_and_none_is_shared(
        self, lengths: list[int], lanes: int, chunk: int
    ) -> None:
        dataset = counting(lengths)
        laid = Lanes.lay(dataset, "train", LaneSizes(chunk, lanes, 2), warm_up=2)
        seen = [
            laid.rows(number)[batch.weights[..., 0] > 0]
            for number, batch in enumerate(laid.batches())
        ]
        # The last row of a part has no label in it.
        wanted = [np.arange(track.train, track.validation - 1) for track in dataset.tracks]
        assert sorted(np.concatenate(seen).tolist()) == np.concatenate(wanted).tolist()
        for start, end in zip(laid.starts, laid.ends, strict=True):
            assert any(track.train <= start < end <= track.end for track in dataset.tracks)

    @given(lengths=LENGTHS, lanes=st.integers(1, 20))
    def test_every_series_has_a_lane(self, lengths: list[int], lanes: int) -> None:
        dataset = counting(lengths)
        laid = Lanes.lay(dataset, "train", LaneSizes(8, lanes, 0), warm_up=0)
        assert {track.train for track in dataset.tracks} <= set(laid.starts.tolist())

    def test_lanes_are_shared_out_in_proportion_to_rows(self) -> None:
        laid = Lanes.lay(counting([600, 200, 20]), "train", LaneSizes(8, 8, 0), warm_up=0)
        per_series = np.bincount(np.searchsorted([600, 800], laid.starts, side="right"))
        assert per_series.tolist() == [6, 2, 1]


class TestLabels:
    def test_labels_use_the_scale_of_their_own_series(self) -> None:
        dataset = counting([50, 40], scales=[1.0, 1000.0])
        labels, weights = dataset.labels(np.array([10, 60]), np.array([35, 78]))
        assert weights.all()
        np.testing.assert_allclose(labels, 1.0)
        base, changes = dataset.base, dataset.actual[61] - dataset.base[60]
        assert changes == 1000.0
        assert base[60] == 10_000.0

    @given(lengths=LENGTHS, seed=st.integers(0, 9))
    def test_in_any_shape_they_are_what_each_series_has_alone(
        self, lengths: list[int], seed: int
    ) -> None:
        scales = (10.0 ** np.arange(len(lengths))).tolist()
        whole, first = counting(lengths, scales), 0
        for rows, scale in zip(lengths, scales, strict=True):
            alone = counting([rows], [scale])
            picks = np.random.default_rng(seed).integers(0, rows, size=(3, 4))
            for found, wanted in zip(
                whole.labels(first + picks, np.array(first + rows)),
                alone.labels(picks, np.array(rows)),
                strict=True,
            ):
                np.testing.assert_allclose(found, wanted)
            first += rows

    def test_windows_never_cross_from_one_series_into_the_next(self) -> None:
        dataset = counting([40, 60])
        windows = Windows.of(dataset, "train", window_offsets(6, 2))
        assert windows.origins.tolist() == [*range(4, 26), *range(44, 80)]


class TestHighway:
    def test_lags_have_the_unit_of_their_series(self) -> None:
        dataset = counting([50, 40], scales=[1.0, 1000.0])
        readers = dataset.lag_readers(3)
        weights = np.zeros((1, 3, 2), np.float32)
        laid = LaidHighway.over(
            Highway(readers[0], False, weights), readers, dataset.base, dataset.first_rows
        )
        lags = laid.table.inputs(np.array([20, 70, 51]))
        np.testing.assert_allclose(lags[:2, 0], [[-0.5, -1, -1.5]] * 2)
        # Row 51 is the second of its series: nothing lies before the first.
        np.testing.assert_allclose(lags[2, 0], [-0.5, 0, 0])

    def test_series_of_any_scale_have_the_weights_of_one(self) -> None:
        one, twice = (
            choose_highway(
                prepared(panel, highway={"lags": 12}).dataset,
                HighwaySpec(lags=12),
                season=24,
                loss="mse",
            )
            for panel in ([wave("a")], [wave("a"), wave("b", scale=1000.0)])
        )
        assert one.highway is not None
        assert twice.highway is not None
        np.testing.assert_allclose(one.highway.weights, twice.highway.weights, atol=1e-3)


class TestPreparation:
    def test_each_series_has_its_own_scales_and_split(self) -> None:
        long, short = wave("long", 600), wave("short", 300, scale=1000.0)
        found = prepared([long, short])
        first, second = found.dataset.tracks
        assert (first.validation, first.end) == (420, 600)
        assert (second.train, second.validation, second.end) == (600, 810, 900)
        alone = prepared([short])
        np.testing.assert_allclose(found.dataset.features[600:], alone.dataset.features)
        assert found.series[1].fit.to_json() == alone.series[0].fit.to_json()

    def test_times_split_all_series_at_the_same_moment(self) -> None:
        split = {"validation": "2024-01-10T00:00:00Z", "test": "2024-01-12T00:00:00Z"}
        later = wave("later")
        later = replace(later, times=later.times + np.timedelta64(48, "h"))
        first, second = prepared([wave("a"), later], split=split).dataset.tracks
        assert (first.validation, second.validation - second.train) == (216, 168)

    def test_columns_may_come_in_another_order(self) -> None:
        turned = wave("turned")
        turned = replace(turned, channels=turned.channels[::-1], values=turned.values[:, ::-1])
        found = prepared([wave("a"), turned]).dataset
        np.testing.assert_array_equal(found.features[:600], found.features[600:])

    def test_a_channel_constant_in_one_series_stays_with_scale_1(self) -> None:
        flat = wave("flat")
        flat.values[:, 1] = 7.0
        found = prepared([wave("a"), flat])
        assert found.dropped == []
        assert found.pipeline.width == prepared([wave("a")]).pipeline.width
        assert found.series[1].fit.standardizer.scale[1] == 1.0

    def test_a_gap_in_one_series_is_marked_in_all(self) -> None:
        gaps = wave("gaps")
        gaps.values[50, 0] = np.nan
        assert [channel.masked for channel in prepared([wave("a"), gaps]).pipeline.channels] == [
            True,
            False,
        ]

    def test_the_future_of_one_series_moves_no_feature_of_the_others(self) -> None:
        one, other = wave("one"), wave("other", seed=1)
        moved = replace(other, values=other.values.copy())
        moved.values[450:] = np.random.default_rng(0).permutation(moved.values[450:])
        before, after = (prepared([one, each]).dataset for each in (other, moved))
        np.testing.assert_array_equal(before.features[:1050], after.features[:1050])
        assert (before.features[1050:] != after.features[1050:]).any()
        assert [each.to_json() for each in before.panel] == [each.to_json() for each in after.panel]


class TestRules:
    def test_series_must_be_alike(self) -> None:
        base = wave("base")
        found = problems(
            [
                base,
                replace(wave("bars"), kind="ohlc"),
                replace(wave("days"), cadence="1D"),
                replace(wave("sessions"), calendar="sessions"),
                replace(wave("other"), channels=(Channel("value", "m"), Channel("tail", "m"))),
                replace(wave("feet"), channels=(Channel("value", "ft"), Channel("lead", "m"))),
                wave("base"),
            ]
        )
        assert "its `kind` must be generic. Received: ohlc" in found["/series/1"]
        assert "its `cadence` must be 1h. Received: 1D" in found["/series/2"]
        assert "its `calendar` must be continuous. Received: sessions" in found["/series/3"]
        assert "not have further channels. Received: tail" in found["/series/4"]
        assert "the unit of value must be m. Received: ft" in found["/series/5"]
        assert found["/series/6"] == "`series` must differ. Received twice: base"
        assert len(found) == 6

    def test_there_is_a_bound(self) -> None:
        panel = [wave(f"s{number}", 100) for number in range(MOST_SERIES + 1)]
        assert problems(panel)["/series"].endswith(f"Received: {MOST_SERIES + 1}")

    def test_time_zones_are_free(self) -> None:
        found = prepared([wave("a"), replace(wave("b"), timezone="Asia/Kolkata")])
        assert [each.fit.timezone for each in found.series] == ["UTC", "Asia/Kolkata"]

    def test_a_constant_target_is_the_fault_of_its_series(self) -> None:
        flat = wave("flat")
        flat.values[:, 0] = 7.0
        found = problems([wave("a"), flat])
        assert found == {
            "/series/1": "In the series 'flat': A target must vary. "
            "Received: value, which holds only 7"
        }

    def test_a_series_too_short_is_named(self) -> None:
        found = problems([wave("a"), wave("short", 20)])
        assert list(found) == ["/series/1"]
        assert found["/series/1"].startswith("In the series 'short': Training needs at least 19")

    def test_what_no_series_allows_is_the_fault_of_the_spec(self) -> None:
        assert list(problems([wave("a"), wave("b")], targets=["none"])) == ["/targets/0"]

    def test_a_split_outside_one_series_names_it(self) -> None:
        split = {"validation": "2024-01-15T00:00:00Z", "test": "2024-01-20T00:00:00Z"}
        found = problems([wave("a"), wave("short", 400)], split=split)
        assert "must lie between the first row" in found["/series/1"]

    def test_defaults_follow_the_shortest_series_and_the_rows_of_all(self) -> None:
        profiles = [
            SeriesProfile.from_data(wave(name, rows)) for name, rows in (("a", 900), ("b", 60))
        ]
        spec = resolve(Spec(), profiles)
        assert spec.horizon == resolve(Spec(), profiles[1]).horizon == 8
        layers = resolve(Spec(), [profiles[0]] * 1 + [profiles[1]]).layers
        assert layers == resolve(Spec(), profiles).layers
        many = [SeriesProfile.from_data(wave(f"s{number}", 900)) for number in range(3)]
        assert (resolve(Spec(), many).layers or [])[0].units == 32
        assert (resolve(Spec(), many[0]).layers or [])[0].units == 16


class TestReport:
    def test_figures_are_means_over_the_series_that_have_them(self) -> None:
        def report(mae: float | None, naive: float | None) -> dict[str, Any]:
            row = {"mae": mae, "rmse": mae, "naive_mae": naive, "skill": 0.0}
            return {"test": {"y": {**row, "leads": [{"lead": 1, **row}]}}}

        pooled = pool_metrics([report(1.0, 2.0), report(7.0, 8.0), report(None, None)])
        figures = pooled["test"]["y"]
        assert (figures["mae"], figures["rmse"], figures["naive_mae"]) == (4.0, 5.0, 5.0)
        assert figures["skill"] == pytest.approx(0.2)
        assert figures["leads"][0] == {
            "lead": 1,
            **{k: v for k, v in figures.items() if k != "leads"},
        }

    def test_what_has_no_mean_is_left_out_or_found_again(self) -> None:
        def report(mae: float, drift: float, order: int, coverage: float) -> dict[str, Any]:
            errors = {"mae": mae, "naive_mae": 4.0, "drift_mae": drift, "skill": 1 - mae / 4}
            row = {**errors, "best_baseline": "naive", "coverage_80": coverage}
            table = [{"level": level, "coverage": coverage} for level in (20.0, 80.0)]
            more = {"ar_order": order, "significance": {"naive": {}}, "calibration": table}
            return {"test": {"y": {**row, **more, "leads": [{"lead": 2, **row}]}}}

        several = [report(1.0, 3.0, 4, 70.0), report(2.0, 4.5, 6, 90.0)]
        errors = {"mae": 1.5, "naive_mae": 4.0, "drift_mae": 3.75, "skill": 0.625}
        row = {**errors, "best_baseline": "drift", "coverage_80": 80.0}
        assert pool_metrics(several)["test"]["y"] == {
            **row,
            "ar_order": None,
            "calibration": [{"level": 20.0, "coverage": 80.0}, {"level": 80.0, "coverage": 80.0}],
            "leads": [{"lead": 2, **row}],
        }
        assert pool_metrics(several[:1]) is several[0]
