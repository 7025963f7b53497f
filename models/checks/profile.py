"""What a spec is checked against: a series' profile, and its rows at a given cadence."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from models.arrays import Times, Values
from models.calendars.cadence import Cadence
from models.calendars.calendar import Continuous, learn_calendar
from models.calendars.exchange_hours import Hours
from models.errors import DataError, Problem, SpecError
from models.grid.panel import SeriesSignature
from models.grid.resampling import GridRule
from models.grid.splits import PARTS, Mask, Splits, split_bounds
from models.series import Channel, SeriesData, SeriesKind
from models.spec.base import MOST_ROWS
from models.spec.spec import Spec, SplitSpec

# Up to this many rows a grid takes little memory, however few of them are observed.
FREE_ROWS = 2_000_000
MOST_STEPS_PER_ROW = 50


@dataclass(frozen=True, slots=True)
class ChannelProfile:
    """Summary of one channel's values; infinite values count as missing.

    Args:
        name: The channel's name.
        angular: Whether it is a direction in degrees.
        missing_share: The share of rows without a value.
        constant: Whether all values are equal; also true without values.
        minimum: The smallest value, or None without values.
        maximum: The largest value, or None without values.
        codes: Whether all values are whole numbers of at least 0, like class codes.
        first: The time of the first value, or None.
        last: The time of the last value, or None.
        present: `(rows,)`, which rows have a value.
    """

    name: str
    angular: bool
    missing_share: float
    constant: bool
    minimum: float | None
    maximum: float | None
    codes: bool
    first: np.datetime64 | None
    last: np.datetime64 | None
    present: npt.NDArray[np.bool_] = field(compare=False, repr=False)

    @classmethod
    def of(cls, channel: Channel, times: Times, column: Values) -> Self:
        """Summarise one column of a series."""
        finite = np.isfinite(column)
        present = np.flatnonzero(finite)
        if len(present) == 0:
            nothing = None, None, False, None, None
            return cls(channel.name, channel.angular, 1.0, True, *nothing, finite)
        values = column[present]
        low, high = values.min(), values.max()
        return cls(
            name=channel.name,
            angular=channel.angular,
            missing_share=1 - len(present) / len(column),
            constant=bool(low == high),
            minimum=float(low),
            maximum=float(high),
            codes=bool(low >= 0 and (values == np.floor(values)).all()),
            first=times[present[0]],
            last=times[present[-1]],
            present=finite,
        )


@dataclass(frozen=True, slots=True, eq=False)
class SeriesProfile:
    """Everything about a series that a spec may depend on; made once from the whole series.

    Args:
        name: The series' name.
        signature: The properties that it shares with a panel's other series.
        kind: What the rows are.
        channels: One entry per channel, in order.
        times: `(rows,)` of `datetime64[us]`, UTC.
        cadence: The usual step between rows.
        calendar: `"continuous"`, `"sessions"` or an exchange's code.
        timezone: IANA name of the zone in which days and sessions are counted.
        hours: The exchange's sessions, if `calendar` is a code.
    """

    name: str
    signature: SeriesSignature
    kind: SeriesKind
    channels: tuple[ChannelProfile, ...]
    times: Times
    cadence: str
    calendar: str
    timezone: str
    hours: Hours | None = None
    _by_name: dict[str, ChannelProfile] = field(init=False, repr=False)
    # By step and split: the specs of a study are judged on the same rows.
    _layouts: "dict[tuple[str, SplitSpec], Layout]" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_name = {channel.name: channel for channel in self.channels}
        object.__setattr__(self, "_by_name", by_name)
        object.__setattr__(self, "_layouts", {})

    @classmethod
    def from_data(cls, data: SeriesData) -> Self:
        """Summarise every channel of a series."""
        channels = tuple(
            ChannelProfile.of(channel, data.times, data.values[:, column])
            for column, channel in enumerate(data.channels)
        )
        return cls(
            name=data.name,
            signature=SeriesSignature.of(data),
            kind=data.kind,
            channels=channels,
            times=data.times,
            cadence=data.cadence,
            calendar=data.calendar,
            timezone=data.timezone,
            hours=data.hours,
        )

    def pooled(self, panel: Sequence["SeriesProfile"]) -> "SeriesProfile":
        """The profile with channels summarised over a whole panel, for the spec's defaults.

        A channel that varies in one series may help there; one that reaches 0 in one series
        cannot be predicted by log returns.
        """
        channels = tuple(_pooled(channel, panel) for channel in self.channels)
        return replace(self, channels=channels)

    def layout(self, step: Cadence, split: SplitSpec) -> "Layout":
        """The rows of the series at a cadence; they are laid out once.

        Raises:
            DataError: As `Layout.of`.
        """
        key = step.text, split
        if key not in self._layouts:
            self._layouts[key] = Layout.of(self, step, split)
        return self._layouts[key]

    @property
    def has_value(self) -> npt.NDArray[np.bool_]:
        """Whether a channel has a value, `(rows,)`."""
        found = np.zeros(len(self.times), bool)
        for channel in self.channels:
            found |= channel.present
        return found

    @property
    def rows(self) -> int:
        """Number of observations."""
        return len(self.times)

    @property
    def names(self) -> list[str]:
        """The channels' names in order."""
        return [channel.name for channel in self.channels]

    @property
    def varying(self) -> list[ChannelProfile]:
        """The channels with at least two different values."""
        return [channel for channel in self.channels if not channel.constant]

    def channel(self, name: str) -> ChannelProfile | None:
        """The channel of this name, or None."""
        return self._by_name.get(name)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The rows that a spec's forecaster would read.

    Args:
        step: The step between rows.
        times: `(rows,)` of `datetime64[us]`, UTC.
        observed: `(rows,)`, the rows with an observation.
        phases: Number of ways to place a row's beginning: 6 for hours made of 10 minutes.
        season_steps: Rows in the next natural cycle; 1 if there is none.
        splits: The parts of the rows; None if the split cannot work.
        series: Number of series in the panel.
        rows_elsewhere: Training rows of the panel's other series, over all phases.
    """

    step: Cadence
    times: Times
    observed: Mask
    phases: int
    season_steps: int
    splits: Splits | None
    series: int = 1
    rows_elsewhere: int = 0

    @classmethod
    def of(cls, profile: SeriesProfile, step: Cadence, split: SplitSpec) -> Self:
        """The layout of a series at a cadence.

        Raises:
            DataError: If the series has no rows, an unknown calendar or zone, too many rows at this
                step, or hardly any of them observed.
        """
        cadence = Cadence.parse(profile.cadence)
        calendar = learn_calendar(
            profile.times, cadence, profile.calendar, profile.timezone, profile.hours
        )
        if isinstance(calendar, Continuous):
            _require_dense(profile.times, step)
        rule = GridRule(cadence, step, calendar, (), "last", profile.kind == "ohlc")
        times, observed = rule.observed_rows(profile.times, profile.has_value)
        season = rule.row_calendar(times).season_steps if len(times) else 1
        return cls(step, times, observed, rule.phases, season, _splits(times, split, observed))

    @classmethod
    def pooled(cls, layouts: Sequence["Layout"]) -> list["Layout"]:
        """A panel's layouts, each with the number and rows of the other series."""
        total = sum(layout.rows_to_learn for layout in layouts)
        return [
            replace(
                layout,
                series=len(layouts),
                rows_elsewhere=total - layout.training_rows * layout.phases,
            )
            for layout in layouts
        ]

    @property
    def rows_to_learn(self) -> int:
        """Training rows over all phases and all series."""
        return self.training_rows * self.phases + self.rows_elsewhere

    @property
    def tracks(self) -> int:
        """Number of tracks: one for every phase of every series."""
        return self.phases * self.series

    @property
    def training_rows(self) -> int:
        """Rows of the training part; all rows if the split cannot work."""
        train = slice(0, len(self.times)) if self.splits is None else self.splits.train
        return int(train.stop - train.start)

    @property
    def parts(self) -> dict[str, slice]:
        """The rows of the parts that are not empty; none if the split cannot work."""
        if self.splits is None:
            return {}
        found = {part: getattr(self.splits, part) for part in PARTS}
        return {part: rows for part, rows in found.items() if rows.stop > rows.start}

    def values_in(self, rows: slice, times: Times, present: Mask) -> int:
        """Number of values in some rows.

        Args:
            rows: Consecutive rows.
            times: `(observations,)` of `datetime64[us]`, UTC.
            present: `(observations,)`, which of them have a value.
        """
        if rows.start >= rows.stop:
            return 0
        # A row holds the observations after the previous row.
        first = np.searchsorted(times, self.times[rows.start - 1], "right") if rows.start else 0
        stop = np.searchsorted(times, self.times[rows.stop - 1], "right")
        return int(np.count_nonzero(present[first:stop]))

    @property
    def held_out_rows(self) -> dict[str, int]:
        """Rows of the non-empty parts among validation and test."""
        if self.splits is None:
            return {}
        parts = {"validation": self.splits.validation, "test": self.splits.test}
        return {
            name: part.stop - part.start for name, part in parts.items() if part.stop > part.start
        }


