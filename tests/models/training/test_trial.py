"""A trial is the same training, without what comes after the epochs."""

from typing import Any

import pytest

from models.checks.resolve import SeriesProfile, resolve
from models.errors import SpecError, TrainingError
from models.series import SeriesData
from models.spec.spec import Spec
from models.training.train import train
from models.training.trial import run_measured_trial, run_trial
from tests.models.conftest import make_wave

FIELDS: dict[str, Any] = {
    "targets": ["value"],
    "horizon": 2,
    "layers": [{"cell": "gru", "units": 4}],
    "chunk": 24,
    "lanes": 4,
    "epochs": 4,
    "early_stopping": {"patience": 2},
}


def resolved(data: SeriesData, **fields: Any) -> Spec:
    return resolve(Spec.model_validate({**FIELDS, **fields}), SeriesProfile.from_data(data))


class Stop(Exception):
    pass


@pytest.mark.slow
class TestRunTrial:
    def test_its_value_is_the_validation_loss_of_the_epoch_that_training_keeps(
        self, wave: SeriesData
    ) -> None:
        spec = resolved(wave)
        seen: dict[int, float | None] = {}
        score = run_trial(
            spec, wave, progress=lambda _: None, after_epoch=lambda e, v: seen.update({e: v})
        )
        trained = train(spec, wave)
        kept = trained.history[trained.training["best_epoch"] - 1]
        assert score.value == pytest.approx(kept["val_loss"], rel=1e-6)
        assert score.value == min(value for value in seen.values() if value is not None)
        assert list(seen) == list(range(1, score.epochs + 1))

    def test_without_early_stopping_the_last_epoch_counts(self, wave: SeriesData) -> None:
        seen: list[float | None] = []
        spec = resolved(
            wave, early_stopping=None, epochs=6, optimizer={"name": "sgd", "learning_rate": 1.0}
        )
        score = run_trial(
            spec, wave, progress=lambda _: None, after_epoch=lambda _, v: seen.append(v)
        )
        assert (score.epochs, score.value) == (6, seen[-1])

    def test_it_ends_at_once_where_it_is_pruned(self, wave: SeriesData) -> None:
        seen: list[int] = []

        def prune(epoch: int, loss: float | None) -> None:
            seen.append(epoch)
            if epoch == 2:
                raise Stop

        with pytest.raises(Stop):
            run_trial(resolved(wave), wave, progress=lambda _: None, after_epoch=prune)
        assert seen == [1, 2]

    def test_it_goes_on_where_an_interrupted_one_stopped(self, wave: SeriesData) -> None:
        saved: list[bytes] = []
        seen: list[int] = []

        def interrupt(epoch: int, loss: float | None) -> None:
            raise Stop

        spec = resolved(wave)
        quiet: dict[str, Any] = {"progress": lambda _: None}
        with pytest.raises(Stop):
            run_trial(spec, wave, **quiet, after_epoch=interrupt, save_checkpoint=saved.append)
        again = run_trial(
            spec,
            wave,
            **quiet,
            after_epoch=lambda epoch, _: seen.append(epoch),
            checkpoint=saved[-1],
        )
        assert seen[0] == 2
        assert again.value == pytest.approx(run_trial(spec, wave, **quiet).value, rel=1e-4)

    def test_without_labels_to_validate_on_there_is_no_value(self) -> None:
        data = make_wave()
        spec = resolved(data)
        data.values[510 - 90 : 510, 0] = float("nan")
        with pytest.raises(TrainingError, match="No validation row"):
            run_trial(spec, data, progress=lambda _: None)


@pytest.mark.slow
class TestRunMeasuredTrial:
    def test_its_value_is_the_error_of_the_report_over_the_naive_one(
        self, wave: SeriesData
    ) -> None:
        spec = resolved(wave, targets=["value", "lead"])
        score = run_measured_trial(spec, wave, progress=lambda _: None)
        report = train(spec, wave).metrics["validation"].values()
        expected = sum(target["mae"] / target["naive_mae"] for target in report) / 2
        assert score.value == pytest.approx(expected, rel=1e-6)

    def test_of_classes_it_is_the_log_loss_over_that_of_the_class_prior(
        self, wave: SeriesData
    ) -> None:
        spec = resolved(wave, task="direction")
        score = run_measured_trial(spec, wave, progress=lambda _: None)
        figures = train(spec, wave).metrics["validation"]["value"]
        expected = figures["log_loss"] / figures["class_prior_log_loss"]
        assert score.value == pytest.approx(expected, rel=1e-6)

    def test_a_validation_part_without_values_is_refused(self) -> None:
        data = make_wave()
        spec = resolved(data)
        data.values[421:510, 0] = float("nan")
        with pytest.raises(SpecError, match="The validation part"):
            run_measured_trial(spec, data, progress=lambda _: None)
