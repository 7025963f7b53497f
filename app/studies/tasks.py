"""The handler of `trial`: draw parameters, train the folds, store the value or prune."""

import dataclasses
import statistics
import time
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from app.jobs.task import Publish, Task, publish_result
from app.studies import trials
from app.studies.trials import TrialInput
from models.checks.folds import fold_splits
from models.checks.resolve import SeriesProfile
from models.checks.search import Variations
from models.series import SeriesData
from models.spec.spec import Spec, SplitSpec
from models.training.fitting import Progress
from models.training.sampling import pruning_epochs
from models.training.trial import run_measured_trial, run_trial


class Pruned(Exception):
    """Other trials were better after the same number of epochs."""


def run_study_trial(task: Task) -> Publish:
    """Run the trial that the job belongs to."""
    given = task.write(lambda session: trials.begin(session, task.attempt.job_id))
    if given is None:
        return publish_result(dict(task.attempt.subject))
    data = task.read(lambda session: trials.load(session, given))
    profile = SeriesProfile.from_data(data)
    spec = Variations.of(given.fields, profile).spec(given.parameters)
    return _Run(task, given, spec, data).run(_splits(given, spec, profile))


def _splits(given: TrialInput, spec: Spec, profile: SeriesProfile) -> list[SplitSpec]:
    """The folds, the newest first: it has the spec's own split, and pruning uses its losses."""
    folds = given.search.filled().folds
    return [spec.split] if folds is None else fold_splits(spec, profile, folds)[::-1]


class _Run:
    """One trial over its folds."""

    def __init__(self, task: Task, given: TrialInput, spec: Spec, data: SeriesData) -> None:
        self._task = task
        self._given = given
        self._spec = spec
        self._data = data
        self._epochs = given.search.epochs or spec.epochs or 1
        self._pruning = pruning_epochs(given.search, self._epochs)
        self._epoch = 0
        self._began = time.perf_counter()

    def run(self, splits: list[SplitSpec]) -> Publish:
        """Run the folds that are not completed yet; the trial's value is the mean of all folds."""
        done = self._given.scores
        try:
            rest = [self._run_fold(fold, splits) for fold in range(len(done), len(splits))]
        except Pruned:
            return self._publishing(None)
        return self._publishing(statistics.fmean([*done, *rest]))

    def _run_fold(self, fold: int, splits: list[SplitSpec]) -> float:
        train = run_measured_trial
        if self._given.search.score == "loss":
            train = partial(run_trial, after_epoch=partial(self._after_epoch, fold))
        score = train(
            self._spec.model_copy(update={"split": splits[fold], "epochs": self._epochs}),
            self._data,
            progress=lambda progress: self._report(progress, fold, len(splits)),
            checkpoint=self._task.load_checkpoint(),
            save_checkpoint=self._task.save_checkpoint,
        )
        self._epoch = max(self._epoch, score.epochs)
        job_id = self._task.attempt.job_id
        self._task.write(lambda session: trials.add_score(session, job_id, score.value))
        return score.value

    def _report(self, progress: Progress, fold: int, folds: int) -> None:
        fraction = (fold + progress.fraction) / folds
        self._task.report(**{**dataclasses.asdict(progress), "fraction": fraction})

    def _after_epoch(self, fold: int, epoch: int, loss: float | None) -> None:
        self._epoch = max(self._epoch, epoch)
        if fold > 0 or epoch not in self._pruning or loss is None:
            return
        job_id = self._task.attempt.job_id
        known: dict[str, Any] = {"epoch": epoch, "loss": loss, "epochs": self._epochs}
        if self._task.write(lambda session: trials.is_pruned(session, job_id, **known)):
            raise Pruned

    def _publishing(self, value: float | None) -> Publish:
        seconds = round(time.perf_counter() - self._began, 3)

        def publish(session: Session) -> dict[str, Any]:
            return trials.end(
                session,
                self._task.attempt.job_id,
                spec=self._spec,
                value=value,
                epochs=self._epoch,
                seconds=seconds,
            )

        return publish