def _require_dense(times: Times, step: Cadence) -> None:
    """Refuse steps that would lay out a few observations as millions of rows."""
    span = (times[-1] - times[0]) / np.timedelta64(1, "s") if len(times) else 0
    rows = int(span / step.approximate_seconds)
    # The grid itself refuses more rows.
    if FREE_ROWS < rows <= MOST_ROWS and rows > MOST_STEPS_PER_ROW * len(times):
        raise DataError(
            f"A grid of more than {FREE_ROWS:,} rows must have an observation in one of "
            f"{MOST_STEPS_PER_ROW}; steps of {step.text} over this span give {rows:,} for "
            f"{len(times):,} observations. A coarser `cadence` gives fewer."
        )


# A rule between a spec and its series; yields a problem for each violation.
SeriesRule = Callable[[Spec, SeriesProfile, Layout], Iterator[Problem]]


def _pooled(channel: ChannelProfile, panel: Sequence[SeriesProfile]) -> ChannelProfile:
    alike = [found for profile in panel if (found := profile.channel(channel.name)) is not None]
    minima = [each.minimum for each in alike if each.minimum is not None]
    maxima = [each.maximum for each in alike if each.maximum is not None]
    return replace(
        channel,
        constant=all(each.constant for each in alike),
        minimum=min(minima, default=None),
        maximum=max(maxima, default=None),
    )


def _splits(times: Times, split: SplitSpec, observed: Mask) -> Splits | None:
    try:
        return split_bounds(times, split, observed)
    except SpecError:
        return None
