"""WADO-RS over HTTP: metadata, files, frames, bulk data."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from tests.support.dicomweb import Web, content, parts
from tests.support.studies import instance, put, put_series
from tests.unit.dicom.files import sample

from sinfonietta.accounts.actor import Actor
from sinfonietta.library.models import Node

pytestmark = pytest.mark.django_db
ONE = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
STORED = "multipart/related; type=application/octet-stream; transfer-syntax=*"
RAMP = bytes(np.arange(24, dtype="<u2").tobytes())


@pytest.fixture
def alices(web: Callable[..., Web], alice: Actor) -> Web:
    return web(alice)


def put_sample(actor: Actor, box: Node, name: str) -> tuple[str, pydicom.Dataset, bytes]:
    """One of pydicom's files, and the path of its instance."""
    raw = Path(sample(name)).read_bytes()
    filed = put(actor, box.uid, raw, name)
    assert filed.version.state == "ready", filed.version.problem
    dataset = pydicom.dcmread(io.BytesIO(raw))
    where = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    return "/studies/{}/series/{}/instances/{}".format(*where), dataset, raw


def test_metadata_is_all_but_bulk(alices: Web, alice: Actor, box: Node) -> None:
    put_series(alice, box, 2)
    put(alice, box.uid, instance(1, series="1.2.3.2"), "other.dcm")
    for path, count in (("/studies/1.2.3", 3), ("/studies/1.2.3/series/1.2.3.1", 2), (ONE, 1)):
        response = alices.get(f"{path}/metadata", "application/dicom+json")
        assert response["Content-Type"] == "application/dicom+json"
        assert len(json.loads(content(response))) == count
    (dataset,) = json.loads(content(alices.get(f"{ONE}/metadata")))
    assert dataset["00281050"] == {"vr": "DS", "Value": [40]}
    uri = dataset["7FE00010"]["BulkDataURI"]
    assert uri == f"http://testserver/dicomweb{ONE}/bulk/7FE00010"
    (scoped,) = json.loads(content(alices.get(f"/collections/{box.uid}{ONE}/metadata")))
    assert scoped["7FE00010"]["BulkDataURI"] == uri.replace("/dicomweb/", f"/dicomweb/collections/{box.uid}/")


def test_a_text_that_imitates_a_bulk_address_stays_a_text(alices: Web, alice: Actor, box: Node) -> None:
    text = '"BulkDataURI":"bulk/7FE00010"'
    put(alice, box.uid, instance(1, StudyDescription=text))
    (dataset,) = json.loads(content(alices.get(f"{ONE}/metadata")))
    assert dataset["00081030"]["Value"] == [text]


def test_files_come_back_byte_for_byte(alices: Web, alice: Actor, box: Node) -> None:
    raw = [instance(1), instance(2)]
    for number, one in enumerate(raw):
        put(alice, box.uid, one, f"{number}.dcm")
    for path, expected in (("/studies/1.2.3", raw), ("/studies/1.2.3/series/1.2.3.1", raw), (ONE, raw[:1])):
        response = alices.get(path, 'multipart/related; type="application/dicom"')
        assert response["Content-Type"].startswith('multipart/related; type="application/dicom"; boundary=')
        found = parts(response)
        assert [data for _, data in found] == expected
        assert found[0][0] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    response = alices.get(ONE, "application/dicom")
    assert response["Content-Type"] == "application/dicom"
    assert content(response) == raw[0]
    ranged = alices.get(ONE, "application/dicom", HTTP_RANGE="bytes=128-131")
    assert (ranged.status_code, ranged["Content-Range"]) == (206, f"bytes 128-131/{len(raw[0])}")
    ranged.close()


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "application/dicom+xml",
        'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.50',
    ],
)
def test_files_in_another_form_are_not_acceptable(alices: Web, alice: Actor, box: Node, accept: str) -> None:
    put_series(alice, box, 1)
    assert alices.get(ONE, accept).status_code == 406


def test_native_frames(alices: Web, alice: Actor, box: Node) -> None:
    put(alice, box.uid, _three_frames())
    found = parts(alices.get(f"{ONE}/frames/2", STORED))
    assert found == [("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", _frame(2))]
    assert [data for _, data in parts(alices.get(f"{ONE}/frames/3,1", STORED))] == [_frame(3), _frame(1)]
    alone = alices.get(f"{ONE}/frames/1", "application/octet-stream")
    assert content(alone) == _frame(1)
    for missing in ("0", "4", "1,9"):
        assert alices.get(f"{ONE}/frames/{missing}", STORED).status_code == 404
    assert alices.get(f"{ONE}/frames/1", "image/png").status_code == 406


def _frame(number: int) -> bytes:
    return np.arange(number * 100, number * 100 + 24, dtype="<u2").tobytes()


