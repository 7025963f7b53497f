"""Kept states as bytes."""

from dataclasses import replace

import numpy as np
import pytest

from models.errors import ArtefactError
from models.serving.interval_tracker import Adaptation
from models.serving.states import State, Waiting

pytestmark = pytest.mark.unit

STATE = State(
    time=np.datetime64("1749-01-01T00:00:00.000001", "us"),
    rows=3,
    tail=np.array([[1.5, np.nan]]),
    recurrent=(np.array([[1.0, 2.0]], np.float32), np.array([[3.0]], np.float32)),
    window=np.zeros((0, 4), np.float32),
    adaptation=Adaptation(
        log_factors=np.array([[[0.5]], [[-0.5]]]),
        issued=np.ones((1, 2, 1, 1), np.float32),
        predicted=np.array([[0.125]], np.float32),
        base=np.array([[2.0]]),
        actual=np.array([[np.nan]]),
    ),
    output=np.array([0.25], np.float32),
    waiting=Waiting(
        times=np.array(["1748-12-31", "2300-01-01"], "datetime64[us]"),
        values=np.array([[1.0, np.nan], [2.0, np.inf]]),
        tail=np.array([[0.5, np.nan]]),
        recurrent=(np.array([[4.0, 5.0]], np.float32), np.array([[6.0]], np.float32)),
        window=np.zeros((0, 4), np.float32),
    ),
)


class TestBytes:
    def test_a_state_comes_back_as_it_was(self) -> None:
        found = State.from_bytes(STATE.to_bytes())
        assert (found.time, found.rows) == (STATE.time, STATE.rows)
        np.testing.assert_array_equal(found.tail, STATE.tail)
        np.testing.assert_array_equal(found.window, STATE.window)
        assert [array.tolist() for array in found.recurrent] == [[[1.0, 2.0]], [[3.0]]]
        assert found.output is not None
        assert found.output.tolist() == [0.25]
        assert found.adaptation is not None
        assert found.adaptation.log_factors.tolist() == [[[0.5]], [[-0.5]]]
        assert found.adaptation.predicted.tolist() == [[0.125]]
        assert found.waiting is not None
        assert STATE.waiting is not None
        np.testing.assert_array_equal(found.waiting.times, STATE.waiting.times)
        np.testing.assert_array_equal(found.waiting.values, STATE.waiting.values)
        assert [array.tolist() for array in found.waiting.recurrent] == [[[4.0, 5.0]], [[6.0]]]
        assert found.to_bytes() == STATE.to_bytes()

    def test_a_state_before_the_first_row_has_no_time_and_no_output(self) -> None:
        blank = State(None, 0, STATE.tail, (), STATE.window, None, None)
        found = State.from_bytes(blank.to_bytes())
        assert found.time is None
        assert found.output is None
        assert found.adaptation is None
        assert found.waiting is None
        assert found.recurrent == ()

    @pytest.mark.parametrize("cut", [0, 3, 6, 40, -1])
    def test_a_cut_state_is_refused(self, cut: int) -> None:
        with pytest.raises(ArtefactError, match="damaged"):
            State.from_bytes(STATE.to_bytes()[:cut])

    def test_another_format_is_refused(self) -> None:
        with pytest.raises(ArtefactError, match="must begin with"):
            State.from_bytes(b"STC2" + STATE.to_bytes()[4:])

    def test_a_state_is_finite_if_the_rows_that_wait_can_still_speak(self) -> None:
        assert STATE.finite
        assert STATE.waiting is not None
        broken = replace(STATE.waiting, recurrent=(np.array([[np.nan]], np.float32),))
        assert not replace(STATE, waiting=broken).finite

    def test_other_dtypes_are_refused(self) -> None:
        forged = STATE.to_bytes().replace(b'"<f8"', b'"|O8"')
        with pytest.raises(ArtefactError, match="damaged"):
            State.from_bytes(forged)
