"""The audit finds the leaks that are put in, and finds none where there is none."""

from dataclasses import replace
from typing import Any, ClassVar, cast

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import models.features.prepare
import models.features.series_fit
from models.arrays import RowIndices, Times, Values
from models.checks.resolve import SeriesProfile, resolve
from models.errors import SpecError, TrainingError
from models.evaluation.leakage_audit import Check, audit_forecasts, audit_report, audit_training
from models.features.dataset import Dataset, Track
from models.features.features import FeaturePipeline
from models.features.lanes import Lanes, LaneSizes
from models.features.windows import Windows
from models.series import SeriesData
from models.serving.forecast import Outputs
from models.serving.forecaster import Forecaster
from models.training.loaders import make_loader
from models.training.train import train
from tests.models.conftest import make_wave
from tests.models.training.test_train import small

STATEFUL: dict[str, Any] = {}
WINDOWED = {"mode": "windowed", "chunk": None, "lanes": None, "burn_in": None, "lookback": 12}


def audited(data: SeriesData | None = None, **fields: Any) -> list[Check]:
    data = data or make_wave()
    spec = resolve(small(**fields), SeriesProfile.from_data(data))
    prepared = models.features.prepare.prepare(spec, data)
    return audit_training(spec, data, prepared, make_loader(spec, prepared))


def failed(checks: list[Check]) -> list[str]:
    return [check.code for check in checks if not check.passed]


