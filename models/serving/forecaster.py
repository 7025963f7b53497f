"""Serve a trained forecaster with NumPy and ONNX Runtime; the state is stored by the caller.

A new observation costs one step of the network. The same code forecasts from every row of a
series in one pass, so that evaluation measures exactly what is served.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import onnxruntime

from models.arrays import RowIndices, Times, Values
from models.calendars.calendar import Calendar
from models.calendars.exchange_hours import Hours
from models.errors import DataError
from models.features.classes import ClassCoding
from models.features.series_fit import SeriesFit
from models.features.windows import window_offsets
from models.grid.resampling import GridRule
from models.series import SeriesData
from models.serving.adaptation import intervals_of, is_known, known_fit
from models.serving.artefact import read_bundle
from models.serving.batching import Computation
from models.serving.forecast import Forecast, Outputs, ScaledOutputs
from models.serving.inference import Inference
from models.serving.interval_tracker import IntervalTracker
from models.serving.intervals import Intervals
from models.serving.postprocessing import Postprocessor
from models.serving.preprocessing import Preprocessor
from models.serving.series_outputs import SeriesPass
from models.serving.session import open_session
from models.serving.states import State

__all__ = ["Forecaster", "State"]

# Series for which a forecaster keeps a prepared copy; all copies share one network.
FITS_CACHED = 256


class Forecaster:
    """A trained network with everything that turns observations into forecasts.

    As loaded, it reads its first training series; `for_series` and `fitted` give the same
    network with another series' grid and scales.

    `advance` and `forecast` return computations: run them with `run_one`, or several at once
    with `run_batched` (both in `models.serving.batching`).

    Example:
        `forecaster` is a small forecaster of an hourly series `"load"`, two steps ahead. Its
        network predicts that every step adds 1 to the last value.

        >>> import numpy as np
        >>> from models.serving.batching import run_batched, run_one
        >>> forecaster.targets, forecaster.leads.tolist(), forecaster.least_rows
        (('load',), [1, 2], 1)
        >>> times = np.datetime64("2024-01-01", "us") + np.arange(3) * np.timedelta64(1, "h")
        >>> values = np.array([[10.0], [11.0], [15.0]])
        >>> state = run_one(forecaster.advance(forecaster.initial_state(), times, values))
        >>> forecast = run_one(forecaster.forecast(state))
        >>> str(forecast.origin), forecast.values[:, 0].tolist()
        ('2024-01-01T02:00:00.000000', [16.0, 17.0])

        Two series in one run of the network:

        >>> one, other = (np.array([[value]]) for value in (20.0, 30.0))
        >>> following = times[-1:] + np.timedelta64(1, "h")
        >>> states = run_batched(
        ...     [forecaster.advance(state, following, values) for values in (one, other)]
        ... )
        >>> forecasts = run_batched([forecaster.forecast(state) for state in states])
        >>> [made.values[0, 0].item() for made in forecasts]
        [21.0, 31.0]

        Forecasts from every row in one pass:

        >>> forecaster.outputs(times, values).values[:, :, 0].tolist()
        [[11.0, 12.0], [12.0, 13.0], [16.0, 17.0]]
    """

    def __init__(
        self,
        manifest: dict[str, Any],
        session: onnxruntime.InferenceSession,
        fit: SeriesFit | None = None,
    ) -> None:
        self.manifest = manifest
        self._session = session
        self._fit = fit
        self._fitted: dict[str, tuple[dict[str, Any], Self]] = {}
        self._preprocessor = Preprocessor(manifest, fit)
        targets = manifest["targets"]
        self._targets = tuple(targets["names"])
        self._units = tuple(targets["units"])
        self._postprocessor = Postprocessor(
            self._preprocessor.scaling,
            tuple(targets["quantiles"]),
            ClassCoding.from_json(targets["classes"]) if targets["classes"] else None,
            intervals_of(manifest, fit.name if fit else manifest["series"]["name"]),
        )
        self._inference = self._make_inference()

    def _make_inference(self) -> Inference:
        window, tracker, preprocessor = self.manifest["window"], None, self._preprocessor
        if self._postprocessor.intervals is not None:
            # With known-future inputs a row is forecast from, and scored, once those are observed.
            channels = None if preprocessor.future is None else preprocessor.pipeline.columns
            tracker = IntervalTracker(
                self._postprocessor.intervals, preprocessor.scaling, channels=channels
            )
        return Inference(
            session=self._session,
            preprocessor=preprocessor,
            outputs=self._postprocessor.width * preprocessor.scaling.scale.size,
            least_rows=self.least_rows,
            states=tuple(units for _, units in self.manifest["states"]),
            offsets=window_offsets(window["lookback"], window["step"]) if window else None,
            tracker=tracker,
        )

    @classmethod
    def from_bundle(cls, content: bytes) -> Self:
        """Load the bundle that `train` returned as `Trained.bundle`.

        Raises:
            ArtefactError: If the bundle is damaged or of an unknown format.
        """
        bundle = read_bundle(content)
        return cls(bundle.manifest, open_session(bundle.onnx))

    def for_series(self, name: str) -> Self:
        """The forecaster with the grid and scales of one of its training series.

        Raises:
            DataError: If it has no training series of this name.
        """
        fit = known_fit(self.manifest, name)
        if fit is not None:
            return self.fitted(fit)
        if not is_known(self.manifest, name):
            raise DataError(f"The forecaster did not learn from a series named {name!r}.")
        return self

    def fitted(self, fit: SeriesFit) -> Self:
        """The forecaster with this grid and these scales; it shares the network."""
        return type(self)(self.manifest, self._session, fit)

    def fitted_as(self, stored: dict[str, Any]) -> Self:
        """The forecaster with a grid and scales as `SeriesFit.to_json` stored them.

        The result is cached: preparing it costs as much as a few steps of the network.
        """
        name = stored["name"]
        cached = self._fitted.get(name)
        if cached is not None and cached[0] == stored:
            return cached[1]
        fitted = self.fitted(SeriesFit.from_json(stored))
        if len(self._fitted) >= FITS_CACHED:
            self._fitted.clear()
        self._fitted[name] = stored, fitted
        return fitted

    def in_hours(self, hours: Hours) -> Self:
        """The forecaster with newer sessions of its series' exchange.

        It was trained with the sessions known at that time; holidays announced since then move
        the target times of its forecasts.
        """
        renewed = copy(self)
        renewed._fitted = {}  # noqa: SLF001 - a copy of this object
        renewed._preprocessor = self._preprocessor.in_hours(hours)  # noqa: SLF001
        renewed._inference = renewed._make_inference()  # noqa: SLF001
        return renewed

    @property
    def fit(self) -> SeriesFit | None:
        """Grid and scales of the series it reads; None for its first training series."""
        return self._fit

    @property
    def leads(self) -> npt.NDArray[np.int64]:
        """Steps ahead, `(leads,)`, increasing."""
        return self._preprocessor.scaling.leads

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets' names."""
        return self._targets

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Predicted quantiles of each lead and target: `(0.5,)` for a point forecast."""
        return self._postprocessor.quantiles

    @property
    def classes(self) -> ClassCoding | None:
        """The coding of classes; None if values are predicted."""
        return self._postprocessor.classes

    @property
    def known_future(self) -> tuple[str, ...]:
        """The channels whose values at the target times a forecast needs."""
        channels: list[str] = self.manifest["channels"]
        return tuple(channels[column] for column in self._preprocessor.pipeline.known_columns)

    @property
    def rule(self) -> GridRule:
        """How observations become rows."""
        return self._preprocessor.rule

    @property
    def calendar(self) -> Calendar:
        """The times at which rows are expected."""
        return self._preprocessor.calendar

    @property
    def intervals(self) -> Intervals | None:
        """The fitted intervals, not yet adapted; None if there are none."""
        return self._postprocessor.intervals

    @property
    def windowed(self) -> bool:
        """Whether every forecast reads a whole window instead of a recurrent state."""
        return self._inference.offsets is not None

    @property
    def least_rows(self) -> int:
        """Grid rows that must have been read before the first forecast."""
        return int(self.manifest["least_rows"])

    def initial_state(self) -> State:
        """The state before the first observation."""
        return self._inference.initial_state()

    def advance(self, state: State, times: Times, values: Values) -> Computation[State]:
        """Read observations that follow a state.

        Args:
            state: The stored state of the series up to `state.time`.
            times: `(rows,)`, UTC, increasing: every observation after `state.time`, including
                those passed in an earlier call whose bin was not complete at that time.
            values: `(rows, channels)` in the order of `manifest["channels"]`; NaN is missing.

        Returns:
            The state after the last complete grid row; `state` itself if there is none.

        Raises:
            DataError: If the observations do not fit the grid.
        """
        grid = self._preprocessor.grid(times, values, state.time)
        if len(grid.times) == 0:
            return state
        return (yield from self._inference.advance(state, grid))

    def steps_ahead(self, state: State) -> Times:
        """Times of the steps from the next one to the farthest lead, `(steps,)`; UTC.

        Raises:
            DataError: If fewer than `least_rows` rows have been read.
        """
        return self.calendar.future(self._origin(state), int(self.leads[-1]))

    def observed_future(self, state: State, times: Times, values: Values) -> Values:
        """Observed values of the known-future channels at a state's target times.

        Args:
            state: The state to forecast from.
            times: `(rows,)`, UTC, increasing: observations after `state.time`.
            values: `(rows, channels)` in the order of `manifest["channels"]`; NaN is missing.

        Returns:
            `(leads, known-future channels)` in original units; NaN where nothing was observed.
        """
        wanted = self.steps_ahead(state)[self.leads - 1]
        grid = self._preprocessor.grid(times, values, state.time)
        columns = list(self._preprocessor.pipeline.known_columns)
        return self._preprocessor.observed(grid, wanted, columns)

    def observed_targets(self, times: Times, values: Values, wanted: Times) -> Values:
        """Observed values of the targets at rows of the grid.

        Args:
            times: `(observations,)`, UTC, increasing: every observation from two steps before
                the first of `wanted` up to the last of `wanted`.
            values: `(observations, channels)` in the order of `manifest["channels"]`; NaN is
                missing.
            wanted: `(rows,)`, UTC, increasing: labels of rows that are complete.

        Returns:
            `(rows, targets)` in original units; NaN where nothing was observed.
        """
        if not len(times) or times[-1] < wanted[-1]:
            # The observation that completes the last row lies after `times`: a row without
            # values in its place completes it as well.
            times = np.append(times, wanted[-1])
            values = np.vstack([values, np.full(values.shape[1], np.nan)])
        grid = self._preprocessor.grid(times, values)
        return self._preprocessor.observed(grid, wanted, self._preprocessor.columns)

    def forecast(self, state: State, known: Values | None = None) -> Computation[Forecast]:
        """Forecast from the last row that was read.

        Args:
            state: The stored state of the series.
            known: `(leads, known-future channels)` in original units, the values of the
                channels `known_future` at the target times; None without such channels.

        Raises:
            DataError: If too few rows, or no value of a target, have been read, or if a known
                value is missing.
        """
        origin = self._origin(state)
        naive = state.tail[-1, self._preprocessor.columns]
        predicted = (yield from self._inference.predict_last(state, known))[np.newaxis]
        (values,) = self._postprocessor.values(predicted, naive[np.newaxis])
        probabilities = self._postprocessor.probabilities(predicted)
        if probabilities is None:
            self._postprocessor.require_finite(values, naive, self._targets)
        lower = upper = None
        if self.intervals is not None:
            adapted = state.adaptation
            log_factors = None if adapted is None else adapted.log_factors[np.newaxis]
            bounds = self._postprocessor.bounds(predicted, naive[np.newaxis], log_factors)
            lower, upper = (each[:, 0] for each in bounds)
        return Forecast(
            origin=origin,
            times=self.steps_ahead(state)[self.leads - 1],
            leads=self.leads,
            targets=self._targets,
            units=self._units,
            values=values,
            lower=lower,
            upper=upper,
            naive=naive,
            cadence=self.rule.step.text,
            classes=self.classes.names if self.classes else (),
            probabilities=None if probabilities is None else probabilities[0],
        )

    def _origin(self, state: State) -> np.datetime64:
        """The grid time of the last row, once it can be forecast from."""
        if state.time is None or state.rows < self.least_rows:
            raise DataError(
                f"A forecast needs at least {self.least_rows} rows of history at the cadence "
                f"{self.manifest['cadence']}. Received: {state.rows}"
            )
        return state.time

    def outputs(
        self,
        times: Times,
        values: Values,
        at: RowIndices | None = None,
        levels: Sequence[float] = (),
    ) -> Outputs:
        """Forecast from many rows of a series in one pass, as if each were the latest.

        Args:
            times: `(rows,)`, UTC, increasing.
            values: `(rows, channels)` in the order of `manifest["channels"]`; NaN is missing.
            at: `(origins,)`, the grid rows to forecast from, increasing; None for all.
            levels: Percent, the levels of the wanted bounds; not used without intervals.
        """
        whole = self._pass_over(times, values)
        origins = np.arange(len(whole.rows.times)) if at is None else at
        return whole.outputs(origins, levels)

    def scaled_outputs(self, times: Times, values: Values, at: RowIndices) -> ScaledOutputs:
        """The network's outputs at some rows, with the labels they are compared with.

        Args:
            times: `(rows,)`, UTC, increasing.
            values: `(rows, channels)` in the order of `manifest["channels"]`; NaN is missing.
            at: `(origins,)`, the grid rows, increasing; all leads of each lie inside the series.
        """
        return self._pass_over(times, values).scaled_outputs(at)

    def labels(self, times: Times, values: Values, at: RowIndices) -> Values:
        """The labels at some rows; the arguments are those of `scaled_outputs`.

        Returns:
            `(origins, leads, targets)`, scaled values or class codes; NaN is missing.
        """
        return self._pass_over(times, values).labels(at)

    def _pass_over(self, times: Times, values: Values) -> SeriesPass:
        rows = self._preprocessor.preprocess_series(times, values)
        return SeriesPass(rows, self._inference, self._postprocessor)

    def values_of(self, data: SeriesData) -> Values:
        """A copy of a series' values, `(rows, channels)`, in the order of `manifest["channels"]`.

        Raises:
            DataError: If the series lacks a channel.
        """
        wanted: list[str] = self.manifest["channels"]
        if missing := [name for name in wanted if name not in data.channel_names]:
            raise DataError(f"The series {data.name!r} lacks channels of the forecaster: {missing}")
        return data.values[:, [data.channel_names.index(name) for name in wanted]]
