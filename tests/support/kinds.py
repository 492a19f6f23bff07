"""Files of the kinds that people store, each made in a few lines, with what a person must see of it."""

from __future__ import annotations

import gzip
import io
import json
import struct
import wave
import zipfile

import numpy as np
from PIL import Image


def tiff() -> bytes:
    """Two pages of 16 bits."""
    ramp = np.linspace(1000, 60000, 64 * 48).astype(np.uint16).reshape(48, 64)
    first, second = Image.fromarray(ramp), Image.fromarray(ramp[::-1].copy())
    out = io.BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=[second])
    return out.getvalue()


def picture(form: str = "PNG", color: str = "teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (80, 60), color).save(out, form)
    return out.getvalue()


def flood() -> bytes:
    """A PNG that says it has 60,000 x 60,000 pixels."""
    data = bytearray(picture())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    import zlib

    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def nifti() -> bytes:
    """A bright ball of 10 voxels in 32 x 24 x 16, packed."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, 32, 24, 16, 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, 4, 16)
    struct.pack_into("<8f", head, 76, 1, 1, 1, 2.5, 0, 0, 0, 0)
    struct.pack_into("<3f", head, 108, 352, 1, 0)
    head[344:348] = b"n+1\0"
    x, y, z = np.indices((32, 24, 16))
    ball = (((x - 16) ** 2 + (y - 12) ** 2 + (z - 8) ** 2) < 36).astype("<i2") * 1000
    return gzip.compress(bytes(head) + ball.tobytes(order="F"))


def nrrd() -> bytes:
    head = b"NRRD0004\ntype: short\ndimension: 3\nsizes: 8 6 4\nspacings: 1 1 2\nencoding: raw\nendian: little\n\n"
    return head + np.arange(192, dtype="<i2").tobytes()


def xlsx() -> bytes:
    """A workbook of two sheets, by the parts of ECMA-376 that are needed."""
    office, package = (f"http://schemas.openxmlformats.org/{one}/2006" for one in ("officeDocument", "package"))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"

    def sheet(rows: list[list[str]]) -> str:
        cell = '<c t="inlineStr"><is><t>{}</t></is></c>'
        cells = "".join("<row>" + "".join(map(cell.format, row)) + "</row>" for row in rows)
        return f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>'

    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="{kind}.worksheet+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{office}/'
        'relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}/relationships"><sheets><sheet name="Patients" '
        'sheetId="1" r:id="r1"/><sheet name="Doses" sheetId="2" r:id="r2"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(
            f'<Relationship Id="r{n}" Type="{office}/relationships/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in (1, 2)
        )
        + "</Relationships>",
        "xl/worksheets/sheet1.xml": sheet([["patient", "histology"], ["P-1", "papillary"]]),
        "xl/worksheets/sheet2.xml": sheet([["patient", "dose"], ["P-1", "61.2 Gy"]]),
    }
    return zipped(parts)


def docx(text: str = "Follow-up of the thyroid cohort") -> bytes:
    """A document of one paragraph."""
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
            '"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" '
            f'ContentType="{kind}"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="http://schemas.'
            'openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
            "</Relationships>",
            "word/document.xml": f'<w:document xmlns:w="{word}"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p>'
            "</w:body></w:document>",
        }
    )


def zipped(parts: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


EVIL_IMAGE = "<img src=x onerror='window.evil=1'>"


def notebook() -> bytes:
    import base64

    png = base64.b64encode(picture()).decode()
    cells = [
        {"cell_type": "markdown", "source": ["# Dose study\n", "<script>window.evil=1</script>"]},
        {"cell_type": "code", "execution_count": 1, "source": ["mean = sum(doses)"], "outputs": [
            {"output_type": "stream", "name": "stdout", "text": ["mean 61.2 Gy"]},
            {"output_type": "display_data", "data": {"image/png": png}},
            {"output_type": "display_data", "data": {"text/html": f"<table><tr><td>cell{EVIL_IMAGE}"}},
        ]},
    ]  # fmt: skip
    return json.dumps({"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4}).encode()


def wav() -> bytes:
    """20 seconds of a tone."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes((np.sin(np.arange(160_000) / 3) * 9000).astype("<i2").tobytes())
    return out.getvalue()


RECORD_WEBM = """async () => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 64, height: 48});
  const pen = canvas.getContext('2d');
  const recorder = new MediaRecorder(canvas.captureStream(25), {mimeType: 'video/webm'}), parts = [];
  recorder.ondataavailable = event => parts.push(event.data);
  const ended = new Promise(done => recorder.onstop = done);
  recorder.start();
  for (let at = 0; at < 20; at++) {
    pen.fillStyle = `hsl(${at * 18} 80% 50%)`; pen.fillRect(0, 0, 64, 48);
    await new Promise(done => setTimeout(done, 40));
  }
  recorder.stop(); await ended;
  return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
}"""
"""A film, made by the browser itself."""
SEEK = """(media, to) => new Promise((done, failed) => {
  media.onseeked = () => done(media.currentTime);
  media.onerror = () => failed(media.error.message);
  media.currentTime = to; media.load(); media.onloadedmetadata = () => { media.currentTime = to; };
})"""

EVIL_HTML = (
    b"<!doctype html><title>t</title><h1>Protocol</h1><script>parent.evil=1;window.evil=1</script>"
    b"<img src=x onerror='parent.evil=1'><iframe srcdoc='<script>top.evil=1</script>'></iframe>"
)
EVIL_SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60" onload="parent.evil=1"><script>parent.evil=1;'
    b'window.evil=1</script><rect width="80" height="60" fill="#c00000"/></svg>'
)
EVIL_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(parent.evil=1;this.evil=1)>>>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)
BOMB_XML = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "boom"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'
OUTSIDE_XML = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
TABLE = "patient;sex;age;note\n" + "".join(f"P-{n};F;{n % 90};=cmd()|{n}\n" for n in range(250))
