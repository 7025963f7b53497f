"""Tables of several series with a known key, made by a seed, for tests."""

import itertools
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2022, 5, 1, tzinfo=UTC)
STEPS = tuple(timedelta(seconds=seconds) for seconds in (30, 60, 900, 3600))
FORMS = ("at the same times", "in turn", "one after the other", "each with its own step")
VALUES = (
    *("north", "south", "Oslo", "Bergen", "a/b", "sensor.t1", "sensor.t2", "Mühle", "東京", "M1"),
    *("O3", "PM2.5", "no2", "MT_001", "MT_002", "A", "B", "q", "7", "12", "3001", "072503"),
    *("EURUSD", "BTC/USD", "item-9", "T", "F"),
)


@dataclass(frozen=True, slots=True)
class KeyedTable:
    """A file, the columns of its key, and how many rows each series has."""

    text: str
    key: tuple[str, ...]
    rows: dict[frozenset[str], int]
    what: str


def made(seed: int) -> KeyedTable:
    """A table with one to three key columns, in any order and form, with holes and flags."""
    chance = random.Random(seed)  # noqa: S311
    count, form = chance.choice((1, 1, 1, 2, 2, 3)), chance.choice(FORMS)
    step, length = chance.choice(STEPS), chance.choice((30, 60, 120))
    names = [
        f"{chance.choice(('station', 'who', 'kind', 'Region', 'item id'))}{n}" for n in range(count)
    ]
    values = [_values(chance, 2 + chance.randrange(3 if count > 1 else 6)) for _ in names]
    series = list(itertools.product(*values))
    rows, counts = [], {}
    for place, labels in enumerate(series):
        times = _times(chance, form, (step, length), place, len(series))
        level = chance.uniform(-50, 50)
        kept = [t for t in times if chance.random() > 0.02]
        counts[frozenset(zip(names, labels, strict=True))] = len(kept)
        for time in kept:
            level += chance.uniform(-1, 1)
            rows.append((time, place, labels, round(level, 2)))
    by_time = form != FORMS[2] and chance.random() < 0.5
    rows.sort(key=(lambda row: row[:2]) if by_time else (lambda row: (row[1], row[0])))
    return KeyedTable(
        _text(chance, names, rows),
        tuple(names),
        {frozenset(f"{n}={v}" for n, v in pairs): c for pairs, c in counts.items()},
        f"{seed}: {count} columns, {form}, {step}, by {'time' if by_time else 'series'}",
    )


def _values(chance: random.Random, count: int) -> list[str]:
    if chance.random() < 0.3:
        return [str(number) for number in chance.sample(range(50, 9999), count)]
    return chance.sample(VALUES, count)


def _times(
    chance: random.Random, form: str, steps: tuple[timedelta, int], place: int, count: int
) -> list[datetime]:
    """The times of one of `count` series; `steps` are their length and number."""
    (step, length), start = steps, START
    if form == FORMS[1]:
        start += step * place / count
    elif form == FORMS[2]:
        start += step * (length * 2 + 3) * place
    elif form == FORMS[3]:
        step, start = step * chance.choice((1, 2, 3)), start + timedelta(seconds=place)
    return [start + number * step for number in range(length)]


def _text(chance: random.Random, names: list[str], rows: list[Any]) -> str:
    delimiter, before = chance.choice(",;\t"), chance.random() < 0.5
    has_flag = chance.random() < 0.4
    columns = [*names, "time", "value"] if before else ["time", "value", *names]
    lines = [delimiter.join([*columns, *(["flag"] if has_flag else [])])]
    for time, _, labels, value in rows:
        measured = [time.isoformat(timespec="milliseconds"), str(value)]
        cells = [*labels, *measured] if before else [*measured, *labels]
        flag = [chance.choice(("ok", "ok", "ok", "bad"))] if has_flag else []
        lines.append(delimiter.join([*cells, *flag]))
    return "\n".join(lines) + "\n"
