"""What strangers send: the answer of the standard, the server alive, and the rest of the batch stored."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import imagecodecs
import numpy as np
import pytest
from tests.support.dicomweb import BOUNDARY, Web, content
from tests.support.studies import instance
from tests.unit.dicom import files

from sinfonietta.accounts.actor import Actor
from sinfonietta.dicom.dataset.source import Broken
from sinfonietta.dicom.sandbox.isolation import IsolationError
from sinfonietta.library.models import Node

pytestmark = pytest.mark.django_db
SERIES = "/studies/1.2.3/series/1.2.3.1"
JPEG_12 = "1.2.840.10008.1.2.4.51"
READS = ("", "/metadata", "/frames/1", "/rendered", "/thumbnail", "/bulkdata", "/pixeldata")
SYNTAXES = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80")


@pytest.fixture
def alices(web: Callable[..., Web], alice: Actor) -> Web:
    return web(alice)


def drained(answer: Any) -> None:
    """Read to the end, or to where it breaks off: that frames are missing is told too late for another status."""
    with suppress(Broken, IsolationError):
        content(answer)
    for close in answer._resource_closers:  # closing the answer itself would close the database of the test
        close()


def wrong_vr() -> bytes:
    """Rows as a text, and a name as a number."""
    good = instance(2)
    rows = struct.pack("<HH2sH", 0x28, 0x10, b"US", 2)
    name = struct.pack("<HH2sH", 0x10, 0x10, b"PN", 12)
    return good.replace(rows, rows.replace(b"US", b"LO")).replace(name, name.replace(b"PN", b"UL"))


def wrong_scan() -> bytes:
    """12-bit JPEG whose scan header says that no coefficient is in it (Ss = Se = 0)."""
    ramp = np.linspace(0, 4095, 64).reshape(8, 8).astype("<u2")
    jpeg = bytearray(imagecodecs.jpeg8_encode(ramp, level=95, bitspersample=12))
    at = jpeg.index(b"\xff\xda")
    length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
    assert jpeg[at + 2 + length - 2] == 63
    jpeg[at + 2 + length - 2] = 0
    more = {"Rows": 8, "Columns": 8, "BitsStored": 12, "HighBit": 11, "StudyInstanceUID": "1.2.3"}
    return files.compressed([bytes(jpeg)], JPEG_12, SeriesInstanceUID="1.2.3.1", SOPInstanceUID="1.2.3.1.2", **more)


def deflated_with_more(extra: bytes) -> bytes:
    return instance(2, syntax="1.2.840.10008.1.2.1.99") + extra


ODD: dict[str, bytes] = {
    "frames that are not there": instance(2, NumberOfFrames=2**31 - 1),
    "frames below zero": instance(2, NumberOfFrames=-5),
    "frames that are no number": instance(2, NumberOfFrames=7).replace(b"IS\x02\x007 ", b"IS\x02\x00xy"),
    "empty pixel data": instance(2, PixelData=b""),
    "huge rows and columns": instance(2, Rows=65535, Columns=65535),
    "no rows": instance(2, Rows=0),
    "bits that are none": instance(2, BitsAllocated=13),
    "wrong VRs": wrong_vr(),
    "a wrong scan header": wrong_scan(),
    "a character set that is none": instance(2, SpecificCharacterSet="ISO_IR 6").replace(b"ISO_IR 6", b"ISO_WE 9"),
    "escapes that end nowhere": instance(2, PatientName="A^B").replace(b"A^B ", b"\x1b$B\x24"),
    "bytes of another character set": instance(2, StudyDescription="Chest").replace(b"Chest ", b"\xff\xfe\xc3\x28x "),
    "HTML in a name": instance(2, PatientName="<img src=x onerror=alert(1)>"),
    "a program before it": b"MZ" + b"\x90" * 126 + instance(2)[128:],
    "bytes behind the deflated stream": deflated_with_more(b"\0" * 8),
    "data of another patient": instance(2, PatientID="P2", PatientName="Other^One", PatientBirthDate="19010101"),
    "a date that is none": instance(2, StudyDate="20200102").replace(b"20200102", b"2020-1-2"),
}


@pytest.mark.parametrize("what", ODD)
def test_odd_files_are_taken_and_every_question_has_an_answer(alices: Web, box: Node, what: str) -> None:
    response = alices.store(f"/collections/{box.uid}/studies", instance(1), ODD[what], instance(3))
    assert response.status_code in {200, 202}, response.content
    stored = {item["00081155"]["Value"][0] for item in response.json()["00081199"]["Value"]}
    assert {"1.2.3.1.1", "1.2.3.1.3"} <= stored
    one = f"{SERIES}/instances/1.2.3.1.2"
    for path in ("/studies", "/series", "/instances?includefield=all", f"{SERIES}/metadata", SERIES):
        answer = alices.get(path)
        assert answer.status_code == 200, path
        content(answer)
    if "1.2.3.1.2" not in stored:
        assert response.status_code == 202
        return
    for what_of in READS:
        answer = alices.get(f"{one}{what_of}")
        assert answer.status_code in {200, 404, 406}, what_of
        drained(answer)
    for syntax in SYNTAXES:
        answer = alices.get(one, f'multipart/related; type="application/dicom"; transfer-syntax={syntax}')
        assert answer.status_code in {200, 406}, syntax
        drained(answer)
    raw = content(alices.get(one, "application/dicom"))
    assert raw == ODD[what]  # bytes and hash stay the sender's


def test_the_wrong_scan_header_is_drawn(alices: Web, box: Node) -> None:
    assert alices.store(f"/collections/{box.uid}/studies", wrong_scan()).status_code == 200
    assert alices.get(f"{SERIES}/instances/1.2.3.1.2/rendered", "image/png").status_code == 200


def test_patients_that_conflict_within_a_study(alices: Web, box: Node) -> None:
    other = instance(1, series="1.2.3.2", PatientID="P2", PatientName="Other^One")
    assert alices.store(f"/collections/{box.uid}/studies", instance(1), other).status_code == 200
    (study,) = alices.get("/studies").json()
    assert study["00100020"]["Value"] == ["P2"]  # the one filed last speaks for the study
    assert len(alices.get("/studies?PatientID=P1").json()) == len(alices.get("/studies?PatientID=P2").json()) == 1


class Endless(io.RawIOBase):
    """A body of as many small parts as anybody wants to read, made while it is read."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int = -1, /) -> bytes:
        part = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\nx\r\n".encode()
        self.given += 1000
        return part * 1000


def test_a_million_parts_are_not_all_read(alices: Web, box: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    body = Endless()
    monkeypatch.setattr("sinfonietta.interfaces.dicomweb.stow.MOST_PARTS", 50)
    monkeypatch.setattr("sinfonietta.interfaces.dicomweb.stow.body_of", lambda request: (body, None))
    for inner in ("dicom", "dicom+json"):
        kind = f'multipart/related; type="application/{inner}"; boundary={BOUNDARY}'
        answer: Any = alices.post(f"/collections/{box.uid}/studies", b"x", kind)
        assert answer.status_code == (413 if inner == "dicom" else 400), answer.content
    assert body.given < 20_000
    assert not Node.objects.filter(kind="file").exists()
