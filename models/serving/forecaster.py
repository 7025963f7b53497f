"""The runtime: a trained forecaster served by NumPy and ONNX Runtime, its state kept outside.

A new observation costs one step. The same code reads a whole series in one pass, so that what
is evaluated at the end of training is what is served.
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
from models.serving.batching import Computation, run_one
from models.serving.forecast import Forecast, Outputs, ScaledOutputs
from models.serving.inference import Inference
from models.serving.intervals import Intervals, Tracker, at_level
from models.serving.postprocessing import Postprocessor
from models.serving.preprocessing import Preprocessor, Reading
from models.serving.session import open_session
from models.serving.states import State

__all__ = ["Forecaster", "State"]

# Series that a forecaster stays laid out for; what is laid out shares its network.
FITS_KEPT = 256


class Forecaster:
    """A trained network with all that turns observations into forecasts.

    As it is loaded it reads the first series it learnt from; `for_series` and `fitted` give
    the same network on the grid and the scales of another.
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
        self._reader = Preprocessor(manifest, fit)
        targets = manifest["targets"]
        self._targets = tuple(targets["names"])
        self._units = tuple(targets["units"])
        self._decoder = Postprocessor(
            self._reader.scaling,
            tuple(targets["quantiles"]),
            ClassCoding.from_json(targets["classes"]) if targets["classes"] else None,
            intervals_of(manifest, fit.name if fit else manifest["series"]["name"]),
        )
        self._runs = self._network_runs()

    def _network_runs(self) -> Inference:
        window, tracker, reader = self.manifest["window"], None, self._reader
        if self._decoder.intervals is not None:
            # What a row would have said of its future is settled when that has come.
            channels = None if reader.future is None else reader.pipeline.columns
            tracker = Tracker(self._decoder.intervals, reader.scaling, channels=channels)
        return Inference(
            session=self._session,
            reader=reader,
            outputs=self._decoder.width * reader.scaling.scale.size,
            least_rows=self.least_rows,
            states=tuple(units for _, units in self.manifest["states"]),
            offsets=window_offsets(window["lookback"], window["step"]) if window else None,
            tracker=tracker,
        )

    @classmethod
    def from_bundle(cls, bundle: bytes) -> Self:
        """Load what `train` returned as `Trained.bundle`.

        Raises:
            ArtefactError: If the bundle is damaged or of an unknown format.
        """
        artefact = read_bundle(bundle)
        return cls(artefact.manifest, open_session(artefact.onnx))

    def for_series(self, name: str) -> Self:
        """The forecaster as it reads one of the series that it learnt from.

        Raises:
            DataError: If it learnt from no series of this name.
        """
        fit = known_fit(self.manifest, name)
        if fit is not None:
            return self.fitted(fit)
        if not is_known(self.manifest, name):
            raise DataError(f"The forecaster did not learn from a series named {name!r}.")
        return self

    def fitted(self, fit: SeriesFit) -> Self:
        """The forecaster as it reads a series of this grid and these scales."""
        return type(self)(self.manifest, self._session, fit)

    def fitted_as(self, stored: dict[str, Any]) -> Self:
        """The forecaster as it reads a series, by `SeriesFit.to_json` of its grid and scales.

        It is kept: laying it out costs as much as a few steps of the network.
        """
        name = stored["name"]
        kept = self._fitted.get(name)
        if kept is not None and kept[0] == stored:
            return kept[1]
        own = self.fitted(SeriesFit.from_json(stored))
        if len(self._fitted) >= FITS_KEPT:
            self._fitted.clear()
        self._fitted[name] = stored, own
        return own

    def in_hours(self, hours: Hours) -> Self:
        """The forecaster with the sessions of its series' exchange as they are known by now.

        It was trained with those known then; holidays announced since move its forecasts.
        """
        renewed = copy(self)
        renewed._fitted = {}  # noqa: SLF001 - a copy of its own
        renewed._reader = self._reader.in_hours(hours)  # noqa: SLF001
        renewed._runs = renewed._network_runs()  # noqa: SLF001
        return renewed

    @property
    def fit(self) -> SeriesFit | None:
        """Grid and scales of the series that it reads; None for the first one it learnt from."""
        return self._fit

    @property
    def leads(self) -> npt.NDArray[np.int64]:
        """Steps ahead, `(leads,)`, increasing."""
        return self._reader.scaling.leads

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets."""
        return self._targets

    @property
    def quantiles(self) -> tuple[float, ...]:
        """What the network predicts of each lead and target: `(0.5,)` for a point."""
        return self._decoder.quantiles

    @property
    def classes(self) -> ClassCoding | None:
        """What the classes are; None if values are predicted."""
        return self._decoder.classes

    @property
    def known_future(self) -> tuple[str, ...]:
        """The channels whose values at the target times a forecast needs."""
        channels: list[str] = self.manifest["channels"]
        return tuple(channels[column] for column in self._reader.pipeline.known_columns)

    @property
    def rule(self) -> GridRule:
        """How observations become rows."""
        return self._reader.rule

    @property
    def calendar(self) -> Calendar:
        """When rows come."""
        return self._reader.calendar

    @property
    def intervals(self) -> Intervals | None:
        """How wide its intervals are before they adapt; None if it has none."""
        return self._decoder.intervals

    @property
    def windowed(self) -> bool:
        """Whether every forecast reads a whole window, instead of a kept state."""
        return self._runs.offsets is not None

    @property
    def least_rows(self) -> int:
        """Grid rows that must have been read before the first forecast."""
        return int(self.manifest["least_rows"])

    def initial_state(self) -> State:
        """The state before the first observation."""
        return self._runs.initial_state()

    def advance(self, state: State, times: Times, values: Values) -> State:
        """Read observations.

        Args:
            state: What was kept of the series up to `state.time`.
            times: `(rows,)`, UTC, increasing: every observation after `state.time`, also those
                that an earlier call saw and that lie in a bin which was not complete then.
            values: `(rows, channels)` in the order of `manifest["channels"]`; NaN is missing.

        Returns:
            The state after the last complete grid row; `state` itself if there is none.
        """
        return run_one(self.advancing(state, times, values))

    def advancing(self, state: State, times: Times, values: Values) -> Computation[State]:
        """Read observations side by side with others; the arguments are those of `advance`."""
        grid = self._reader.grid(times, values, state.time)
        if len(grid.times) == 0:
            return state
        return (yield from self._runs.over(state, grid))

    def steps_ahead(self, state: State) -> Times:
        """When the steps from the next one to the farthest lead are due, `(steps,)`; UTC.

        Raises:
            DataError: If too few rows were read yet.
        """
        return self.calendar.future(self._origin(state), int(self.leads[-1]))

    def observed_future(self, state: State, times: Times, values: Values) -> Values:
        """What was observed of the known-future channels at the target times of a state.

        Args:
            state: The state to forecast from.
            times: `(rows,)`, UTC, increasing: observations after `state.time`.
            values: `(rows, channels)` in the order of `manifest["channels"]`; NaN is missing.

        Returns:
            `(leads, known-future channels)` in original units; NaN where nothing was observed.
        """
        wanted = self.steps_ahead(state)[self.leads - 1]
        grid = self._reader.grid(times, values, state.time)
        return self._reader.observed(grid, wanted, list(self._reader.pipeline.known_columns))

    def observed_targets(self, times: Times, values: Values, wanted: Times) -> Values:
        """What came of the targets at some rows of the grid.

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
            # What makes the last row complete was observed later: this says that it is.
            times = np.append(times, wanted[-1])
            values = np.vstack([values, np.full(values.shape[1], np.nan)])
        grid = self._reader.grid(times, values)
        return self._reader.observed(grid, wanted, self._reader.columns)

    def forecast(self, state: State, known: Values | None = None) -> Forecast:
        """Say what comes after the last row that was read.

        Args:
            state: What was kept of the series.
            known: `(leads, known-future channels)` in original units, the values of the
                channels `known_future` at the target times; None if there are no such channels.

        Raises:
            DataError: If too few rows, or no value of a target, were read yet, or if a known
                value is missing.
        """
        return run_one(self.forecasting(state, known))

    def forecasting(self, state: State, known: Values | None = None) -> Computation[Forecast]:
        """Forecast side by side with others; arguments and errors are those of `forecast`."""
        origin = self._origin(state)
        naive = state.tail[-1, self._reader.columns]
        said = (yield from self._runs.last_output(state, known))[np.newaxis]
        (values,) = self._decoder.values(said, naive[np.newaxis])
        probabilities = self._decoder.probabilities(said)
        if probabilities is None:
            self._check_finite(values, naive)
        lower = upper = None
        if self.intervals is not None:
            adapted = state.adaptation
            log_factors = None if adapted is None else adapted.log_factors[np.newaxis]
            lower, upper = (
                each[:, 0] for each in self._decoder.bounds(said, naive[np.newaxis], log_factors)
            )
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
        """The grid time of the last row, from which a forecast can be made."""
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
            at: The grid rows to forecast from, increasing; None for all.
            levels: Percent, for which bounds are wanted, if there are intervals.
        """
        reading = self._reader.whole(times, values)
        origins = np.arange(len(reading.times)) if at is None else at
        bounded = tuple(levels) if self.intervals else ()
        shape = (len(origins), *self._reader.scaling.scale.shape)
        found = Outputs(
            reading.times,
            reading.actual,
            origins,
            np.full(shape, np.nan),
            np.full((len(bounded), *shape), np.nan),
            np.full((len(bounded), *shape), np.nan),
            np.full((*shape, len(self.classes.names)), np.nan) if self.classes else None,
        )
        for some, said, log_factors in self._runs.at(reading, origins, tracked=bool(bounded)):
            base = reading.base[origins[some]]
            found.values[some] = self._decoder.values(said, base)
            if found.probabilities is not None:
                found.probabilities[some] = self._decoder.probabilities(said)
            if bounded:
                bounds_of_piece = self._decoder.bounds(said, base, log_factors)
                for target, each in zip((found.lower, found.upper), bounds_of_piece, strict=True):
                    for index, level in enumerate(bounded):
                        target[index, some] = at_level(level, found.values[some], each)
        early = origins < self.least_rows - 1
        if reading.future is not None:
            early |= ~reading.future.complete(origins)
        for each in (found.said, found.values, *found.lower, *found.upper):
            each[early] = np.nan
        return found

    def scaled_outputs(self, times: Times, values: Values, at: RowIndices) -> ScaledOutputs:
        """The network's outputs at some rows, beside the labels they are for.

        Args:
            times: `(rows,)`, UTC, increasing.
            values: `(rows, channels)` in the order of `manifest["channels"]`; NaN is missing.
            at: The grid rows, increasing; all leads of each lie inside the series.
        """
        reading = self._reader.whole(times, values)
        said = np.full((len(at), *self._reader.scaling.scale.shape, self._decoder.width), np.nan)
        for some, here, _ in self._runs.at(reading, at):
            said[some] = self._decoder.shaped(here)
        return ScaledOutputs(reading.times, said, self._labels(reading, at))

    def labels(self, times: Times, values: Values, at: RowIndices) -> Values:
        """What the network should say at some rows; the arguments are those of `scaled_outputs`.

        Returns:
            `(origins, leads, targets)`, scaled, or codes of classes; NaN is missing.
        """
        return self._labels(self._reader.whole(times, values), at)

    def values_of(self, data: SeriesData) -> Values:
        """A copy of a series' values, `(rows, channels)`, in the order that is read here.

        Raises:
            DataError: If the series lacks a channel.
        """
        wanted: list[str] = self.manifest["channels"]
        if missing := [name for name in wanted if name not in data.channel_names]:
            raise DataError(f"The series {data.name!r} lacks channels of the forecaster: {missing}")
        return data.values[:, [data.channel_names.index(name) for name in wanted]]

    def _labels(self, reading: Reading, at: RowIndices) -> Values:
        actual = reading.actual[at[:, np.newaxis] + self.leads]
        return self._decoder.labels(actual, reading.base[at])

    def _check_finite(self, values: Values, naive: Values) -> None:
        broken = ~np.isfinite(values).all(axis=0)
        if not broken.any():
            return
        names = ", ".join(np.array(self._targets)[broken])
        if np.isnan(naive[broken]).any() and self._reader.scaling.transform != "none":
            raise DataError(
                f"A forecast needs at least one earlier value of every target. Missing: {names}"
            )
        raise DataError(f"The network's forecast is not a finite number. Target: {names}")
