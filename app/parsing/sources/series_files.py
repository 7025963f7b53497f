"""Read files with a series on each line: Monash `.tsf` and sktime `.ts`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.parsing.errors import DamagedFile, MissingColumns, NotATable, SeveralSeries
from app.parsing.findings import Findings
from app.parsing.options import ReadOptions
from app.parsing.reading_record import ReadingRecord
from app.parsing.sources.layout import Layout
from app.parsing.sources.series_tables import FileSeries, SeriesTable
from app.parsing.times.steps import Steps, read_cadence, start_and_cadence

START = re.compile(r"\ufeff?(?:[ \t\r]*(?:[#%][^\n]*)?\n)*[ \t]*@[A-Za-z]")
HEAD_CHARACTERS = 1024 * 1024
COMMENTS = ("#", "%")
MISSING = frozenset({"?", "nan"})
SERIES_NAME, START_TIME = "series_name", "start_timestamp"
TIME, VALUE, CASE, LABEL = "time", "value", "case", "label"
# A colon outside of the pairs `(time, value)`.
DIMENSIONS = re.compile(r":(?![^()]*\))")
PAIR = re.compile(r"\(\s*([^(),]+?)\s*,\s*([^(),]*?)\s*\)")
MONASH_TIME = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})(?:[ T](\d{1,2})[-:](\d{2})(?:[-:](\d{2}))?)?")
FREQUENCY = re.compile(r"(?:(\d+)|(half))?[_ ]?([a-z]+)")
# Cadences by the beginnings of their names.
UNITS = {
    "second": "s",
    "minute": "min",
    "hour": "h",
    "dai": "D",
    "day": "D",
    "week": "W",
    "month": "MS",
    "quarter": "QS",
    "year": "YS",
}
SHOWN_SERIES = 3


@dataclass(frozen=True, slots=True)
class Head:
    """What the lines before `@data` say, with keys in lower case."""

    facts: dict[str, str]
    attributes: list[str]
    lines: int

    @property
    def form(self) -> str:
        """`tsf`, `ts` or `arff`."""
        if {"problemname", "timestamps", "univariate", "classlabel"} & set(self.facts):
            return "ts"
        names = {SERIES_NAME, START_TIME} & set(self.attributes)
        return "tsf" if "frequency" in self.facts or names else "arff"


def is_series_file(text: str) -> bool:
    """Whether a text begins with lines such as `@relation` and has one of `@data`."""
    head = text[:HEAD_CHARACTERS]
    return bool(START.match(head)) and re.search(r"(?im)^\s*@data\s*$", head) is not None


def read_series_file(
    text: str,
    options: ReadOptions,
    findings: Findings,
    record: ReadingRecord,
    *,
    limit_bytes: int,
) -> tuple[Layout, list[Any]]:
    """The series of a file, each of its rows with the time and the labels of its series.

    Raises:
        SeveralSeries: If there are several, and `split` is not given.
        MissingColumns: If neither the file nor the sender says when they begin.
        FileTooLarge, DamagedFile, NotATable: If it cannot be read.
    """
    head = _head(text)
    record.dialect["format"] = head.form
    if head.form == "arff":
        raise NotATable(
            "The file is an ARFF file, whose rows are read as CSV: send the lines below @data with "
            f"a header such as {','.join(head.attributes[:5])}"
        )
    read = _monash if head.form == "tsf" else _sktime
    series = list(read(head, _data_lines(text, head), options))
    if not series:
        raise NotATable(f"The {head.form} file has no series below @data.")
    _require_one(series, head.form, options)
    return _table(series, findings, limit_bytes)


def _table(
    series: list[FileSeries], findings: Findings, limit_bytes: int
) -> tuple[Layout, list[Any]]:
    labels = list(series[0].labels)
    if len(series) == 1 and labels:
        shown = ", ".join(f"{name} {text!r}" for name, text in series[0].labels.items())
        message = f"The file holds one series; what describes it was left out: {shown}."
        findings.report("text_columns", message, len(labels))
        series, labels = [FileSeries(series[0].line, {}, series[0].columns)], []
    table = SeriesTable(list(series[0].columns), labels, limit_bytes)
    for one in series:
        table.add(one)
    return table.table()


def _require_one(series: list[FileSeries], form: str, options: ReadOptions) -> None:
    if len(series) > 1 and options.split is None:
        column = next(iter(series[0].labels))
        shown = ", ".join(repr(one.labels[column]) for one in series[:SHOWN_SERIES])
        raise SeveralSeries(
            f"The {form} file holds {len(series)} series, such as {shown}. Add `split={column}` to "
            "make each a series of its own."
        )


def _head(text: str) -> Head:
    facts: dict[str, str] = {}
    attributes: list[str] = []
    for number, line in enumerate(_lines(text), start=1):
        word, _, rest = line.strip().partition(" ")
        key = word.lower().removeprefix("@")
        if key == "data":
            return Head(facts, attributes, number)
        if key == "attribute":
            attributes.append(rest.split()[0].strip("'\"") if rest.split() else "")
        elif word.startswith("@"):
            facts[key] = rest.strip().lower()
    raise DamagedFile("The file has no line @data.")


def _lines(text: str) -> Iterator[str]:
    """The lines of a text one by one, without a copy of all."""
    return (match[0].rstrip("\r") for match in re.finditer(r"[^\n]+|(?<=\n)(?=\n)|^(?=\n)", text))


def _data_lines(text: str, head: Head) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(_lines(text), start=1):
        if number > head.lines and line.strip() and not line.lstrip().startswith(COMMENTS):
            yield number, line.strip()


def _monash(
    head: Head, lines: Iterator[tuple[int, str]], options: ReadOptions
) -> Iterator[FileSeries]:
    names = head.attributes
    frequency = _cadence_text(head.facts.get("frequency", ""))
    for number, line in lines:
        parts = line.split(":", len(names))
        if len(parts) != len(names) + 1:
            raise DamagedFile(
                f"Line {number} of the tsf file must have {len(names)} attributes "
                f"({', '.join(names)}) and values. Received: {line[:100]!r}"
            )
        facts = dict(zip(names, parts[:-1], strict=True))
        values = [_value(text) for text in parts[-1].split(",")]
        steps = _steps("tsf", facts.pop(START_TIME, None), frequency, options)
        labels = {SERIES_NAME: facts.pop(SERIES_NAME, str(number - head.lines)), **facts}
        yield FileSeries(number, labels, {TIME: steps.texts(len(values)), VALUE: values})


def _steps(form: str, start: str | None, frequency: str | None, options: ReadOptions) -> Steps:
    """The steps that the file says; the sender's `start` and `cadence` come first."""
    begins = options.start or _monash_time(start or "")
    cadence = options.cadence or frequency
    if begins is None or cadence is None:
        raise MissingColumns(
            f"The {form} file does not say when its series begin and how long their steps are. Say "
            "it with `start=` and `cadence=`, such as start=2024-01-01 and cadence=1h."
        )
    if options.start and options.cadence:
        return Steps(*start_and_cadence(options), options.zone)
    return Steps.anchored(begins, read_cadence(cadence), options.zone)


