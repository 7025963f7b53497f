"""Checkpoints as bytes."""

import numpy as np
import pytest

from models.training.checkpoint import TrainingRun, read_checkpoint, write_checkpoint

pytestmark = pytest.mark.unit

RUN = TrainingRun(
    epoch=2,
    history=[{"epoch": 1, "loss": 0.5, "val_loss": None, "seconds": 0.1}],
    best_epoch=1,
    best_loss=0.5,
    best_weights=[np.array([1.0], np.float32)],
    seconds=0.25,
)
VARIABLES = {
    "trainable": [np.array([2.0], np.float32), np.zeros((2, 3), np.float32)],
    "other": [np.array([1, 2], np.uint32)],
    "optimizer": [np.array(7)],
}


class TestCheckpoint:
    def test_a_run_comes_back_as_it_was(self) -> None:
        found = read_checkpoint(write_checkpoint("print", RUN, VARIABLES), "print")
        assert found is not None
        run, variables = found
        assert (run.epoch, run.history, run.best_loss) == (2, RUN.history, 0.5)
        assert run.best_weights[0].tolist() == [1.0]
        assert {name: len(arrays) for name, arrays in variables.items()} == {
            "trainable": 2,
            "other": 1,
            "optimizer": 1,
        }
        assert variables["other"][0].dtype == np.uint32

    def test_more_than_ten_arrays_keep_their_order(self) -> None:
        many = {**VARIABLES, "trainable": [np.array(k) for k in range(12)]}
        found = read_checkpoint(write_checkpoint("print", RUN, many), "print")
        assert found is not None
        assert [int(array) for array in found[1]["trainable"]] == list(range(12))

    def test_a_checkpoint_of_another_run_is_not_used(self) -> None:
        assert read_checkpoint(write_checkpoint("print", RUN, VARIABLES), "other") is None

    @pytest.mark.parametrize("stored", [b"", b"PK", b"not a checkpoint"])
    def test_a_damaged_checkpoint_is_not_used(self, stored: bytes) -> None:
        assert read_checkpoint(stored, "print") is None
