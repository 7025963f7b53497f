"""Values of known-future channels: from the request, else from observations after the origin."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

import app.live.states as live
from app.errors import Invalid, KnownFutureMissing
from app.forecasts.schemas import KnownFuture
from app.series.observations import MOST_PROBLEMS, JsonRows, read_json_rows
from app.series.tables import Series
from app.times import to_wire
from models.arrays import Times, Values
from models.errors import Problem
from models.serving.forecaster import Forecaster, State

POINTER = "/known_future"


@dataclass(frozen=True, slots=True)
class KnownValues:
    """Values of known-future channels at the target times of a forecast.

    Args:
        channels: The model's known-future channels.
        times: `(leads,)`, UTC.
        values: `(leads, channels)`, finite.
    """

    channels: tuple[str, ...]
    times: Times
    values: Values

    @property
    def digest(self) -> str:
        """A hash that identifies these values; empty without channels."""
        if not self.channels:
            return ""
        # Adding zero turns -0.0 into 0.0.
        return hashlib.sha256((self.values + 0.0).astype("<f8").tobytes()).hexdigest()

    def to_wire(self) -> dict[str, object] | None:
        """The values in the form of a request; None without channels."""
        if not self.channels:
            return None
        rows = zip(self.times, self.values.tolist(), strict=True)
        return {
            "columns": ["time", *self.channels],
            "rows": [[to_wire(time), *values] for time, values in rows],
        }


def known_values(
    session: Session,
    forecaster: Forecaster,
    series: Series,
    state: State,
    given: KnownFuture | None,
) -> KnownValues:
    """Collect the known-future values that a forecast from a state needs.

    Raises:
        KnownFutureMissing: If a value is neither in the request nor in the series.
        Invalid: If the request brings what is not wanted.
        DataError: If the state has read too few rows to forecast from.
    """
    channels = forecaster.known_future
    if not channels:
        if given is not None:
            raise _invalid([Problem(POINTER, _unwanted())])
        return KnownValues((), np.empty(0, "datetime64[us]"), np.empty((0, 0)))
    steps = forecaster.steps_ahead(state)
    values = np.full((len(steps), len(channels)), np.nan)
    if given is not None:
        _fill(values, given, channels, steps)
    wanted = forecaster.leads - 1
    found = values[wanted]
    if np.isnan(found).any():
        observed = forecaster.observed_future(
            state, *live.observed_after(session, forecaster, series, state)
        )
        found = np.where(np.isnan(found), observed, found)
    known = KnownValues(channels, steps[wanted], found)
    _require_all(known)
    return known


def _fill(values: Values, given: KnownFuture, channels: tuple[str, ...], steps: Times) -> None:
    """Write a request's values into the array, `(steps, channels)`."""
    table = read_json_rows(given.columns, given.rows, at=POINTER)
    problems = [*_column_problems(given.columns, channels), *_time_problems(given, table, steps)]
    if problems:
        raise _invalid(problems)
    rows = np.searchsorted(steps, table.times.view("datetime64[us]"))
    for name, column in zip(table.names, table.values.T, strict=True):
        values[rows, channels.index(name)] = column


def _column_problems(columns: list[str], channels: tuple[str, ...]) -> Iterator[Problem]:
    for position, name in enumerate(columns):
        if name != "time" and name not in channels:
            yield Problem(
                f"{POINTER}/columns/{position}",
                "`known_future` must name known-future channels of the model: "
                f"{', '.join(channels)}. Received: {name[:100]!r}",
            )


def _time_problems(given: KnownFuture, table: JsonRows, steps: Times) -> Iterator[Problem]:
    """Times that are not steps of the forecast, or that occur twice."""
    column = given.columns.index("time")
    times = table.times.view("datetime64[us]")
    seen: set[np.datetime64] = set()
    for row, (time, is_step) in enumerate(zip(times, np.isin(times, steps), strict=True)):
        pointer = f"{POINTER}/rows/{row}/{column}"
        if not is_step:
            yield Problem(
                pointer,
                f"a time must be one of the {len(steps)} steps from {to_wire(steps[0])} to "
                f"{to_wire(steps[-1])}. Received: {to_wire(time)}",
            )
        elif time in seen:
            yield Problem(pointer, f"times must differ. Received twice: {to_wire(time)}")
        seen.add(time)


def _require_all(known: KnownValues) -> None:
    missing = np.isnan(known.values)
    if not missing.any():
        return
    leads, columns = np.nonzero(missing)
    names = [known.channels[column] for column in np.unique(columns)]
    times = [to_wire(known.times[lead]) for lead in np.unique(leads)]
    message = (
        f"`known_future` must have values of {', '.join(names)} at {', '.join(times)}. "
        "Received: not all of them, and the series holds none"
    )
    raise KnownFutureMissing(message, errors=[Problem(POINTER, message)])


def _unwanted() -> str:
    return "`known_future` must be left out: this version has no known-future channels."


def _invalid(problems: list[Problem]) -> Invalid:
    more = f" ({len(problems)} such fields)" if len(problems) > 1 else ""
    return Invalid(
        f"{problems[0].pointer}: {problems[0].message}{more}", errors=problems[:MOST_PROBLEMS]
    )
