"""The true series of a generated file: their labels, instants and values."""

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.app.parsing.fuzz.shapes import (
    CYCLE,
    DISJOINT,
    IN_TURN,
    KEY_NAMES,
    LABELS,
    LATE_STARTS,
    LONG_STEPS,
    OWN_STEPS,
    Shape,
)

HOUR = timedelta(hours=1)
LENGTHS = {
    "30s": timedelta(seconds=30),
    "jitter": timedelta(minutes=1),
    "1min": timedelta(minutes=1),
    "5min": timedelta(minutes=5),
    "10min": timedelta(minutes=10),
    "15min": timedelta(minutes=15),
    "30min": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "3h": timedelta(hours=3),
    "6h": timedelta(hours=6),
}
CHANNELS = ("temp", "flow", "level")
VARIABLES = ("pressure", "humidity", "dew point")


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the file: its series, its moment on the local clock, and its values.

    `odd` is the text of a cell that is not a number, by channel.
    """

    labels: tuple[str, ...]
    at: datetime
    values: tuple[float | None, ...]
    odd: dict[int, str] = field(default_factory=dict)

    @property
    def instant(self) -> int:
        """Microseconds since 1970."""
        return (self.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


Rows = dict[int, list[float | None]]


@dataclass(frozen=True, slots=True)
class Truth:
    """All rows of a file, in its order, and the names of its columns.

    Args:
        key: The columns of labels; the last one is that of variables in a tidy table.
        channels: The columns of values.
        records: The rows in the order of the file.
        is_tidy: Whether the last column of the key names variables.
        conflicting: How many rows contradict a later one of their series and time.
    """

    key: tuple[str, ...]
    channels: tuple[str, ...]
    records: tuple[Record, ...]
    is_tidy: bool
    conflicting: int = 0

    def series(self, rule: str = "last") -> dict[frozenset[tuple[str, str]], Rows]:
        """The rows of each series, by instant; a rule says what stands for several rows."""
        found: dict[frozenset[tuple[str, str]], dict[int, list[Record]]] = {}
        for record in self.records:
            labels = frozenset(zip(self.key, record.labels, strict=True))
            found.setdefault(labels, {}).setdefault(record.instant, []).append(record)
        return {
            labels: {at: combined(some, rule) for at, some in sorted(rows.items())}
            for labels, rows in found.items()
        }


def combined(records: list[Record], rule: str) -> list[float | None]:
    """One row for rows of the same time; missing values are skipped."""
    columns = zip(*(record.values for record in records), strict=True)
    return [_by_rule([value for value in column if value is not None], rule) for column in columns]


def _by_rule(values: list[float], rule: str) -> float | None:
    if not values:
        return None
    if rule in ("first", "last"):
        return values[0 if rule == "first" else -1]
    return math.fsum(values) / (len(values) if rule == "mean" else 1)


def truth_of(shape: Shape) -> Truth:
    """The series and rows of a file, in the order of the file."""
    chance = random.Random(shape.seed)  # noqa: S311
    names = chance.sample(KEY_NAMES, len(shape.key))
    values = [chance.sample(LABELS[kind], count) for kind, count in shape.key]
    if shape.variables:
        names = [*names, "variable"]
        values = [*values, list(VARIABLES[: shape.variables])]
    series = list(itertools.product(*values))
    channels = ("value",) if shape.variables else CHANNELS[: shape.channels]
    records = [
        record
        for place, labels in enumerate(series)
        for record in _records(shape, chance, labels, (place, len(series)), len(channels))
    ]
    records, conflicting = _with_duplicates(shape, chance, _in_order(shape, chance, records))
    return Truth(tuple(names), channels, tuple(records), bool(shape.variables), conflicting)


def _records(
    shape: Shape,
    chance: random.Random,
    labels: tuple[str, ...],
    place: tuple[int, int],
    channels: int,
) -> Iterator[Record]:
    levels = [chance.uniform(-50, 150) for _ in range(channels)]
    if shape.levels == "alike":
        levels = [20.0] * channels
    digits = 0 if shape.levels == "counts" else 2
    times = list(_times(shape, chance, *place))
    for at in times:
        levels = [level + chance.uniform(-1.5, 1.5) for level in levels]
        if shape.has_gaps and chance.random() < 0.04 and at not in (times[0], times[-1]):
            continue
        values: list[float | None] = [round(level, digits) for level in levels]
        odd = {}
        if shape.has_odd_cells and chance.random() < 0.04:
            channel = chance.randrange(channels)
            values[channel], odd[channel] = None, chance.choice(("", "NA", "***", "n/a"))
        yield Record(labels, at, tuple(values), odd)


def _times(shape: Shape, chance: random.Random, place: int, count: int) -> Iterator[datetime]:
    """The moments of one of several series, on the clock of the file's zone."""
    zone = ZoneInfo(shape.zone)
    places = _places(shape, chance, place, count)
    if shape.step in LONG_STEPS:
        days = itertools.islice(_days(shape.step, shape.start), places.start, places.stop)
        yield from (
            day.replace(tzinfo=zone) for day in itertools.islice(days, 0, None, places.step)
        )
        return
    step = LENGTHS[shape.step]
    start = shape.start.replace(minute=0) if step >= HOUR else shape.start
    start = start.replace(tzinfo=zone).astimezone(UTC)
    if count > 1 and shape.arrangement == IN_TURN:
        start += _rounded(step * place / count, shape)
    if count > 1 and shape.arrangement == OWN_STEPS:
        step *= chance.choice((1, 2, 3))
    for number in places:
        shift = timedelta(seconds=chance.randint(-4, 4) if shape.step == "jitter" else 0)
        at = (start + number * step + shift).astimezone(zone)
        if not (is_unclear(at) and shape.hides_repeated_hours):
            yield at


