"""STOW-RS of metadata with bulk data beside it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from tests.support.dicomweb import BOUNDARY, Web, content, parts
from tests.support.studies import instance, put

from sinfonietta.accounts.actor import Actor
from sinfonietta.dicom.dataset.native import from_xml, to_xml
from sinfonietta.library.models import Node

pytestmark = pytest.mark.django_db
PIXELS = np.arange(24, dtype="<u2")
ONE = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"


@pytest.fixture
def alices(web: Callable[..., Web], alice: Actor) -> Web:
    return web(alice)


def metadata(number: int = 1, uri: str = "urn:pixels", **more: Any) -> dict[str, Any]:
    """The DICOM JSON of a slice, as a program that writes it would make it."""
    found = pydicom.dcmread(io.BytesIO(instance(number, PatientName="Müller^Änne", **more)))
    found.SpecificCharacterSet = "ISO_IR 192"
    found.SliceThickness = "1.25"
    found.add_new(0x00290010, "LO", "ACME")
    found.add_new(0x00291001, "OB", b"\1\2\3\4")
    made: dict[str, Any] = found.to_json_dict()
    made["7FE00010"] = {"vr": "OW", "BulkDataURI": uri}
    return made


def body(kind: str, datasets: list[dict[str, Any]], *bulk: tuple[str, str, bytes]) -> bytes:
    texts = [json.dumps(datasets).encode()] if kind == "json" else [to_xml(one) for one in datasets]
    found = [f"--{BOUNDARY}\r\nContent-Type: application/dicom+{kind}\r\n\r\n".encode() + text for text in texts]
    for location, media_type, data in bulk:
        head = f"--{BOUNDARY}\r\nContent-Type: {media_type}\r\nContent-Location: {location}\r\n\r\n"
        found.append(head.encode() + data)
    return b"\r\n".join([*found, f"--{BOUNDARY}--\r\n".encode()])


def store(web: Web, box: Node, kind: str, datasets: list[dict[str, Any]], *bulk: tuple[str, str, bytes]) -> Any:
    content_type = f'multipart/related; type="application/dicom+{kind}"; boundary={BOUNDARY}'
    return web.post(f"/collections/{box.uid}/studies", body(kind, datasets, *bulk), content_type)


@pytest.mark.parametrize("kind", ["json", "xml"])
def test_what_was_taken_apart_is_put_together(alices: Web, box: Node, kind: str) -> None:
    response = store(alices, box, kind, [metadata()], ("urn:pixels", "application/octet-stream", PIXELS.tobytes()))
    assert response.status_code == 200, response.content
    found = pydicom.dcmread(io.BytesIO(content(alices.get(ONE, "application/dicom"))))
    assert np.array_equal(found.pixel_array.ravel(), PIXELS)
    expected = metadata()
    del expected["7FE00010"]
    del found.PixelData
    assert json.loads(json.dumps(found.to_json_dict())) == json.loads(json.dumps(expected))
    assert found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


def test_our_own_metadata_and_bulk_data_come_back_the_same(alices: Web, alice: Actor, box: Node) -> None:
    put(alice, box.uid, instance(1, PixelData=PIXELS.tobytes()))
    for kind, accept in (
        ("json", "application/dicom+json"),
        ("xml", 'multipart/related; type="application/dicom+xml"'),
    ):
        answer = alices.get(f"{ONE}/metadata", accept)
        dataset = json.loads(content(answer))[0] if kind == "json" else from_xml(parts_of(answer)[0])
        dataset["00080018"]["Value"] = [f"1.2.3.1.{len(kind)}"]
        uri = dataset["7FE00010"]["BulkDataURI"]
        data = content(alices.get(uri.removeprefix("http://testserver/dicomweb"), "application/octet-stream"))
        response = store(alices, box, kind, [dataset], (uri, "application/octet-stream", data))
        assert response.status_code == 200, response.content
        other = f"/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.{len(kind)}"
        found = pydicom.dcmread(io.BytesIO(content(alices.get(other, "application/dicom"))))
        assert np.array_equal(found.pixel_array.ravel(), PIXELS)
        assert str(found.PatientName) == "Phantom^Anna"


def parts_of(response: Any) -> list[bytes]:
    text = content(response)
    boundary = response["Content-Type"].partition("boundary=")[2].encode()
    return [piece.partition(b"\r\n\r\n")[2] for piece in text.split(b"\r\n--" + boundary)[1:-1]]


def test_compressed_frames(alices: Web, box: Node) -> None:
    frames = [np.full((4, 6), value, "<u2") for value in (7, 4000)]
    bulk = [
        ("urn:pixels", "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode(one))
        for one in frames
    ]
    assert store(alices, box, "json", [metadata(NumberOfFrames=2, PixelData=bytes(96))], *bulk).status_code == 200
    native = alices.get(f"{ONE}/frames/1,2", 'multipart/related; type="application/octet-stream"')
    assert [data for _, data in parts(native)] == [one.tobytes() for one in frames]
    found = pydicom.dcmread(io.BytesIO(content(alices.get(ONE, "application/dicom"))))
    assert found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.80"
    assert np.array_equal(found.pixel_array, np.stack(frames))


def test_no_address_is_ever_followed(alices: Web, box: Node) -> None:
    """The network is closed in tests (pytest-socket); besides, the one dataset is refused and the other stored."""
    foreign = metadata(2, "http://169.254.169.254/latest")
    pixels = ("urn:pixels", "application/octet-stream", PIXELS.tobytes())
    response = store(alices, box, "json", [metadata(), foreign], pixels)
    assert response.status_code == 202
    (failed,) = response.json()["00081198"]["Value"]
    assert (failed["00081155"]["Value"], failed["00081197"]["Value"]) == (["1.2.3.1.2"], [0xC000])
    assert len(response.json()["00081199"]["Value"]) == 1
    assert store(alices, box, "json", [foreign], pixels).status_code == 409


@pytest.mark.parametrize(
    "change",
    [
        {"00100010": {"vr": "PN", "Value": ["no object"]}},
        {"00100010": "x"},
        {"00100010": {"vr": "ZZ", "Value": ["x"]}},
        {"00100010": {"Value": ["x"]}},
        {"0010001": {"vr": "LO", "Value": ["x"]}},
        {"00280010": {"vr": "US", "Value": [70000]}},
        {"00280010": {"vr": "US", "Value": "4"}},
        {"00280010": {"vr": "US", "Value": ["x"]}},
        {"00081140": {"vr": "SQ", "Value": [7]}},
        {"00080018": {"vr": "UI", "Value": ["../../etc"]}},
        {"00080018": {"vr": "UI"}},
        {"00291001": {"vr": "OB", "InlineBinary": "###"}},
        {"00291001": {"vr": "OB", "InlineBinary": 7}},
        {"00100020": {"vr": "LO", "Value": ["x" * 70000]}},
        {"7FE00010": {"vr": "OW", "BulkDataURI": ["urn:pixels"]}},
    ],
)
def test_metadata_that_breaks_the_rules_fails_alone(alices: Web, box: Node, change: dict[str, Any]) -> None:
    pixels = ("urn:pixels", "application/octet-stream", PIXELS.tobytes())
    response = store(alices, box, "json", [metadata(2) | change, metadata(1)], pixels)
    assert response.status_code == 202, response.content
    assert len(response.json()["00081199"]["Value"]) == 1


def test_bodies_that_are_none(alices: Web, box: Node) -> None:
    path = f"/collections/{box.uid}/studies"
    kind = f'multipart/related; type="application/dicom+{{}}"; boundary={BOUNDARY}'
    for form, text in (
        ("json", b"{"), ("json", b"[1]"), ("json", b'"x"'), ("json", b"[" * 100_000), ("xml", b"<a"),
        ("xml", b'<!DOCTYPE a [<!ENTITY b "c">]><NativeDicomModel>&b;</NativeDicomModel>'), ("xml", b"<a/>"),
    ):  # fmt: skip
        part = f"--{BOUNDARY}\r\nContent-Type: application/dicom+{form}\r\n\r\n".encode() + text
        response = alices.post(path, part + f"\r\n--{BOUNDARY}--".encode(), kind.format(form))
        assert response.status_code == 400, (form, text[:20], response.content)
    nameless = body("json", [metadata()], ("", "application/octet-stream", b"x"))
    assert alices.post(path, nameless, kind.format("json")).status_code == 400
    assert not Node.objects.filter(kind="file").exists()


def test_the_answer_in_xml(alices: Web, box: Node) -> None:
    content_type = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    from tests.support.dicomweb import body_of

    response = alices.post(
        f"/collections/{box.uid}/studies", body_of(instance(1)), content_type, Accept="application/dicom+xml"
    )
    assert response["Content-Type"] == "application/dicom+xml"
    assert from_xml(response.content)["00081199"]["Value"][0]["00081155"]["Value"] == ["1.2.3.1.1"]
