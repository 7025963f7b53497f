"""Which device a worker takes, and what its children see of it."""

from pathlib import Path

import pytest

from app.worker.devices import (
    NoSuchDevice,
    child_environment,
    default_device,
    require_device,
    visible_gpus,
)

pytestmark = pytest.mark.unit


@pytest.fixture
def two_gpus(tmp_path: Path) -> Path:
    """The device nodes that NVIDIA's driver makes for two GPUs."""
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    return tmp_path


class TestVisible:
    def test_every_gpu_of_the_machine_is(self, two_gpus: Path) -> None:
        assert visible_gpus({}, two_gpus) == ["0", "1"]

    @pytest.mark.parametrize(
        ("chosen", "seen"),
        [("1", ["1"]), ("1,0", ["1", "0"]), ("GPU-8932", ["GPU-8932"]), ("", []), ("-1", [])],
    )
    def test_a_choice_in_the_environment_is_kept(
        self, two_gpus: Path, chosen: str, seen: list[str]
    ) -> None:
        assert visible_gpus({"CUDA_VISIBLE_DEVICES": chosen}, two_gpus) == seen

    def test_a_machine_without_a_gpu_has_none_whatever_is_chosen(self, tmp_path: Path) -> None:
        assert visible_gpus({"CUDA_VISIBLE_DEVICES": "0"}, tmp_path) == []


class TestChoice:
    def test_the_first_gpu_is_the_default_where_there_is_one(self) -> None:
        assert default_device(["0", "1"]) == require_device(None, ["0"]) == "gpu:0"
        assert default_device([]) == require_device(None, []) == "cpu"

    @pytest.mark.parametrize("device", ["cpu", "gpu:0", "gpu:1"])
    def test_a_device_that_is_there_is_taken(self, device: str) -> None:
        assert require_device(device, ["0", "1"]) == device

    @pytest.mark.parametrize(
        ("device", "gpus", "words"),
        [
            ("gpu:0", [], "0 usable GPUs"),
            ("gpu:1", ["0"], "1 usable GPU."),
            ("gpu:2", ["0", "1"], "2 usable GPUs"),
        ],
    )
    def test_one_that_is_not_is_refused_in_a_sentence(
        self, device: str, gpus: list[str], words: str
    ) -> None:
        with pytest.raises(NoSuchDevice, match=rf"has {words}.*Received: {device}"):
            require_device(device, gpus)


class TestChildEnvironment:
    def test_on_a_cpu_no_gpu_is_seen(self) -> None:
        assert child_environment("cpu", ["0"])["CUDA_VISIBLE_DEVICES"] == ""

    def test_on_a_gpu_that_one_is_seen_and_its_memory_is_taken_as_needed(self) -> None:
        environment = child_environment("gpu:1", ["5", "7"])
        assert environment["OPENBLAS_NUM_THREADS"] == "1"
        assert environment["CUDA_VISIBLE_DEVICES"] == "7"
        assert environment["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