def _places(shape: Shape, chance: random.Random, place: int, count: int) -> range:
    """At which steps of the file's time a series has rows."""
    length = shape.length
    if shape.arrangement == CYCLE:
        return range(place, place + length * count, count)
    if count > 1 and shape.arrangement == DISJOINT:
        return range(place * (length + 9), place * (length + 9) + length)
    if count > 1 and shape.arrangement == LATE_STARTS:
        return range(chance.randrange(length // 2), length - chance.randrange(length // 4))
    return range(length)


def is_unclear(at: datetime) -> bool:
    """Whether the zone's clock shows this time twice."""
    return at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()


def _rounded(shift: timedelta, shape: Shape) -> timedelta:
    """A shift that the form of the times can show."""
    unit = timedelta(minutes=1)
    if shape.step in ("30s", "jitter"):
        unit = timedelta(seconds=1)
    elif shape.form.is_hourly:
        unit = HOUR
    return shift // unit * unit


def _days(step: str, start: datetime) -> Iterator[datetime]:
    """The local days of a cadence, without end."""
    day = start.replace(hour=0, minute=0)
    if step == "W":
        day -= timedelta(days=day.weekday())
    months = {"MS": 1, "QS": 3, "YS": 12}.get(step)
    if months:
        first = start.month - 1 if step == "MS" else (start.month - 1) // months * months
        for number in itertools.count():
            month = first + number * months
            yield datetime(start.year + month // 12, month % 12 + 1, 1)  # noqa: DTZ001
    for number in itertools.count():
        found = day + timedelta(days=number * (7 if step == "W" else 1))
        if step != "B" or found.weekday() < 5:
            yield found


def _in_order(shape: Shape, chance: random.Random, records: list[Record]) -> list[Record]:
    if shape.order == "shuffled":
        chance.shuffle(records)
    elif shape.order != "by series":
        records.sort(key=lambda record: record.instant, reverse=shape.order == "newest first")
    return records


def _with_duplicates(
    shape: Shape, chance: random.Random, records: list[Record]
) -> tuple[list[Record], int]:
    """The records with repeated or conflicting ones, and how many later ones contradict."""
    if shape.duplicates == "none":
        return records, 0
    found, conflicting = [], 0
    few = chance.sample(range(len(records)), min(2, len(records) // 15))
    for number, record in enumerate(records):
        found.append(record)
        if shape.duplicates == "repeated" and chance.random() < 0.3:
            found.append(record)
        elif _has_conflict(shape, number, few):
            other = tuple(chance.uniform(900, 1000) for _ in record.values)
            found.append(replace(record, values=tuple(round(v, 2) for v in other), odd={}))
            conflicting += 1
    return found, conflicting


def _has_conflict(shape: Shape, number: int, few: list[int]) -> bool:
    if shape.duplicates == "many conflicts":
        # With several columns of labels no evidence is left that tells series from conflicts.
        return len(shape.key) + bool(shape.variables) < 2
    return shape.duplicates == "few conflicts" and number in few