def _three_frames() -> bytes:
    return instance(1, NumberOfFrames=3, PixelData=b"".join(map(_frame, (1, 2, 3))))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"])
def test_frames_of_other_native_syntaxes_leave_as_explicit_little_endian(
    alices: Web, alice: Actor, box: Node, syntax: str
) -> None:
    if syntax == "1.2.840.10008.1.2.2":
        path, dataset, _ = put_sample(alice, box, "MR_small_bigendian.dcm")
        expected = dataset.pixel_array.astype("<i2").tobytes()
    else:
        path, expected = ONE, RAMP
        put(alice, box.uid, instance(1, syntax=syntax, PixelData=RAMP))
    assert parts(alices.get(f"{path}/frames/1", STORED)) == [
        ("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", expected)
    ]
    uri = json.loads(content(alices.get(f"{path}/metadata")))[0]["7FE00010"]["BulkDataURI"].removeprefix(
        "http://testserver/dicomweb"
    )
    assert content(alices.get(uri)) == expected


def test_frames_of_bytes_in_big_endian_words(alices: Web, alice: Actor, box: Node) -> None:
    path, dataset, _ = put_sample(alice, box, "ExplVR_BigEnd.dcm")
    expected = dataset.pixel_array.transpose(2, 0, 1).tobytes()  # colour by plane
    assert parts(alices.get(f"{path}/frames/1", STORED))[0][1] == expected


def test_one_bit_frames_that_begin_inside_a_byte(alices: Web, alice: Actor, box: Node) -> None:
    bits = np.unpackbits(np.arange(9, dtype=np.uint8), bitorder="little")
    whole = {"Rows": 3, "Columns": 5, "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "NumberOfFrames": 4}
    put(alice, box.uid, instance(1, **whole, PixelData=np.packbits(bits, bitorder="little").tobytes() + b"\0"))
    found = parts(alices.get(f"{ONE}/frames/3", STORED))[0][1]
    assert found == np.packbits(bits[30:45], bitorder="little").tobytes()


def test_the_same_frame_many_times(alices: Web, alice: Actor, box: Node) -> None:
    path, dataset, _ = put_sample(alice, box, "SC_rgb_rle_2frame.dcm")
    expected = list(generate_frames(dataset.PixelData, number_of_frames=2))
    found = parts(alices.get(f"{path}/frames/{','.join(['2', '1'] * 400)}", STORED))
    assert [data for _, data in found] == expected[::-1] * 400


def test_bytes_in_words_are_swapped_once(alices: Web, alice: Actor, box: Node) -> None:
    swapped = np.frombuffer(bytes(range(24)), "<u2").byteswap().tobytes()
    eight = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelData": swapped}
    put(alice, box.uid, instance(1, syntax="1.2.840.10008.1.2.2", **eight))
    assert parts(alices.get(f"{ONE}/frames/1", STORED))[0][1] == bytes(range(24))


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("MR_small_RLE.dcm", "image/dicom-rle"),
        ("SC_rgb_rle_2frame.dcm", "image/dicom-rle"),
        ("JPEG2000.dcm", "image/jp2"),
        ("MR_small_jp2klossless.dcm", "image/jp2"),
        ("SC_rgb_jpeg_gdcm.dcm", "image/jpeg"),
        ("JPGExtended.dcm", "image/jpeg"),
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls"),
    ],
)
def test_compressed_frames_come_as_stored(alices: Web, alice: Actor, box: Node, name: str, media_type: str) -> None:
    path, dataset, _ = put_sample(alice, box, name)
    count = int(dataset.get("NumberOfFrames", 1))
    expected = list(generate_frames(dataset.PixelData, number_of_frames=count))
    response = alices.get(f"{path}/frames/{count}", STORED)
    assert response["Content-Type"].startswith(f'multipart/related; type="{media_type}"; boundary=')
    syntax = dataset.file_meta.TransferSyntaxUID
    assert parts(response) == [(f"{media_type}; transfer-syntax={syntax}", expected[-1])]
    assert parts(alices.get(f"{path}/frames/1", f'multipart/related; type="{media_type}"'))[0][1] == expected[0]


def test_compressed_frames_are_decoded_for_who_takes_only_that(alices: Web, alice: Actor, box: Node) -> None:
    path, _, _ = put_sample(alice, box, "MR_small_RLE.dcm")
    expected = (
        pydicom.dcmread(str(get_testdata_file("MR_small.dcm", download=False))).pixel_array.astype("<i2").tobytes()
    )
    response = alices.get(f"{path}/frames/1", 'multipart/related; type="application/octet-stream"')
    assert parts(response) == [("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", expected)]


