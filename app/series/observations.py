"""Read observation rows from JSON."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from app.db import to_microseconds
from app.errors import Invalid
from app.parsing.value_findings import apply_missing
from app.parsing.values.bars import PRICES, broken_bars, describe
from app.quality.missing_marks import MissingMarks, texts_of
from app.series.changes import Batch
from app.series.channels import channels_of_names, missing_marks_of, require_known
from app.series.observation_schemas import ObservationsWrite
from app.series.tables import Series
from models.arrays import Values
from models.errors import Problem

MOST_PROBLEMS = 100
# An integer of JSON may be too large for a float64.
LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class JsonRows:
    """Rows of a request: names of channels, microseconds since 1970, values."""

    names: tuple[str, ...]
    times: npt.NDArray[np.int64]
    values: Values


def read_json_rows(
    columns: list[str],
    rows: list[list[Any]],
    *,
    at: str = "",
    missing: MissingMarks | None = None,
) -> JsonRows:
    """Read columns and rows of JSON.

    Args:
        columns: "time" and names of channels.
        rows: A time in ISO 8601 with an offset, and numbers or null, in this order.
        at: The pointer to the object in the request that holds them.
        missing: The marks of missing values by channel: their texts are read as null.

    Raises:
        Invalid: With a pointer to each field that cannot be read.
    """
    time_column = _time_column(columns, at)
    names = tuple(name for place, name in enumerate(columns) if place != time_column)
    texts = [frozenset(texts_of((missing or {}).get(name, []))) for name in columns]
    return JsonRows(names, *_parsed(columns, rows, time_column, at, texts=texts))


def read_batch(series: Series, request: ObservationsWrite) -> Batch:
    """The rows of a request in the order of time; of several with one time the last one counts.

    The first rows of a series set its channels. The caller holds the series' lock.

    Raises:
        Invalid: With a pointer to each field that cannot be stored.
        ChannelsDiffer: If a column is not a channel of the series.
        ChannelsMissing: If the first rows lack a channel of the series.
    """
    missing = missing_marks_of(series.channels)
    sent = read_json_rows(request.columns, request.rows, missing=missing)
    names, times = sent.names, sent.times
    if series.revision:
        require_known(names, series.channels)
    else:
        series.channels = channels_of_names(names, series.channels)
    values = apply_missing(list(names), sent.values, missing)
    if series.kind == "ohlc" and set(PRICES) <= set(names):
        _refuse_broken_bars(names, values)
    order = np.argsort(times, kind="stable")
    is_last = np.append(np.diff(times[order]) > 0, True)
    chosen = order[is_last]
    return Batch(times[chosen], values[chosen], names)


def _time_column(columns: list[str], at: str) -> int:
    if columns.count("time") != 1 or len(set(columns)) != len(columns) or len(columns) < 2:
        message = (
            '`columns` must name "time" and at least one channel, each once. '
            f"Received: {columns[:20]}"
        )
        raise Invalid(message, errors=[Problem(f"{at}/columns", message)])
    return columns.index("time")


def _parsed(
    columns: list[str],
    rows: list[list[Any]],
    time_column: int,
    at: str,
    *,
    texts: list[frozenset[str]],
) -> tuple[npt.NDArray[np.int64], Values]:
    problems: list[Problem] = []
    times: list[int] = []
    values: list[list[float]] = []
    for number, row in enumerate(rows):
        pointer = f"{at}/rows/{number}"
        if len(problems) >= MOST_PROBLEMS:
            break
        if len(row) != len(columns):
            expected = len(columns)
            message = f"`rows` must have {expected} fields each. Received: {len(row)}"
            problems.append(Problem(pointer, message))
            continue
        times.append(_time(row[time_column], f"{pointer}/{time_column}", problems))
        values.append(
            [
                _number(cell, f"{pointer}/{column}", problems, texts[column])
                for column, cell in enumerate(row)
                if column != time_column
            ]
        )
    if problems:
        more = f" ({len(problems)} such fields)" if len(problems) > 1 else ""
        raise Invalid(f"{problems[0].pointer}: {problems[0].message}{more}", errors=problems)
    return np.array(times, dtype=np.int64), np.array(values, dtype=np.float64)


def _time(cell: object, pointer: str, problems: list[Problem]) -> int:
    try:
        moment = datetime.fromisoformat(cell if isinstance(cell, str) else "")
        if moment.tzinfo is not None:
            return to_microseconds(moment)
    except (ValueError, OverflowError):
        pass
    message = (
        "a time must be ISO 8601 with an offset, such as 2024-01-01T00:00:00Z. "
        f"Received: {str(cell)[:100]!r}"
    )
    problems.append(Problem(pointer, message))
    return 0


def _number(cell: object, pointer: str, problems: list[Problem], missing: frozenset[str]) -> float:
    if cell is None or (isinstance(cell, str) and cell.strip() in missing):
        return math.nan
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        number = float(cell) if abs(cell) <= LARGEST else math.inf
        if math.isfinite(number):
            return number
    message = f"a value must be a finite number or null. Received: {str(cell)[:100]!r}"
    problems.append(Problem(pointer, message))
    return math.nan


def _refuse_broken_bars(names: tuple[str, ...], values: Values) -> None:
    broken = np.flatnonzero(broken_bars(list(names), values))[:MOST_PROBLEMS].tolist()
    if broken:
        problems = [Problem(f"/rows/{row}", describe(list(names), values[row])) for row in broken]
        raise Invalid(f"{problems[0].pointer}: {problems[0].message}", errors=problems)
