"""Features by hand; streamed as in one pass; the past blind to the future."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Times, Values
from models.calendars.cycles import Cycle
from models.features.features import FeaturePipeline, clean_rows
from models.features.fitting import FeaturePlan, fit_features
from models.series import Channel

pytestmark = pytest.mark.unit

NAN = np.nan


def hours(count: int) -> Times:
    return np.datetime64("2024-01-01", "us") + np.arange(count) * np.timedelta64(1, "h")


def fit(
    rows: Values,
    channels: tuple[Channel, ...] = (Channel("a"),),
    *,
    targets: frozenset[str] = frozenset(),
    log_returns: bool = False,
    spans: tuple[int, ...] = (),
    cycles: tuple[Cycle, ...] = (),
) -> FeaturePipeline:
    plan = FeaturePlan(
        channels=channels,
        inputs=frozenset(channel.name for channel in channels),
        targets=targets,
        log_returns=log_returns,
        spans=spans,
        cycles=cycles,
        timezone="UTC",
        scaled=True,
    )
    return fit_features(plan, rows)[0]


def features(pipeline: FeaturePipeline, rows: Values) -> list[list[float]]:
    result, _ = pipeline.transform(pipeline.empty_tail(), hours(len(rows)), rows)
    return np.round(result.astype(float), 4).tolist()


class TestLevels:
    def test_a_channel_is_scaled_by_the_training_rows(self) -> None:
        pipeline = fit(np.array([[1.0], [3.0]]))
        assert features(pipeline, np.array([[1.0], [3.0], [5.0]])) == [[-1.0], [1.0], [3.0]]

    def test_a_gap_is_filled_with_the_last_value_and_marked(self) -> None:
        pipeline = fit(np.array([[1.0], [NAN], [1.0], [3.0], [3.0]]))
        rows = np.array([[NAN], [3.0], [NAN]])
        found = features(pipeline, rows)
        assert [row[1] for row in found] == [1.0, 0.0, 1.0]
        assert found[0][0] == 0.0
        assert found[2][0] == found[1][0]

    def test_a_channel_without_gaps_in_training_has_no_mask(self) -> None:
        assert fit(np.array([[1.0], [3.0]])).width == 1

    def test_infinite_values_are_missing(self) -> None:
        cleaned = clean_rows(np.array([[np.inf, 0.0], [-np.inf, 2.0]]), positive=[1])
        np.testing.assert_array_equal(cleaned, [[NAN, NAN], [NAN, 2.0]])


class TestDroppedChannels:
    def test_constant_and_empty_channels_are_left_out_with_the_reason(self) -> None:
        channels = (Channel("flat"), Channel("empty"), Channel("good"))
        plan = FeaturePlan(
            channels=channels,
            inputs=frozenset({"flat", "empty", "good"}),
            targets=frozenset(),
            log_returns=False,
            spans=(),
            cycles=(),
            timezone="UTC",
            scaled=True,
        )
        pipeline, dropped = fit_features(plan, np.array([[5.0, NAN, 1.0], [5.0, NAN, 3.0]]))
        assert [(channel.name, channel.reason) for channel in dropped] == [
            ("flat", "it is constant in the training rows"),
            ("empty", "it has no values in the training rows"),
        ]
        assert features(pipeline, np.array([[9.0, 9.0, 3.0]])) == [[1.0]]


class TestAngles:
    def test_a_direction_becomes_its_sine_and_cosine(self) -> None:
        pipeline = fit(np.array([[10.0], [90.0]]), (Channel("wd", angular=True),))
        assert features(pipeline, np.array([[90.0], [180.0]])) == [[1.0, 0.0], [0.0, -1.0]]


class TestDifferences:
    def test_a_difference_reaches_back_its_span(self) -> None:
        rows = np.array([[0.0], [1.0], [4.0], [9.0], [16.0]])
        pipeline = fit(rows, spans=(2,))
        # Changes over 2 steps are 4, 8, 12: mean 8; the first two rows have none.
        changes = [row[1] for row in features(pipeline, rows)]
        assert changes == [0.0, 0.0, -1.2247, 0.0, 1.2247]


class TestLogReturns:
    BARS = (Channel("open"), Channel("close"), Channel("volume"))

    def test_prices_are_compared_with_the_close_before(self) -> None:
        rows = np.array([[10.0, 10.0, 5.0], [11.0, 12.0, 6.0], [12.0, 9.0, 7.0]])
        pipeline = fit(rows, self.BARS, targets=frozenset({"close"}), log_returns=True)
        unscaled = pipeline.unscaled(np.concatenate([pipeline.empty_tail(), rows]))
        np.testing.assert_allclose(unscaled[1], [6.0, np.log(11 / 10), np.log(12 / 10)])
        np.testing.assert_allclose(unscaled[2], [7.0, np.log(12 / 12), np.log(9 / 12)])


ROWS = np.random.default_rng(0).normal(size=(40, 3)) + 5
ROWS[[0, 3, 4, 17], 0] = NAN
CHANNELS = (Channel("a"), Channel("b"), Channel("wd", angular=True))


def rich_pipeline(rows: Values) -> FeaturePipeline:
    fitted = fit(rows, CHANNELS, spans=(1, 5), cycles=("day", "week", "year"))
    return FeaturePipeline.from_json(json.loads(json.dumps(fitted.to_json())))


class TestStreaming:
    @given(st.lists(st.integers(1, 39), max_size=6, unique=True))
    def test_pieces_give_the_same_features_as_one_pass(self, cuts: list[int]) -> None:
        pipeline, times = rich_pipeline(ROWS), hours(len(ROWS))
        whole, _ = pipeline.transform(pipeline.empty_tail(), times, ROWS)
        tail, parts = pipeline.empty_tail(), []
        for first, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(ROWS)], strict=True):
            part, filled = pipeline.transform(tail, times[first:stop], ROWS[first:stop])
            tail = filled[-pipeline.memory_rows :]
            parts.append(part)
        np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)

    def test_pieces_of_a_long_series_have_the_same_features_and_scales(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = ROWS.copy()
        # A gap over more than one piece.
        rows[5:19, 0] = NAN
        pipeline, tail = rich_pipeline(rows), rich_pipeline(rows).empty_tail()
        features, filled = pipeline.transform(tail, hours(40), rows)
        monkeypatch.setattr("models.features.features.ROWS_PER_PIECE", 7)
        seen = 0
        for piece, found, part in pipeline.pieces(tail, hours(40), rows):
            np.testing.assert_array_equal(found, features[piece])
            np.testing.assert_array_equal(part, filled[piece.start : piece.stop + len(tail)])
            seen += len(found)
        assert seen == len(rows)
        assert rich_pipeline(rows).to_json() == pipeline.to_json()

    def test_the_width_is_known_before_any_row(self) -> None:
        pipeline = rich_pipeline(ROWS)
        whole, _ = pipeline.transform(pipeline.empty_tail(), hours(40), ROWS)
        assert whole.shape == (40, pipeline.width)
        assert np.isfinite(whole).all()


class TestCausality:
    def test_a_shuffled_future_changes_nothing_before_it(self) -> None:
        shuffled = ROWS.copy()
        shuffled[20:] = np.random.default_rng(1).permutation(shuffled[20:])
        pipelines = [rich_pipeline(rows[:20]) for rows in (ROWS, shuffled)]
        assert pipelines[0].to_json() == pipelines[1].to_json()
        past = [
            pipeline.transform(pipeline.empty_tail(), hours(40), rows)[0][:20]
            for pipeline, rows in zip(pipelines, (ROWS, shuffled), strict=True)
        ]
        np.testing.assert_array_equal(past[0], past[1])
