"""Ordinary files of a study: a spreadsheet, a document, a PDF, images, a clip, a nested archive. All made here."""

from __future__ import annotations

import csv
import io
import math
import zipfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
ROWS = [("subject", "site", "weight_kg", "activity_MBq", "ptv_mean_gy")] + [
    (
        f"S{n:03d}",
        "ABC"[n % 3],
        round(62 + 9 * math.sin(n), 1),
        round(300 + 7 * math.cos(n), 1),
        round(60.4 + n % 5 / 10, 2),
    )
    for n in range(1, 25)
]
DOSIMETRY = [
    ("person_group", "person", "quantity", "unit", "value", "date"),
    *(("worker", f"W{n}", "Hp(10)", "uSv", 40 + 13 * n, "2026-03-31") for n in range(1, 7)),
    *(("worker", f"W{n}", "Hp(0.07)", "mSv", round(0.2 + 0.07 * n, 2), "2026-03-31") for n in range(1, 4)),
    ("carer", "C1", "Effective dose", "mSv", 0.12, "2026-03-02"),
    ("public", "", "Ambient dose equivalent", "uSv", 3.5, "2026-03-31"),
    ("patient", "PHANTOM-000", "Effective dose", "mSv", 6.9, "2026-03-02"),
]
"""In the form of docs/how-to/dose-reports.md."""
PROTOCOL = """# Protocol

Thirty fractions of 2 Gy to the planning target volume of a **synthetic** thorax phantom.

| structure | limit |
|---|---|
| spinal cord | maximum 45 Gy |
| lungs | mean 20 Gy |

No data of any person are in this collection.
"""


def write_files(folder: Path) -> None:
    """Write them all into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "protocol.md").write_text(PROTOCOL, encoding="utf-8")
    with (folder / "measurements.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(ROWS)
    with (folder / "dosimetry.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(DOSIMETRY)
    (folder / "measurements.xlsx").write_bytes(spreadsheet(ROWS))
    (folder / "consent-template.docx").write_bytes(document(PROTOCOL.replace("#", "").split("\n\n")))
    (folder / "report.pdf").write_bytes(pdf(["Synthetic report", "All figures are invented.", "Page two."]))
    _images(folder)
    (folder / "motion.webm").write_bytes(resources.files("sinfonietta.demo").joinpath("data/clip.webm").read_bytes())
    (folder / "archive.zip").write_bytes(nested_zip())


def _images(folder: Path) -> None:
    axis = np.linspace(-1, 1, 480)
    wave = np.sin(9 * np.hypot(axis[None, :], axis[:, None]) + 2 * np.arctan2(axis[:, None], axis[None, :]))
    grey = ((wave + 1) * 127).astype(np.uint8)
    Image.fromarray(np.dstack([grey, grey[::-1], 255 - grey])).save(folder / "interference.png")
    Image.fromarray(np.dstack([grey // 2, grey, grey[:, ::-1]])).save(folder / "photo of the phantom.jpg", quality=85)
    Image.fromarray(((wave + 1) * 30000).astype(np.uint16)).save(folder / "film 16 bit.tiff")


def spreadsheet(rows: Sequence[Sequence[object]]) -> bytes:
    """A minimal workbook of one sheet (ECMA-376)."""
    cells = "".join(f"<row>{''.join(_cell(value) for value in row)}</row>" for row in rows)
    return _package(
        {
            "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
            '<sheet name="Measurements" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": _relations("worksheet", "worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>',
        },
        main="xl/workbook.xml",
        types={
            "/xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
            "/xl/worksheets/sheet1.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml",
        },
    )


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


def document(paragraphs: list[str]) -> bytes:
    """A minimal text document (ECMA-376)."""
    text = "".join(f'<w:p><w:r><w:t xml:space="preserve">{escape(one)}</w:t></w:r></w:p>' for one in paragraphs)
    return _package(
        {"word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body>{text}</w:body></w:document>'},
        main="word/document.xml",
        types={
            "/word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
        },
    )


def _relations(kind: str, target: str) -> str:
    return (
        f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )


def _package(parts: dict[str, str], *, main: str, types: dict[str, str]) -> bytes:
    declared = "".join(f'<Override PartName="{name}" ContentType="{kind}"/>' for name, kind in types.items())
    content_types = (
        f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{declared}</Types>'
    )
    all_parts = {"[Content_Types].xml": content_types, "_rels/.rels": _relations("officeDocument", main), **parts}
    return _zip({name: f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode() for name, text in all_parts.items()})


def pdf(lines: list[str]) -> bytes:
    """A PDF with one line on each page (ISO 32000)."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(lines)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(lines)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, line in enumerate(lines):
        text = f"BT /F1 28 Tf 72 720 Td ({line}) Tj ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(text)} >>\nstream\n{text}\nendstream")
    out, places = io.BytesIO(), []
    out.write(b"%PDF-1.4\n")
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n{body}\nendobj\n".encode())
    start = out.tell()
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode())
    out.write(f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


def nested_zip() -> bytes:
    """An archive with folders and another archive inside."""
    inner = _zip({"inside/readme.txt": b"An archive in an archive.\n"})
    return _zip({"readme.txt": b"Hello.\n", "data/values.csv": b"a,b\n1,2\n", "data/more/inner.zip": inner})


def _zip(entries: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 3, 2, 10, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