def test_nested_bulk_values(alices: Web, alice: Actor, box: Node) -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    wave = Dataset()
    wave.WaveformBitsAllocated = 16
    wave.WaveformSampleInterpretation = "SS"
    wave.add_new("WaveformData", "OW", bytes(range(256)) * 20)
    put(alice, box.uid, instance(1, WaveformSequence=Sequence([Dataset(), wave])))
    (dataset,) = json.loads(content(alices.get(f"{ONE}/metadata")))
    uri = dataset["54000100"]["Value"][1]["54001010"]["BulkDataURI"]
    path = uri.removeprefix("http://testserver/dicomweb")
    assert content(alices.get(path, "application/octet-stream")) == bytes(range(256)) * 20
    found = parts(alices.get(path, 'multipart/related; type="application/octet-stream"'))
    assert found[0][1] == bytes(range(256)) * 20
    assert alices.get(f"{ONE}/bulk/54000100/7/54001010").status_code == 404
    assert alices.get(path, "image/png").status_code == 406


def test_what_is_absent_is_not_found(alices: Web, alice: Actor, box: Node) -> None:
    put_series(alice, box, 1)
    for path in (
        "/studies/9.9",
        "/studies/1.2.3/series/9.9",
        "/studies/9.9/metadata",
        "/studies/1.2.3/series/1.2.3.1/instances/9.9",
        "/studies/9.9/series/1.2.3.1/instances/1.2.3.1.1",
        f"{ONE}/bulk/00100010",
        f"{ONE}/bulk/../../../etc/passwd",
        "/studies/..%2F..%2Fetc/metadata",
        "/nowhere",
    ):
        response = alices.get(path)
        assert response.status_code == 404, path
        assert response["Content-Type"] == "application/problem+json", path
    assert alices.post("/series", b"", "text/plain").status_code == 405


def test_a_series_is_streamed_with_few_queries(
    alices: Web, alice: Actor, box: Node, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    put_series(alice, box, 12)
    for path in ("/studies/1.2.3/series/1.2.3.1", "/studies/1.2.3/metadata", f"{ONE}/frames/1", ONE):
        with django_assert_max_num_queries(7):  # type: ignore[attr-defined]
            response = alices.get(path)
            assert response.status_code == 200
            content(response)


def test_reads_are_in_the_audit_once_for_a_stretch_of_frames(alices: Web, alice: Actor, box: Node) -> None:
    from sinfonietta.audit import services as audit
    from sinfonietta.audit.models import Event

    put(alice, box.uid, _three_frames())
    for number in (1, 2, 3):
        alices.get(f"{ONE}/frames/{number}")
    content(alices.get(ONE, "application/dicom"))
    audit.flush()
    frames = Event.objects.filter(action="dicom.frames", target=box.uid)  # a test before may have left reads
    assert [(event.target, event.collection, event.actor) for event in frames] == [(box.uid, box.uid, alice.uid)]
    assert frames[0].detail == {"count": 3}
    assert Event.objects.filter(action="dicom.retrieved", actor=alice.uid).count() == 1


def test_metadata_is_compressed_for_who_takes_it(alices: Web, alice: Actor, box: Node) -> None:
    put_series(alice, box, 3)
    plain = content(alices.get("/studies/1.2.3/metadata"))
    for accepted, is_packed in (("gzip, deflate, br", True), ("gzip;q=0", False), ("identity", False)):
        response = alices.get("/studies/1.2.3/metadata", HTTP_ACCEPT_ENCODING=accepted)
        body = content(response)
        assert response.get("Content-Encoding") == ("gzip" if is_packed else None)
        assert (gzip.decompress(body) if is_packed else body) == plain
        assert not is_packed or len(body) < len(plain) / 2


def test_what_a_file_calls_its_syntax_does_not_reach_a_header(alices: Web, alice: Actor, box: Node) -> None:
    raw = Path(sample("MR_small_RLE.dcm")).read_bytes()
    evil = raw.replace(b"1.2.840.10008.1.2.5\0", b"1.2.8\r\nX-Evil: yes  ")
    filed = put(alice, box.uid, evil, "evil.dcm")
    row = filed.version.dicom
    path = f"/studies/{row.study_uid}/series/{row.series_uid}/instances/{row.sop_uid}"
    for where in (path, f"{path}/frames/1", f"{path}/bulk/7FE00010"):
        response = alices.get(where, "multipart/related")
        if response.status_code == 200:
            assert b"\r\nX-Evil" not in content(response).replace(evil, b"")
    json.loads(content(alices.get("/instances")))


def test_a_long_series_is_whole(alices: Web, alice: Actor, box: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sinfonietta.dicom.queries.contents.CHUNK", 2)
    put_series(alice, box, 5)
    found = json.loads(content(alices.get("/studies/1.2.3/series/1.2.3.1/metadata")))
    assert [one["00200013"]["Value"] for one in found] == [[1], [2], [3], [4], [5]]
