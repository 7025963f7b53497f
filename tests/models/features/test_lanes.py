"""Lanes by hand: order of time, states that go on, labels that stay in their part."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.features.dataset import Dataset, Track
from models.features.lanes import LaneLoader, Lanes, LaneSizes, default_lane_sizes
from models.features.scaling import TargetScaling

pytestmark = pytest.mark.unit


def counting(rows: int, validation: int, test: int, leads: tuple[int, ...] = (1,)) -> Dataset:
    """A dataset whose only feature is the row number, predicted as it is."""
    numbers = np.arange(rows, dtype=float)[:, np.newaxis]
    scaling = TargetScaling.fit("delta", list(leads), numbers, scaled=False)
    track = Track(0, validation, test, rows)
    return Dataset(numbers.astype(np.float32), numbers, numbers.copy(), scaling, (track,))


class TestLabels:
    def test_a_label_is_the_change_at_its_lead(self) -> None:
        labels, weights = counting(10, 10, 10, (1, 3)).labels(np.array([2]), np.array([10]))
        assert labels.tolist() == [[1.0, 3.0]]
        assert weights.tolist() == [[1.0, 1.0]]

    def test_a_label_beyond_the_end_of_its_part_weighs_nothing(self) -> None:
        _, weights = counting(10, 5, 10, (1, 3)).labels(np.array([3, 4]), np.array([5]))
        assert weights.tolist() == [[1.0, 0.0], [0.0, 0.0]]

    def test_a_missing_actual_weighs_nothing_and_is_no_nan(self) -> None:
        dataset = counting(4, 4, 4)
        dataset.actual[2] = np.nan
        labels, weights = dataset.labels(np.arange(3), np.array(4))
        assert labels.ravel().tolist() == [1.0, 0.0, 1.0]
        assert weights.ravel().tolist() == [1.0, 0.0, 1.0]


class TestLanes:
    def test_row_i_of_a_chunk_goes_on_where_row_i_of_the_chunk_before_ended(self) -> None:
        lanes = Lanes.lay(counting(42, 42, 42), "train", LaneSizes(3, 7, 0), warm_up=0)
        assert lanes.rows(0)[:, 0].tolist() == [0, 6, 12, 18, 24, 30, 36]
        for chunk in range(lanes.chunks - 1):
            np.testing.assert_array_equal(lanes.rows(chunk + 1)[:, 0], lanes.rows(chunk)[:, -1] + 1)

    def test_batches_come_in_the_order_of_time_in_every_epoch(self) -> None:
        loader = LaneLoader.of(counting(42, 42, 42), LaneSizes(3, 2, 0), [])
        first, again = (
            [batch.features[:, 0, 0].tolist() for batch in loader.train_batches(epoch)]
            for epoch in (1, 2)
        )
        assert first == again == sorted(first)

    def test_every_row_has_a_loss_once(self) -> None:
        dataset = counting(50, 40, 45)
        lanes = Lanes.lay(dataset, "train", LaneSizes(4, 3, 2), warm_up=2)
        seen = np.concatenate(
            [
                lanes.rows(chunk)[batch.weights[..., 0] > 0]
                for chunk, batch in enumerate(lanes.batches())
            ]
        )
        # The label of row 39 is row 40, the first of validation.
        assert sorted(seen.tolist()) == list(range(39))

    def test_warm_up_rows_have_no_loss(self) -> None:
        lanes = Lanes.lay(counting(20, 20, 20), "train", LaneSizes(5, 2, 0), warm_up=3)
        assert lanes.starts.tolist() == [0, 7]
        assert lanes.batch(0).weights[1, :, 0].tolist() == [0, 0, 0, 1, 1]

    def test_validation_is_warmed_up_on_training_rows(self) -> None:
        loader = LaneLoader.of(counting(60, 40, 50), LaneSizes(5, 2, 0), [])
        assert loader.validation is not None
        assert loader.validation.starts[0] == 35
        rows = np.concatenate(
            [
                loader.validation.rows(k)[b.weights[..., 0] > 0]
                for k, b in enumerate(loader.validation_batches())
            ]
        )
        assert sorted(rows.tolist()) == list(range(40, 49))

    def test_without_validation_rows_there_are_no_validation_batches(self) -> None:
        loader = LaneLoader.of(counting(40, 40, 40), LaneSizes(5, 2, 0), [])
        assert list(loader.validation_batches()) == []


class TestDefaultSizes:
    def test_the_measured_layout_of_hourly_weather(self) -> None:
        sizes = default_lane_sizes(70_000, tracks=6)
        assert (sizes.chunk, sizes.lanes) == (96, 60)

    @given(st.integers(1, 2_000_000), st.integers(1, 60))
    def test_a_lane_is_never_longer_than_the_rows(self, rows: int, phases: int) -> None:
        sizes = default_lane_sizes(rows, phases)
        assert sizes.chunk >= 1
        assert sizes.lanes % phases == 0
        assert 0 <= sizes.burn_in <= sizes.chunk

    @pytest.mark.parametrize("rows", [42, 3000, 12_000])
    def test_an_epoch_has_about_a_dozen_updates(self, rows: int) -> None:
        sizes = default_lane_sizes(rows)
        assert 4 <= rows / (sizes.chunk * sizes.lanes) <= 24
