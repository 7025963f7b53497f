"""Windows by hand."""

import numpy as np
import pytest

from models.features.dataset import Dataset, Track
from models.features.scaling import TargetScaling
from models.features.windows import WindowLoader, Windows, window_offsets

pytestmark = pytest.mark.unit


def counting(rows: int, validation: int) -> Dataset:
    """A dataset whose only feature is the row number."""
    numbers = np.arange(rows, dtype=float)[:, np.newaxis]
    scaling = TargetScaling.fit("delta", [2], numbers, scaled=False)
    track = Track(0, validation, rows, rows)
    return Dataset(numbers.astype(np.float32), numbers, numbers, scaling, (track,))


class TestOffsets:
    @pytest.mark.parametrize(
        ("lookback", "step", "offsets"),
        [(4, 1, [-3, -2, -1, 0]), (6, 2, [-4, -2, 0]), (1, 1, [0]), (3, 5, [0])],
    )
    def test_every_step_th_row_up_to_the_origin(
        self, lookback: int, step: int, offsets: list[int]
    ) -> None:
        assert window_offsets(lookback, step).tolist() == offsets

    def test_five_days_of_ten_minutes_sampled_hourly_are_120_steps(self) -> None:
        assert len(window_offsets(720, 6)) == 120


class TestWindows:
    def test_origins_have_a_whole_window_and_all_labels_in_their_part(self) -> None:
        windows = Windows.of(counting(20, 10), "train", window_offsets(6, 2))
        assert windows.origins.tolist() == [4, 5, 6, 7]

    def test_a_validation_window_may_begin_in_training_rows(self) -> None:
        windows = Windows.of(counting(20, 10), "validation", window_offsets(6, 2))
        assert windows.origins.tolist() == list(range(10, 18))

    def test_a_batch_is_gathered_from_its_rows(self) -> None:
        batch = Windows.of(counting(20, 20), "train", window_offsets(6, 2)).batch(np.array([0, 3]))
        assert batch.features[..., 0].tolist() == [[0, 2, 4], [3, 5, 7]]
        assert batch.labels.tolist() == [[2.0], [2.0]]

    def test_random_batches_show_each_window_once_before_any_twice(self) -> None:
        windows = Windows.of(counting(20, 20), "train", window_offsets(1, 1))
        batches = windows.random_batches(size=6, count=3, seed=(0, 1))
        last = [batch.features[:, -1, 0] for batch in batches]
        assert sorted(np.concatenate(last).tolist()) == list(range(18))

    def test_ordered_batches_go_on_from_epoch_to_epoch_and_begin_again(self) -> None:
        windows = Windows.of(counting(12, 12), "train", window_offsets(1, 1))
        loader = WindowLoader(windows, windows, 4, updates_per_epoch=2, seed=0, shuffle=False)
        epochs = [
            [batch.features[:, -1, 0].tolist() for batch in loader.train_batches(epoch)]
            for epoch in (1, 2)
        ]
        assert epochs == [[[0, 1, 2, 3], [4, 5, 6, 7]], [[8, 9, 0, 1], [2, 3, 4, 5]]]

    def test_the_same_seed_and_epoch_give_the_same_batches(self) -> None:
        windows = Windows.of(counting(20, 20), "train", window_offsets(1, 1))
        first, same, other = (
            next(windows.random_batches(8, 1, seed)).features[:, 0, 0].tolist()
            for seed in [(0, 1), (0, 1), (0, 2)]
        )
        assert first == same != other

    def test_the_last_even_batch_is_filled_up_with_weightless_windows(self) -> None:
        windows = Windows.of(counting(20, 20), "train", window_offsets(1, 1))
        batches = list(windows.even_batches(size=8, most=1000))
        assert [len(batch.features) for batch in batches] == [8, 8, 8]
        assert sum(batch.weights.sum() for batch in batches) == 18
