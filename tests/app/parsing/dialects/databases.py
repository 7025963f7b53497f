"""Exports of databases and web services: InfluxDB, JSON lines, JSON arrays."""

import gzip
import json
from typing import Any

from tests.app.parsing.dialects.writers import (
    ROWS,
    TIMES,
    WEATHER,
    case,
    parts,
    rain,
    renamed,
    temp,
    weather,
    with_gaps,
)


def json_rows(**other: Any) -> list[dict[str, Any]]:
    """Rows as objects."""
    return [
        {"time": f"{moment:%Y-%m-%dT%H:%M:%S}Z", "temp": temp(n), "rain": rain(n), **other}
        for n, moment in enumerate(TIMES)
    ]


def json_lines(rows: list[dict[str, Any]]) -> str:
    """One object on each line."""
    return "".join(json.dumps(row) + "\n" for row in rows)


DATABASES = [
    case(
        "a time that never changes",
        parts("_start,_time", lambda m: f"2022-01-01T00:00:00Z,{m:%Y-%m-%dT%H:%M:%SZ}"),
    ),
    case(
        "types above the names, all commented",
        "#group,false,false\n#datatype,double,double\n" + weather("_time,temp,rain\n"),
    ),
]


JSON = [
    case("JSON lines", json_lines(json_rows())),
    case("JSON lines, gzip", gzip.compress(json_lines(json_rows()).encode())),
    case(
        "JSON lines, epoch",
        json_lines(
            [{**row, "time": int(m.timestamp())} for row, m in zip(json_rows(), TIMES, strict=True)]
        ),
    ),
    case(
        "JSON lines, numbers as text",
        json_lines([{**row, "temp": str(row["temp"])} for row in json_rows()]),
    ),
    case(
        "JSON lines, null",
        json_lines(
            [
                {**row, "temp": None if n % 4 == 0 else row["temp"]}
                for n, row in enumerate(json_rows())
            ]
        ),
        values=with_gaps("")[1],
    ),
    case(
        "JSON lines, absent keys",
        json_lines(
            [
                {k: v for k, v in row.items() if k != "temp" or n % 4}
                for n, row in enumerate(json_rows())
            ]
        ),
        values={"rain": WEATHER["rain"], "temp": with_gaps("")[1]["temp"]},
    ),
    case("JSON array", json.dumps(json_rows(), indent=1)),
    case("JSON array in an object", json.dumps({"status": "OK", "results": json_rows()}, indent=1)),
    case(
        "JSON array in an object on one line", json.dumps({"count": ROWS, "results": json_rows()})
    ),
    case(
        "JSON lines, objects inside",
        json_lines(
            [{"time": row.pop("time"), "data": {"is": row, "id": "a"}} for row in json_rows()]
        ),
        values=renamed("data.is.temp", "data.is.rain"),
    ),
]
