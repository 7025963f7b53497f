"""Quarantined rows: those that could not be stored, as a list or as a file to correct."""

import csv
import io
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.csv_cells import is_formula, neutralize
from app.errors import UploadWithoutNames
from app.parsing.names import cell_of_name
from app.parsing.sources.delimiters import split_fields
from app.parsing.values.cells import CellKind, kind_of
from app.series.tables import QuarantinedRow, Upload

# Options that say what the rows mean, and hold for corrected rows too.
MEANING = ("pivot", "value", "duplicates", "every", "times", "period")


def quarantined_rows(session: Session, upload_id: int) -> list[QuarantinedRow]:
    """The rows of an upload that could not be stored, in the order of the file."""
    statement = sa.select(QuarantinedRow).where(QuarantinedRow.upload_id == upload_id)
    return list(session.scalars(statement.order_by(QuarantinedRow.line)))


def as_list(rows: list[QuarantinedRow]) -> str:
    """CSV with line, reason and text."""
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(["line", "reason", "text"])
    writer.writerows([row.line, neutralize(row.reason), neutralize(row.text)] for row in rows)
    return content.getvalue()


def as_file(upload: Upload, rows: list[QuarantinedRow]) -> str:
    """The lines as in the file, below a header that an upload with `like` can read.

    Raises:
        UploadWithoutNames: If an earlier release stored the upload and did not keep the names.
    """
    delimiter = _delimiter(_dialect(upload))
    names = [cell_of_name(name) for name in _dialect(upload)["fields"]]
    lines = [_joined(names, delimiter), *(_without_formulas(row.text, delimiter) for row in rows)]
    return "".join(f"{line}\n" for line in lines)


def options_like(upload: Upload) -> dict[str, Any]:
    """The options that read a file as an upload was read, with the header of `as_file`.

    Raises:
        UploadWithoutNames: If an earlier release stored the upload and did not keep the names.
    """
    dialect = _dialect(upload)
    formats = dialect["timestamp_format"]
    given = {name: upload.parameters[name] for name in MEANING if name in upload.parameters}
    # Channels that rows were combined into are not columns of the file.
    is_combined = "pivot" in given or given.get("duplicates") == "ohlc"
    return {
        **given,
        "delimiter": dialect["delimiter"],
        "decimal": dialect["decimal"],
        "timestamp": tuple(dialect["timestamp"]),
        "timestamp_format": formats[0] if len(formats) == 1 else None,
        "timezone": dialect["timezone"],
        "header": True,
        "columns": () if is_combined else tuple(dialect["columns"]),
    }


def _dialect(upload: Upload) -> dict[str, Any]:
    dialect: dict[str, Any] = upload.report["dialect"]
    if not dialect.get("fields"):
        raise UploadWithoutNames(
            f"The upload {upload.id} was stored by an earlier release, which did not keep the "
            "names of all columns: correct the rows in the file itself and send it again."
        )
    return dialect


def _delimiter(dialect: dict[str, Any]) -> str:
    """The delimiter of the file; a comma for formats that have none."""
    delimiter = dialect["delimiter"] or ","
    return delimiter if len(delimiter) == 1 else " "


def _joined(cells: list[str], delimiter: str) -> str:
    content = io.StringIO()
    csv.writer(content, delimiter=delimiter, lineterminator="").writerow(cells)
    return content.getvalue()


def _without_formulas(text: str, delimiter: str) -> str:
    """A line without texts that a spreadsheet would run; other lines stay exactly as they are."""
    cells = split_fields(text, delimiter)
    runs = [is_formula(cell.strip()) and kind_of(cell.strip()) == CellKind.TEXT for cell in cells]
    if not any(runs):
        return text
    return _joined(
        [f"'{cell.strip()}" if run else cell for cell, run in zip(cells, runs, strict=True)],
        delimiter,
    )
