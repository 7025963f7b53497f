"""How moments are written in generated files: their columns, and the format that a sender names."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SECONDS = ("30s", "jitter")
MINUTES = ("1min", "5min", "10min", "15min", "30min", "1h", "3h", "6h")
DAYS = ("1D", "B", "W")
MONTHS = ("MS", "QS", "YS")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TimeForm:
    """A way to write a moment.

    Args:
        name: A strptime format if there is one.
        columns: The names of the time's columns.
        write: The cells of a moment on a local clock.
        steps: The steps that can be written so.
        zones: "absolute" if the text says the instant, "local" if it is what a clock shows, "UTC"
            if it is written for UTC only.
        options: What the sender has to say, if anything.
    """

    name: str
    columns: tuple[str, ...]
    write: Callable[[datetime], tuple[str, ...]]
    steps: tuple[str, ...]
    zones: str = "local"
    options: tuple[tuple[str, str], ...] = ()

    @property
    def is_absolute(self) -> bool:
        """Whether the text alone says the instant."""
        return self.zones == "absolute"

    @property
    def is_hourly(self) -> bool:
        """Whether minutes are not written."""
        return self.name in ("parts", "hour ending")

    def __repr__(self) -> str:
        return f"<{self.name}>"


def _by(form: str, *steps: tuple[str, ...], zones: str = "local") -> TimeForm:
    """A form of one column that strftime writes."""
    known = tuple(step for some in steps for step in some)
    return TimeForm(form, ("time",), lambda at: (at.strftime(form),), known, zones)


def _epoch(name: str, unit: timedelta, *, nanoseconds: bool = False) -> TimeForm:
    def write(at: datetime) -> tuple[str, ...]:
        return (f"{(at - EPOCH) // unit}{'000' if nanoseconds else ''}",)

    return TimeForm(name, ("ts",), write, SECONDS + MINUTES + DAYS, "absolute")


def _in_utc(form: str, *steps: tuple[str, ...]) -> TimeForm:
    known = tuple(step for some in steps for step in some)
    return TimeForm(
        form, ("time",), lambda at: (at.astimezone(UTC).strftime(form),), known, "absolute"
    )


def _quarter(at: datetime) -> int:
    return (at.month + 2) // 3


def _iso_offset(at: datetime) -> tuple[str, ...]:
    return (at.isoformat(timespec="seconds"),)


def _midnight_as_24(at: datetime) -> tuple[str, ...]:
    if at.hour or at.minute or at.second:
        return (at.strftime("%Y-%m-%d %H:%M"),)
    return (f"{at - timedelta(days=1):%Y-%m-%d} 24:00",)


def _hour_ending(at: datetime) -> tuple[str, ...]:
    return f"{at:%Y-%m-%d}", str(at.hour + 1)


ALL = SECONDS + MINUTES + DAYS + MONTHS
CLOCK = SECONDS + MINUTES
FORMS = (
    # The instant itself.
    _in_utc("%Y-%m-%dT%H:%M:%SZ", ALL),
    TimeForm("%Y-%m-%dT%H:%M:%S%z", ("timestamp",), _iso_offset, ALL, "absolute"),
    _by("%Y-%m-%d %H:%M:%S %z", ALL, zones="absolute"),
    _by("%d.%m.%Y %H:%M:%S%z", CLOCK, zones="absolute"),
    _in_utc("%Y-%m-%d %H:%M:%S UTC", CLOCK),
    _epoch("epoch_s", timedelta(seconds=1)),
    _epoch("epoch_ms", timedelta(milliseconds=1)),
    _epoch("epoch_us", timedelta(microseconds=1)),
    _epoch("epoch_ns", timedelta(microseconds=1), nanoseconds=True),
    # What a clock shows.
    _by("%Y-%m-%d %H:%M:%S", ALL),
    _by("%Y-%m-%dT%H:%M:%S", CLOCK),
    _by("%Y-%m-%d %H:%M", MINUTES, DAYS),
    _by("%Y/%m/%d %H:%M", MINUTES),
    _by("%d.%m.%Y %H:%M", MINUTES),
    _by("%d.%m.%Y %H:%M:%S", CLOCK),
    _by("%d/%m/%Y %H:%M:%S", CLOCK),
    _by("%m/%d/%Y %H:%M", MINUTES),
    _by("%m/%d/%Y %I:%M:%S %p", CLOCK),
    _by("%d-%b-%Y %H:%M", MINUTES),
    _by("%b %d, %Y %H:%M", MINUTES),
    _by("%Y%m%d%H%M", MINUTES),
    _by("%Y%m%d%H%M%S", CLOCK),
    _by("%Y%m%d %H%M", MINUTES),
    _by("%Y%m%dT%H%M%S", CLOCK),
    _by("%a, %d %b %Y %H:%M:%S", CLOCK),
    TimeForm(
        "%Y-%m-%d %H:%M:%S",
        ("Date", "Time"),
        lambda at: (f"{at:%Y-%m-%d}", f"{at:%H:%M:%S}"),
        CLOCK,
    ),
    TimeForm(
        "%d.%m.%Y %H:%M",
        ("Datum", "Zeit"),
        lambda at: (f"{at:%d.%m.%Y}", f"{at:%H:%M}"),
        MINUTES,
    ),
    TimeForm(
        "parts",
        ("year", "month", "day", "hour"),
        lambda at: (str(at.year), str(at.month), str(at.day), str(at.hour)),
        ("1h", "3h", "6h"),
    ),
    TimeForm(
        "day of year and clock",
        ("Year", "DOY", "HHMM"),
        lambda at: (str(at.year), str(at.timetuple().tm_yday), str(at.hour * 100 + at.minute)),
        MINUTES,
    ),
    TimeForm("24:00", ("time",), _midnight_as_24, ("30min", "1h", "3h", "6h")),
    TimeForm(
        "hour ending",
        ("Date", "Hour Ending"),
        _hour_ending,
        ("1h",),
        "UTC",
        (("times", "end"),),
    ),
    # Days.
    _by("%Y-%m-%d", DAYS, MONTHS),
    _by("%d.%m.%Y", DAYS, MONTHS),
    _by("%m/%d/%Y", DAYS, MONTHS),
    _by("%d/%m/%Y", DAYS, MONTHS),
    _by("%Y%m%d", DAYS, MONTHS),
    _by("%d %b %Y", DAYS),
    _by("%B %d, %Y", DAYS),
    _by("%Y-%j", DAYS),
    TimeForm(
        "parts of days",
        ("year", "month", "day"),
        lambda at: (str(at.year), str(at.month), str(at.day)),
        DAYS,
    ),
    # Weeks, months, quarters, years.
    _by("%G-W%V", ("W",)),
    _by("%GW%V", ("W",)),
    TimeForm(
        "year and week",
        ("year", "week"),
        lambda at: tuple(map(str, at.isocalendar()[:2])),
        ("W",),
    ),
    _by("%Y-%m", MONTHS),
    _by("%m/%Y", MONTHS),
    _by("%b %Y", MONTHS),
    _by("%Y %b", MONTHS),
    _by("%b-%y", ("MS", "QS")),
    _by("%B %Y", MONTHS),
    _by("%Y%m", MONTHS),
    _by("%YM%m", ("MS", "QS")),
    TimeForm(
        "year and month", ("Year", "Month"), lambda at: (str(at.year), str(at.month)), ("MS", "QS")
    ),
    TimeForm(
        "year and name of month",
        ("Year", "Month"),
        lambda at: (str(at.year), f"{at:%b}"),
        ("MS", "QS"),
    ),
    TimeForm("%Y-Q%q", ("quarter",), lambda at: (f"{at.year}-Q{_quarter(at)}",), ("QS",)),
    TimeForm("%Y Q%q", ("period",), lambda at: (f"{at.year} Q{_quarter(at)}",), ("QS",)),
    TimeForm("Q%q %Y", ("period",), lambda at: (f"Q{_quarter(at)} {at.year}",), ("QS",)),
    TimeForm("%Yq%q", ("date",), lambda at: (f"{at.year}q{_quarter(at)}",), ("QS",)),
    TimeForm(
        "year and quarter",
        ("Year", "Quarter"),
        lambda at: (str(at.year), f"Q{_quarter(at)}"),
        ("QS",),
    ),
    TimeForm(
        "year and number of quarter",
        ("Year", "Quarter"),
        lambda at: (str(at.year), str(_quarter(at))),
        ("QS",),
    ),
    _by("%Y", ("YS",)),
)
