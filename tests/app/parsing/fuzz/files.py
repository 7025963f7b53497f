"""The bytes of a generated file, and what its sender would say about it."""

import csv
import io
import itertools
import json
import random
from dataclasses import dataclass
from typing import Any

from tests.app.parsing.fuzz.shapes import Shape
from tests.app.parsing.fuzz.truth import Record, Truth, truth_of

ZONE_HEADERS = ("{} ({})", "{} [{}]")
FOOTER = "Source: office of examples"
SEASONS = ("winter", "spring", "summer", "autumn")


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file, its truth, and the truth about what a reader may ask.

    Args:
        content: The file's bytes.
        truth: Its series.
        options: What the sender says from the beginning.
        answers: What the sender answers if asked: the zone, the format of the times, ...
        decoys: Columns that are neither labels nor channels.
        attribute: The column that says something of the first label, if there is one.
    """

    content: bytes
    truth: Truth
    options: dict[str, str]
    answers: dict[str, str]
    decoys: tuple[str, ...]
    attribute: str


def made(shape: Shape) -> MadeFile:
    """The file of a shape."""
    truth = truth_of(shape)
    chance = random.Random(shape.seed + 1)  # noqa: S311
    names, rows = _table(shape, truth, chance)
    content = _as_json(names, rows) if shape.is_json else _as_csv(shape, names, rows)
    asked = {"timezone": shape.zone} if shape.naming == "asked" else {}
    return MadeFile(
        content=content if shape.is_json else content.encode(shape.encoding),
        truth=truth,
        options={**dict(shape.form.options), **asked},
        answers={
            "timezone": shape.zone,
            "timestamp_format": shape.form.name,
            "decimal": shape.decimal,
            "split": ",".join(truth.key),
        },
        decoys=() if shape.decoy == "nothing" else (shape.decoy,),
        attribute=shape.attribute if has_attribute(shape) else "",
    )


def _table(shape: Shape, truth: Truth, chance: random.Random) -> tuple[list[str], list[Any]]:
    """The names of the columns, and the texts of all rows."""
    time_names = list(shape.form.columns)
    if shape.naming == "header":
        time_names[-1] = chance.choice(ZONE_HEADERS).format(time_names[-1], shape.zone)
    zone = ["tz"] if shape.naming in ("column", "abbreviations") else []
    decoy = [] if shape.decoy == "nothing" else [shape.decoy]
    labels_first = chance.random() < 0.5
    before, after = (truth.key, ()) if labels_first else ((), truth.key)
    attribute = [shape.attribute] if has_attribute(shape) else []
    names = [*before, *time_names, *zone, *attribute, *after, *truth.channels, *decoy]
    rows = []
    for number, record in enumerate(truth.records):
        cells = [*shape.form.write(record.at), *_zone(shape, record)]
        added = [_decoy(shape.decoy, record, number, chance)] if decoy else []
        before, after = (record.labels, ()) if labels_first else ((), record.labels)
        about = _attribute(shape, record)
        rows.append([*before, *cells, *about, *after, *_values(record), *added])
    return names, _without_repeated_chance(rows) if decoy else rows


def _zone(shape: Shape, record: Record) -> list[str]:
    """The clock of a row, in a column of its own."""
    names = {"column": shape.zone, "abbreviations": record.at.tzname() or ""}
    return [names[shape.naming]] if shape.naming in names else []


def _attribute(shape: Shape, record: Record) -> list[str]:
    """A text that is the same for all rows of a label."""
    if not has_attribute(shape):
        return []
    return [f"{shape.attribute} of {record.labels[0]}"]


def has_attribute(shape: Shape) -> bool:
    """Whether a column says something of the first label."""
    return shape.attribute != "nothing" and not shape.is_one_series


def _values(record: Record) -> list[float | str]:
    return [
        record.odd.get(place, "") if value is None else value
        for place, value in enumerate(record.values)
    ]


def _without_repeated_chance(rows: list[list[Any]]) -> list[list[Any]]:
    """The rows; one that repeats the row before in all but its last cell repeats that as well."""
    for before, row in itertools.pairwise(rows):
        if row[:-1] == before[:-1]:
            row[-1] = before[-1]
    return rows


def _decoy(kind: str, record: Record, number: int, chance: random.Random) -> str:
    """A text that says nothing of the series: by chance, by the time, or by the row."""
    at = record.at
    added = {
        "flag": chance.choice(("ok", "ok", "ok", "bad")),
        "weekday": f"{at:%A}",
        "month": f"{at:%b}",
        "hour": f"{at:%H}:00",
        "season": SEASONS[at.month % 12 // 3],
        "holiday": str(int((at.month, at.day) in ((1, 1), (12, 25), (12, 26)))),
        "weekday number": str(at.isoweekday()),
        "month number": str(at.month),
        "ampm": f"{at:%p}",
        "error code": str(chance.choice((0, 0, 0, 1, 2))),
        "pump": str(int(chance.random() < 0.3)),
        "year": str(at.year),
        "shift": "ABC"[at.hour // 8],
        "wind": chance.choice("NESW"),
        "note": "calibrated" if chance.random() < 0.02 else "",
        "half": "day" if 6 <= at.hour < 18 else "night",
        "constant": "measured",
        "counter": str(number),
        "firmware": f"v1.{at.year - 1990}",
    }
    return added[kind]


def _as_csv(shape: Shape, names: list[str], rows: list[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=shape.delimiter,
        lineterminator=shape.end,
        quoting=csv.QUOTE_ALL if shape.quoted else csv.QUOTE_MINIMAL,
    )
    writer.writerow(names)
    writer.writerows([_cell(cell, shape.decimal) for cell in row] for row in rows)
    around = {
        "comments": ("# an export" + shape.end + "# of a known truth" + shape.end, ""),
        "footer": ("", shape.end + FOOTER + shape.end),
        "blank lines": ("", shape.end * 3),
    }
    before, after = around.get(shape.around, ("", ""))
    return before + text.getvalue() + after


def _cell(cell: Any, decimal: str) -> str:
    return f"{cell:.2f}".replace(".", decimal) if isinstance(cell, float) else str(cell)


def _as_json(names: list[str], rows: list[list[Any]]) -> bytes:
    """An array of objects; whole numbers stay texts where they are labels."""
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows]).encode()
