"""Batches that are made once."""

from collections.abc import Iterator

import numpy as np
import pytest

from models.features.batch_cache import CachedBatches
from models.features.dataset import Batch

pytestmark = pytest.mark.unit


def batch(number: int) -> Batch:
    return Batch(*(np.full((2, 3), number, np.float32) for _ in range(3)))


class Maker:
    """Makes three batches of 72 bytes each and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Iterator[Batch]:
        self.times += 1
        return (batch(number) for number in range(3))


def numbers(batches: CachedBatches) -> list[float]:
    return [float(each.features[0, 0]) for each in batches]


class TestCachedBatches:
    def test_they_are_made_once(self) -> None:
        maker = Maker()
        kept = CachedBatches(maker, 3)
        assert [numbers(kept) for _ in range(3)] == [[0, 1, 2]] * 3
        assert maker.times == 1

    @pytest.mark.parametrize("most_bytes", [0, 100, 215])
    def test_too_many_are_made_again(self, most_bytes: int) -> None:
        maker = Maker()
        kept = CachedBatches(maker, 3, most_bytes)
        assert [numbers(kept) for _ in range(3)] == [[0, 1, 2]] * 3
        assert maker.times == 3

    def test_a_pass_that_was_broken_off_keeps_nothing(self) -> None:
        maker = Maker()
        kept = CachedBatches(maker, 3)
        assert float(next(iter(kept)).features[0, 0]) == 0
        assert numbers(kept) == [0, 1, 2]
        assert maker.times == 2
