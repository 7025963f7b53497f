"""Splits by hand: fractions, times and their mixtures."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Times
from models.errors import SpecError
from models.grid.splits import Splits, origins, split_bounds
from models.spec.spec import SplitSpec

pytestmark = pytest.mark.unit


def days(rows: int) -> Times:
    return np.datetime64("2020-01-01", "us") + np.arange(rows) * np.timedelta64(1, "D")


def borders(splits: Splits) -> tuple[int, int, int, int]:
    return splits.train.start, splits.validation.start, splits.test.start, splits.test.stop


class TestSplitBounds:
    def test_fractions_are_of_the_rows(self) -> None:
        assert borders(split_bounds(days(20), SplitSpec())) == (0, 14, 17, 20)

    def test_a_time_begins_its_part(self) -> None:
        split = SplitSpec(
            train=datetime(2020, 1, 3, tzinfo=UTC),
            validation=datetime(2020, 1, 10, tzinfo=UTC),
            test=datetime(2020, 1, 15, 12, tzinfo=UTC),
        )
        assert borders(split_bounds(days(20), split)) == (2, 9, 15, 20)

    def test_a_time_without_a_zone_is_utc(self) -> None:
        split = SplitSpec.model_validate({"validation": "2020-01-10T00:00:00"})
        assert split_bounds(days(20), split).validation == slice(9, 17)

    def test_a_fraction_of_validation_lies_before_a_time_of_test(self) -> None:
        split = SplitSpec(validation=0.25, test=datetime(2020, 1, 11, tzinfo=UTC))
        assert borders(split_bounds(days(20), split)) == (0, 5, 10, 20)

    def test_parts_may_be_empty(self) -> None:
        splits = split_bounds(days(20), SplitSpec(validation=0, test=0))
        assert borders(splits) == (0, 20, 20, 20)

    def test_rows_without_an_observation_do_not_count(self) -> None:
        observed = np.arange(120) < 18
        observed[118:] = True
        splits = split_bounds(days(120), SplitSpec(), observed)
        assert borders(splits) == (0, 14, 17, 120)

    def test_holes_before_the_training_part_do_not_count(self) -> None:
        split = SplitSpec(train=datetime(2020, 1, 11, tzinfo=UTC), validation=0.5, test=0)
        assert borders(split_bounds(days(20), split, np.arange(20) >= 12)) == (10, 16, 20, 20)

    @given(
        observed=st.lists(st.booleans(), min_size=12, max_size=200).filter(lambda x: sum(x) > 11),
        validation=st.floats(0, 0.45),
        test=st.floats(0, 0.45),
    )
    def test_parts_hold_their_share_of_the_observed_rows(
        self, observed: list[bool], validation: float, test: float
    ) -> None:
        mask = np.array(observed)
        splits = split_bounds(
            days(len(mask)), SplitSpec(validation=validation, test=test), observed=mask
        )
        assert mask[splits.test].sum() == round(mask.sum() * test)
        assert mask[splits.validation].sum() == round(mask.sum() * validation)

    def test_a_time_outside_the_series_is_refused_with_its_pointer(self) -> None:
        split = SplitSpec(
            validation=datetime(2019, 1, 1, tzinfo=UTC), test=datetime(2021, 1, 1, tzinfo=UTC)
        )
        with pytest.raises(SpecError) as caught:
            split_bounds(days(20), split)
        pointers = [problem.pointer for problem in caught.value.problems]
        assert pointers == ["/split/validation", "/split/test"]
        assert "Received: 2019-01-01T00:00:00+00:00" in caught.value.problems[0].message

    @pytest.mark.parametrize(
        "split",
        [
            SplitSpec(validation=0.6, test=0.5),
            SplitSpec(
                validation=datetime(2020, 1, 15, tzinfo=UTC),
                test=datetime(2020, 1, 10, tzinfo=UTC),
            ),
            SplitSpec(train=datetime(2020, 1, 18, tzinfo=UTC), validation=0.5, test=0.5),
        ],
    )
    def test_parts_out_of_order_are_refused(self, split: SplitSpec) -> None:
        with pytest.raises(SpecError, match="must leave rows to train on"):
            split_bounds(days(20), split)

    # Fewer rows than 11 may be rounded to none for training.
    @given(rows=st.integers(11, 500), validation=st.floats(0, 0.45), test=st.floats(0, 0.45))
    def test_parts_touch_and_cover_the_series(
        self, rows: int, validation: float, test: float
    ) -> None:
        splits = split_bounds(days(rows), SplitSpec(validation=validation, test=test))
        assert splits.train.start == 0
        assert splits.train.stop == splits.validation.start
        assert splits.validation.stop == splits.test.start
        assert splits.test.stop == rows


class TestOrigins:
    def test_labels_stay_in_their_part(self) -> None:
        assert origins(slice(10, 20), 3) == slice(10, 17)

    def test_a_part_shorter_than_the_lead_has_no_origins(self) -> None:
        assert origins(slice(10, 12), 5) == slice(10, 10)