def _monash_time(text: str) -> str | None:
    match = MONASH_TIME.fullmatch(text.strip())
    if match is None:
        return None
    clock = f"T{int(match[2]):02}:{match[3]}:{match[4] or '00'}" if match[2] else ""
    return match[1] + clock


def _cadence_text(frequency: str) -> str | None:
    """The cadence of a frequency such as `hourly`, `10_minutes` or `half_hourly`."""
    match = FREQUENCY.fullmatch(frequency)
    if match is None:
        return None
    unit = next((unit for name, unit in UNITS.items() if match[3].startswith(name)), None)
    if match[2]:
        return {"h": "30min", "min": "30s"}.get(unit or "")
    return unit and f"{match[1] or ''}{unit}"


def _value(text: str) -> str:
    text = text.strip()
    return "" if text.lower() in MISSING else text


def _sktime(
    head: Head, lines: Iterator[tuple[int, str]], options: ReadOptions
) -> Iterator[FileSeries]:
    has_times = head.facts.get("timestamps", "").startswith("true")
    has_label = any(
        head.facts.get(key, "").startswith("true") for key in ("classlabel", "targetlabel")
    )
    for case, (number, line) in enumerate(lines, start=1):
        dimensions = DIMENSIONS.split(line)
        label = {LABEL: dimensions.pop().strip()} if has_label else {}
        names = [VALUE] if len(dimensions) == 1 else [f"dim_{n}" for n in range(len(dimensions))]
        if has_times:
            columns = _timed(number, names, dimensions)
        else:
            values = [[_value(text) for text in one.split(",")] for one in dimensions]
            rows = max(map(len, values))
            steps = _steps("ts", None, None, options)
            padded = [one + [""] * (rows - len(one)) for one in values]
            columns = {TIME: steps.texts(rows), **dict(zip(names, padded, strict=True))}
        yield FileSeries(number, {CASE: str(case), **label}, columns)


def _timed(number: int, names: list[str], dimensions: list[str]) -> dict[str, list[str]]:
    """Pairs `(time, value)` as columns, with the times of all dimensions."""
    pairs = [dict(PAIR.findall(one)) for one in dimensions]
    times = list(dict.fromkeys(time for one in pairs for time in one))
    if not times:
        raise DamagedFile(f"Line {number} of the ts file has no pairs (time, value).")
    columns = {
        name: [_value(one.get(time, "")) for time in times]
        for name, one in zip(names, pairs, strict=True)
    }
    return {TIME: [time.strip("\"'") for time in times], **columns}
