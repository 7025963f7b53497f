"""Preparation: phases, borders, what is left out."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.checks.resolve import SeriesProfile, resolve
from models.errors import DataError
from models.evaluation.leakage_audit import audit_training
from models.features.prepare import Prepared, prepare
from models.series import Channel, SeriesData
from models.spec.spec import Spec


def prepared(data: SeriesData, **fields: Any) -> Prepared:
    spec = Spec.model_validate({"targets": ["value"], "horizon": 2, **fields})
    return prepare(resolve(spec, SeriesProfile.from_data(data)), data)


def ten_minutes(wave: SeriesData) -> SeriesData:
    times = wave.times[0] + np.arange(len(wave.times)) * np.timedelta64(10, "m")
    return replace(wave, times=times, cadence="10min")


@pytest.mark.unit
class TestPhases:
    def test_hours_of_ten_minutes_have_six_tracks_over_the_same_span(
        self, wave: SeriesData
    ) -> None:
        found = prepared(ten_minutes(wave), cadence="1h")
        assert len(found.dataset.tracks) == 6
        lengths = [track.end - track.train for track in found.dataset.tracks]
        assert sum(lengths) == len(found.dataset.features)
        assert set(lengths) == {100}

    def test_the_first_track_is_the_one_that_is_served(self, wave: SeriesData) -> None:
        found = prepared(ten_minutes(wave), cadence="1h")
        data = ten_minutes(wave)
        hourly = data.values[np.isin(data.times, found.series[0].times), 0]
        np.testing.assert_array_equal(found.dataset.actual[: len(hourly), 0], hourly)

    def test_no_label_of_training_comes_from_validation(self, wave: SeriesData) -> None:
        found = prepared(ten_minutes(wave), cadence="1h").dataset
        for track in found.tracks:
            last = np.array([track.validation - 1])
            _, weights = found.labels(last, np.array([track.span("train")[1]]))
            assert not weights.any()


@pytest.mark.unit
class TestSplit:
    def test_times_begin_the_parts(self, wave: SeriesData) -> None:
        split = {"validation": "2024-01-15T00:00:00Z", "test": "2024-01-20T00:00:00Z"}
        (track,) = prepared(wave, split=split).dataset.tracks
        assert (track.validation, track.test, track.end) == (14 * 24, 19 * 24, 600)

    def test_scales_come_from_training_rows_only(self, wave: SeriesData) -> None:
        changed = wave.values.copy()
        changed[500:] *= 100
        first, second = prepared(wave), prepared(replace(wave, values=changed))
        assert first.pipeline.to_json() == second.pipeline.to_json()
        assert first.dataset.scaling.to_json() == second.dataset.scaling.to_json()
        assert first.sha256 != second.sha256


@pytest.mark.unit
class TestChannels:
    def test_only_inputs_and_targets_are_read(self, wave: SeriesData) -> None:
        found = prepared(wave, features=["value"])
        assert [channel.name for channel in found.channels] == ["value"]

    def test_a_target_may_be_no_input(self, wave: SeriesData) -> None:
        found = prepared(wave, features=["lead"], calendar_features=[])
        assert [channel.name for channel in found.channels] == ["value", "lead"]
        assert found.pipeline.width == 1

    def test_nothing_left_to_forecast_from_is_refused(self, wave: SeriesData) -> None:
        late = np.where(np.arange(600) < 500, 1.0, 2.0)
        data = replace(
            wave,
            channels=(Channel("value"), Channel("late")),
            values=np.stack([wave.values[:, 0], late], axis=1),
        )
        with pytest.raises(DataError, match=r"No channel is left .*late \(it is constant"):
            prepared(data, features=["late"], calendar_features=[])


class TestMemory:
    """What is allocated at most, over the bytes of the series; features of float32 are a half."""

    CHANNELS = 16

    def walks(self) -> SeriesData:
        values = np.random.default_rng(0).normal(size=(200_000, self.CHANNELS)).cumsum(axis=0)
        return SeriesData(
            name="walks",
            kind="climate",
            channels=tuple(Channel(f"c{number}") for number in range(self.CHANNELS)),
            times=np.datetime64("2000-01-01", "us")
            + np.arange(len(values)) * np.timedelta64(10, "m"),
            values=values,
            cadence="10min",
            calendar="continuous",
            timezone="UTC",
        )

    @pytest.mark.unit
    def test_the_series_is_not_copied(self) -> None:
        data = self.walks()
        spec = resolve(
            Spec.model_validate({"targets": ["c0"], "leads": [1, 24]}),
            SeriesProfile.from_data(data),
        )
        assert peak_bytes(lambda: prepare(spec, data)) < 1.8 * data.values.nbytes

    @pytest.mark.unit
    def test_changes_of_all_leads_of_all_targets_are_not_there_at_once(self) -> None:
        data = self.walks()
        spec = resolve(Spec.model_validate({"horizon": 24}), SeriesProfile.from_data(data))
        assert peak_bytes(lambda: prepare(spec, data)) < 2.8 * data.values.nbytes

    def test_the_future_probe_copies_the_series_and_not_its_features(self) -> None:
        from models.training.loaders import make_loader

        data = self.walks()
        spec = resolve(
            Spec.model_validate({"targets": ["c0"], "leads": [1, 24]}),
            SeriesProfile.from_data(data),
        )
        found = prepare(spec, data)
        loader = make_loader(spec, found)
        peak = peak_bytes(lambda: audit_training(spec, data, found, loader))
        assert peak < 2 * data.values.nbytes


def peak_bytes(what: Callable[[], object]) -> int:
    """The most that is allocated at a time while something runs, beside what was there before."""
    tracemalloc.start()
    try:
        what()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
