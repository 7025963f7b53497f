"""Small workbooks (xlsx and ods) for tests, written as the XML that they consist of."""

import io
import zipfile
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
ODF = "urn:oasis:names:tc:opendocument:xmlns"
# Style 1 is a date with a time of day.
STYLES = (
    f'{HEAD}<styleSheet xmlns="{MAIN}"><fonts count="1"><font/></fonts><fills count="1"><fill/>'
    '</fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs>'
    "</styleSheet>"
)

# Dates are days since then.
EPOCH = datetime.fromisoformat("1899-12-30")

Rows = list[list[Any]]


def zipped(parts: dict[str, str]) -> bytes:
    """A zip archive of texts."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return content.getvalue()


def xlsx(sheets: dict[str, Rows], merged: tuple[str, ...] = ()) -> bytes:
    """A workbook; `merged` are ranges such as `B1:C1` of its first sheet."""
    bodies = [sheet_data(rows) for rows in sheets.values()]
    ranges = "".join(f'<mergeCell ref="{place}"/>' for place in merged)
    bodies[0] += f"<mergeCells>{ranges}</mergeCells>" if merged else ""
    return xlsx_of_parts(list(sheets), bodies)


def xlsx_of_parts(names: list[str], bodies: list[str]) -> bytes:
    """A workbook of sheets given as XML."""
    numbers = range(1, len(names) + 1)
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>'
        for n, name in zip(numbers, names, strict=True)
    )
    targets = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in numbers
    )
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{KIND}.worksheet+xml"/>'
        for n in numbers
    )
    parts = {
        "[Content_Types].xml": f'{HEAD}<Types xmlns="{PACKAGE}/content-types">'
        f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}.sheet.main+xml"/>'
        f"{overrides}</Types>",
        "_rels/.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships"><Relationship '
        f'Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{listed}'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="rId99" Type="{OFFICE}/styles" Target="styles.xml"/>{targets}'
        "</Relationships>",
        "xl/styles.xml": STYLES,
    }
    for n, body in zip(numbers, bodies, strict=True):
        sheet = f'{HEAD}<worksheet xmlns="{MAIN}">{body}</worksheet>'
        parts[f"xl/worksheets/sheet{n}.xml"] = sheet
    return zipped(parts)


def sheet_data(rows: Rows) -> str:
    """The cells of a sheet as XML; None is an empty cell."""
    made = []
    for number, row in enumerate(rows, start=1):
        cells = (_cell(f"{chr(65 + n)}{number}", value) for n, value in enumerate(row))
        made.append(f'<row r="{number}">{"".join(cells)}</row>')
    return f"<sheetData>{''.join(made)}</sheetData>"


def _cell(place: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        days = (value - EPOCH) / timedelta(days=1)
        return f'<c r="{place}" s="1"><v>{days!r}</v></c>'
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def ods(sheets: dict[str, Rows], after: str = "") -> bytes:
    """An OpenDocument workbook; `after` is XML behind the rows of each sheet."""
    tables = "".join(
        f'<table:table table:name="{escape(name)}">{"".join(map(_ods_row, rows))}{after}'
        "</table:table>"
        for name, rows in sheets.items()
    )
    content = (
        f'{HEAD}<office:document-content xmlns:office="{ODF}:office:1.0" '
        f'xmlns:table="{ODF}:table:1.0" xmlns:text="{ODF}:text:1.0" office:version="1.2">'
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    manifest = (
        f'{HEAD}<manifest:manifest xmlns:manifest="{ODF}:manifest:1.0"><manifest:file-entry '
        'manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.'
        'spreadsheet"/></manifest:manifest>'
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return zipped({"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest})


def _ods_row(row: list[Any]) -> str:
    return f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>"


def _ods_cell(value: Any) -> str:
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, datetime):
        given = f'date" office:date-value="{value.isoformat()}'
    elif isinstance(value, str):
        given = "string"
    else:
        given = f'float" office:value="{value}'
    shown = escape(str(value))
    return (
        f'<table:table-cell office:value-type="{given}"><text:p>{shown}</text:p></table:table-cell>'
    )