def scale_with_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The training rows are a view of all rows."""
    fit = models.features.series_fit.fit_scales
    monkeypatch.setattr(
        models.features.series_fit,
        "fit_scales",
        lambda pipeline, rows, *, scaled: fit(pipeline, rows.base, scaled=scaled),
    )


class TestHonestTraining:
    @pytest.mark.parametrize("mode", [STATEFUL, WINDOWED])
    def test_every_check_is_passed(self, mode: dict[str, Any]) -> None:
        assert failed(audited(**mode)) == []

    def test_also_with_several_phases_and_missing_values(self) -> None:
        data = make_wave(1200)
        values = data.values.copy()
        values[::17, 0] = np.nan
        data = replace(data, values=values)
        checks = audited(data, cadence="3h", aggregate="mean", differences=[4], lanes=None)
        assert failed(checks) == []

    def test_without_later_parts_nothing_can_be_changed(self) -> None:
        checks = audited(split={"validation": 0, "test": 0})
        assert failed(checks) == []
        assert "The series has no values after its training part" in checks[-1].sentence

    @pytest.mark.parametrize("mode", [STATEFUL, WINDOWED])
    def test_labels_leave_the_gap_that_they_need(self, mode: dict[str, Any]) -> None:
        train_labels, validation_labels = audited(**mode)[1:3]
        # Of 420 rows all but the last have a label one step ahead, and so on to lead 3. Windows
        # have all their labels or none, and the first 11 rows do not end one.
        expected = 3 * (420 - 3 - 11) if mode else 419 + 418 + 417
        assert f"Of the {expected} labels of the train part, 0 lie" in train_labels.sentence
        expected = 3 * (90 - 3) if mode else 89 + 88 + 87
        assert f"Of the {expected} labels of the validation part, 0" in validation_labels.sentence


class TestLeaks:
    """Each test puts a leak into the pipeline and wants it caught by name."""

    def test_features_scaled_with_all_rows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        scale_with_all_rows(monkeypatch)
        assert failed(audited()) == ["future_probe_scalers", "future_probe_features"]

    def test_a_training_part_that_is_too_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        span = Track.span

        def leaky(track: Track, part: Any) -> tuple[int, int]:
            return (track.train, track.end) if part == "train" else span(track, part)

        monkeypatch.setattr(Track, "span", leaky)
        found = failed(audited())
        assert {"scaler_range", "train_labels", "future_probe_scalers"} <= set(found)

    def test_labels_of_lanes_across_the_border(self, monkeypatch: pytest.MonkeyPatch) -> None:
        labels = Dataset.labels

        def leaky(dataset: Dataset, rows: RowIndices, ends: RowIndices) -> Any:
            return labels(dataset, rows, np.full_like(ends, dataset.tracks[-1].end))

        monkeypatch.setattr(Dataset, "labels", leaky)
        assert failed(audited()) == ["train_labels", "validation_labels"]

    def test_labels_of_windows_across_the_border(self, monkeypatch: pytest.MonkeyPatch) -> None:
        honest = Windows.of

        def leaky(dataset: Dataset, part: Any, offsets: RowIndices) -> Windows:
            found = honest(dataset, part, offsets)
            return replace(found, origins=found.origins + 2, ends=found.ends + 2)

        monkeypatch.setattr(Windows, "of", leaky)
        assert failed(audited(**WINDOWED)) == ["train_labels", "validation_labels"]

    def test_rows_of_a_later_part_with_a_loss(self, monkeypatch: pytest.MonkeyPatch) -> None:
        honest = Lanes.lay

        def leaky(dataset: Dataset, part: Any, sizes: LaneSizes, warm_up: int) -> Lanes:
            found = honest(dataset, part, sizes, warm_up)
            return replace(found, stops=found.stops + 5, ends=found.ends + 5)

        monkeypatch.setattr(Lanes, "lay", leaky)
        assert failed(audited()) == ["train_labels", "validation_labels"]

    def test_features_that_look_one_row_ahead(self, monkeypatch: pytest.MonkeyPatch) -> None:
        transform = FeaturePipeline.transform

        def leaky(self: FeaturePipeline, tail: Values, times: Times, rows: Values) -> Any:
            features, filled = transform(self, tail, times, rows)
            return np.roll(features, -1, axis=0), filled

        monkeypatch.setattr(FeaturePipeline, "transform", leaky)
        assert failed(audited()) == ["future_probe_features"]

    def test_a_forecaster_that_knows_the_next_row(self) -> None:
        data = make_wave()
        prepared = models.features.prepare.prepare(
            resolve(small(), SeriesProfile.from_data(data)), data
        )
        (honest,) = audit_forecasts(cast(Forecaster, Reader(0)), prepared.series)
        (leaky,) = audit_forecasts(cast(Forecaster, Reader(1)), prepared.series)
        assert honest.passed
        assert "0 of the 64 forecasts before changed" in honest.sentence
        assert not leaky.passed
        assert "1 of the 64 forecasts before changed" in leaky.sentence

    def test_a_leak_fails_the_training_before_it_begins(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scale_with_all_rows(monkeypatch)
        phases: list[str] = []
        with pytest.raises(TrainingError, match=r"leakage audit failed.*the scalers changed"):
            train(small(), make_wave(), progress=lambda progress: phases.append(progress.phase))
        assert set(phases) == {"preparing"}


class Reader:
    """Predicts the value a number of rows after the origin."""

    least_rows = 1

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead

    def for_series(self, name: str) -> "Reader":
        return self

    def outputs(self, times: Times, values: Values, at: RowIndices) -> Outputs:
        predicted = values[at + self._ahead, np.newaxis]
        return Outputs(times, values, at, predicted, predicted[:0], predicted[:0])


class TestReport:
    CHECKS: ClassVar[list[Check]] = [Check("one", True, "Fine."), Check("two", False, "Bad.")]

    def test_it_is_plain_values(self) -> None:
        expected = {"code": "one", "passed": True, "sentence": "Fine."}
        assert audit_report(self.CHECKS[:1]) == {"passed": True, "checks": [expected]}

    def test_the_sentence_of_a_failed_check_is_the_error(self) -> None:
        with pytest.raises(TrainingError, match=r"tested on\. Bad\."):
            audit_report(self.CHECKS)


class TestGap:
    """Whatever the sizes, the label of a row never lies in a later part of the split."""

    @settings(max_examples=25)
    @given(
        sizes=st.fixed_dictionaries(
            {"chunk": st.integers(4, 60), "lanes": st.integers(1, 9), "burn_in": st.just(3)}
        )
        | st.just(WINDOWED),
        leads=st.lists(st.integers(1, 30), min_size=1, max_size=4, unique=True),
        held_out=st.tuples(st.floats(0.12, 0.3), st.floats(0.12, 0.3)),
        cadence=st.sampled_from(["1h", "2h"]),
    )
    def test_labels_stay_in_their_part(
        self,
        sizes: dict[str, Any],
        leads: list[int],
        held_out: tuple[float, float],
        cadence: str,
    ) -> None:
        split = {"validation": held_out[0], "test": held_out[1]}
        fields = {**sizes, "horizon": None, "leads": sorted(leads), "cadence": cadence}
        try:
            checks = audited(**fields, split=split)
        except SpecError:
            assume(False)
        assert failed(checks) == []
