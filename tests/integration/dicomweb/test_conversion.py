"""Files and frames in the transfer syntax that is asked for; WADO-URI; bulk data of whole studies."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from tests.support.dicomweb import Web, content
from tests.support.studies import instance, put
from tests.unit.dicom import files

from sinfonietta.accounts.actor import Actor
from sinfonietta.library.models import Node

pytestmark = pytest.mark.django_db
EXPLICIT, JPEG_LS, DEFLATED, HTJ2K, RLE = (
    "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.5",
)  # fmt: skip
MPEG4 = "1.2.840.10008.1.2.4.102"
FILES = 'multipart/related; type="application/dicom"; transfer-syntax='
SERIES = "/studies/1.2.3/series/1.2.3.1"
ONE = f"{SERIES}/instances/1.2.3.1.1"
PIXELS = np.arange(24 * 2, dtype="<u2").reshape(2, 4, 6)


@pytest.fixture
def alices(web: Callable[..., Web], alice: Actor, box: Node) -> Web:
    put(alice, box.uid, instance(1, NumberOfFrames=2, PixelData=PIXELS.tobytes()), "1.dcm")
    return web(alice)


def pieces(response: Any) -> list[tuple[str, bytes]]:
    assert response.status_code == 200, content(response)
    boundary = response["Content-Type"].partition("boundary=")[2].encode()
    found = content(response).split(b"\r\n--" + boundary)
    assert found[-1] == b"--\r\n"
    heads = [piece.removeprefix(b"\r\n").partition(b"\r\n\r\n") for piece in found[1:-1]]
    return [(head.decode(), data) for head, _, data in heads]


@pytest.mark.parametrize("syntax", [EXPLICIT, JPEG_LS, DEFLATED, HTJ2K, RLE])
def test_an_instance_in_another_syntax(alices: Web, syntax: str) -> None:
    ((head, data),) = pieces(alices.get(ONE, FILES + syntax))
    assert f"transfer-syntax={syntax}" in head
    assert f"Content-Location: http://testserver/dicomweb{ONE}" in head
    alone = content(alices.get(ONE, f"application/dicom; transfer-syntax={syntax}"))
    for raw in (data, alone):
        found = pydicom.dcmread(io.BytesIO(raw))
        assert found.file_meta.TransferSyntaxUID == syntax
        assert np.array_equal(found.pixel_array, PIXELS)
        assert found.SOPInstanceUID == "1.2.3.1.1"


def test_a_series_in_another_syntax(alices: Web, alice: Actor, box: Node) -> None:
    video = files.renamed(instance(2), MPEG4)[: -12 - 48] + b""
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    items = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(one)) + one for one in (b"", b"some", b"mpeg"))
    video += struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + items + end
    put(alice, box.uid, video, "video.dcm")
    put(alice, box.uid, instance(3, PixelData=None, Modality="SR"), "3.dcm")
    found = pieces(alices.get(SERIES, FILES + JPEG_LS))
    assert [head.partition("transfer-syntax=")[2].split()[0] for head, _ in found] == [JPEG_LS, MPEG4, EXPLICIT]
    assert found[1][1] == video
    path = f"{SERIES}/instances/1.2.3.1.2"
    assert alices.get(path, FILES + EXPLICIT).status_code == 406
    response = alices.get(f"{path}/rendered", "video/mp4")
    assert (response["Content-Type"], content(response)) == ("video/mp4", b"somempeg")
    refused = alices.get(f"{path}/rendered", "image/jpeg")
    assert (refused.status_code, "video/mp4" in refused.json()["detail"]) == (406, True)


def test_nothing_loses_something_silently(alices: Web) -> None:
    for syntax in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2", "1.2.3"):
        assert alices.get(ONE, FILES + syntax).status_code == 406
    (only,) = pieces(alices.get(ONE, f"{FILES}1.2.3, {FILES}{JPEG_LS};q=0.5"))
    assert JPEG_LS in only[0]
    assert content(alices.get(ONE, FILES + "*")) != b""


def test_frames_compressed_on_request(alices: Web) -> None:
    found = pieces(alices.get(f"{ONE}/frames/2,1", 'multipart/related; type="image/jls"'))
    assert [head.split("\r\n")[0] for head, _ in found] == [f"Content-Type: image/jls; transfer-syntax={JPEG_LS}"] * 2
    whole = instance(1, syntax=JPEG_LS, NumberOfFrames=2, PixelData=encapsulate([data for _, data in found]))
    assert np.array_equal(pydicom.dcmread(io.BytesIO(whole)).pixel_array, PIXELS[::-1])
    assert alices.get(f"{ONE}/frames/1", 'multipart/related; type="image/jp2"').status_code == 200
    assert alices.get(f"{ONE}/frames/1", 'multipart/related; type="image/jxl"').status_code == 406


def test_wado_uri(alices: Web) -> None:
    uids = "requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.1&objectUID=1.2.3.1.1"
    default = alices.get(f"/wado?{uids}")
    assert (default["Content-Type"].partition(";")[0], default.status_code) == ("application/dicom", 200)  # two frames
    assert np.array_equal(pydicom.dcmread(io.BytesIO(content(default))).pixel_array, PIXELS)
    raw = content(alices.get(f"/wado?{uids}&contentType=application/dicom&transferSyntax={JPEG_LS}"))
    assert pydicom.dcmread(io.BytesIO(raw)).file_meta.TransferSyntaxUID == JPEG_LS
    shown = alices.get(f"/wado?{uids}&contentType=image/png&frameNumber=2&windowCenter=36&windowWidth=24&rows=8")
    assert Image.open(io.BytesIO(content(shown))).size == (6, 4)
    cut = alices.get(f"/wado?{uids}&contentType=image/png&frameNumber=1&region=0.0,0.5,0.5,1.0")
    assert Image.open(io.BytesIO(content(cut))).size == (3, 2)
    assert alices.get(f"/wado?{uids}&contentType=image/jpeg")["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400), ("requestType=XYZ", 400), ("objectUID=", 400), ("objectUID=..%2F", 400), ("objectUID=9.9", 404),
        ("contentType=text/html", 406), ("anonymize=yes", 406), ("presentationUID=1.2", 406), ("rows=0", 400),
        ("frameNumber=x", 400), ("frameNumber=3&contentType=image/png", 404), ("windowCenter=1", 400),
        ("region=0,0,2,2", 400), ("region=0.5,0,0.5,1", 400), ("imageQuality=0", 400),
        ("transferSyntax=1.2.840.10008.1.2.4.50", 406), ("annotation=weather", 400),
    ],
)  # fmt: skip
def test_wado_uri_that_is_none(alices: Web, query: str, status: int) -> None:
    given = {"requestType": "WADO", "studyUID": "1.2.3", "seriesUID": "1.2.3.1", "objectUID": "1.2.3.1.1"}
    given |= dict(part.split("=", 1) for part in query.split("&") if part)
    whole = "&".join(f"{name}={value}" for name, value in given.items()) if query else "requestType=WADO"
    assert alices.get(f"/wado?{whole}").status_code == status


def test_bulk_data_of_all(alices: Web) -> None:
    for path in ("/studies/1.2.3", SERIES, ONE):
        for what in ("bulkdata", "pixeldata"):
            ((head, data),) = pieces(alices.get(f"{path}/{what}", 'multipart/related; type="application/octet-stream"'))
            assert data == PIXELS.tobytes()
            assert f"Content-Location: http://testserver/dicomweb{ONE}/bulk/7FE00010" in head
    assert alices.get("/studies/9.9/bulkdata").status_code == 404


def test_rendered_studies_series_frames_and_animations(alices: Web, alice: Actor, box: Node) -> None:
    put(alice, box.uid, instance(2), "2.dcm")
    jpegs = 'multipart/related; type="image/jpeg"'
    for path in ("/studies/1.2.3", SERIES):
        assert len(pieces(alices.get(f"{path}/rendered", jpegs))) == 2
        assert content(alices.get(f"{path}/rendered", "image/jpeg"))[:3] == b"\xff\xd8\xff"
    assert len(pieces(alices.get(f"{ONE}/rendered", jpegs))) == 2
    assert len(pieces(alices.get(f"{ONE}/frames/2/rendered", jpegs))) == 1
    moving = Image.open(io.BytesIO(content(alices.get(f"{ONE}/rendered", "image/gif"))))
    assert (moving.format, moving.n_frames) == ("GIF", 2)
    assert Image.open(io.BytesIO(content(alices.get(f"{ONE}/frames/1/rendered", "image/gif")))).n_frames == 1


def test_regions_turned_over_and_annotations(alices: Web, alice: Actor, box: Node) -> None:
    ramp = np.tile(np.arange(64, dtype="<u2") * 4, (64, 1))
    wide = {"Rows": 64, "Columns": 64, "WindowCenter": 128, "WindowWidth": 256, "PixelData": ramp.tobytes()}
    put(alice, box.uid, instance(5, **wide), "5.dcm")
    path = f"{SERIES}/instances/1.2.3.1.5/rendered"

    def shown(query: str) -> np.ndarray:  # type: ignore[type-arg]
        return np.asarray(Image.open(io.BytesIO(content(alices.get(f"{path}?{query}", "image/png"))))).astype(int)

    whole = shown("")
    assert np.array_equal(shown("viewport=32,16,8,4,32,16"), whole[4:20, 8:40])
    assert np.array_equal(shown("viewport=32,16,8,4,-32,-16"), whole[4:20, 8:40][::-1, ::-1])
    assert shown("viewport=256,128").shape == (128, 128)  # as large as the viewport allows
    marked = shown("annotation=patient,technique")
    assert (marked != whole).any()
    assert (marked == whole).mean() > 0.5  # and the image is still there
    assert alices.get(f"{path}?viewport=8,8,500,500,5,5", "image/png").status_code == 406
    for bad in ("viewport=8,8,1", "viewport=8,8,0,0,0,5", "viewport=8,8,a,b,c,d", "annotation=x", "iccprofile=x"):
        assert alices.get(f"{path}?{bad}", "image/png").status_code == 400


def test_capabilities(alices: Web) -> None:
    from xml.etree import ElementTree as ET

    from django.test import Client

    as_json = alices.get("/capabilities", "application/json").json()
    paths = {one["path"]: {method["name"] for method in one["methods"]} for one in as_json["resources"]}
    assert paths["studies"] == {"GET", "HEAD", "POST"}
    assert "DELETE" in paths["studies/{study}/series/{series}"]
    headers = {"Authorization": f"Bearer {alices.secret}", "Accept": "application/vnd.sun.wadl+xml"}
    answer = Client().options("/dicomweb/", headers=headers)
    assert answer["Content-Type"] == "application/vnd.sun.wadl+xml"
    (resources,) = ET.fromstring(answer.content)
    assert resources.get("base") == "http://testserver/dicomweb/"
    assert {one.get("path") for one in resources} == set(paths)
    assert Client().options("/dicomweb/").status_code == 401


def test_a_sample_of_each_reader(alices: Web, alice: Actor, box: Node) -> None:
    """Files as other people write them, from JPEG 2000 and RLE to explicit little endian."""
    for name in (
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_bigendian.dcm",
    ):
        raw = Path(files.sample(name)).read_bytes()
        row = put(alice, box.uid, raw, name).version.dicom
        path = f"/studies/{row.study_uid}/series/{row.series_uid}/instances/{row.sop_uid}"
        found = pydicom.dcmread(io.BytesIO(content(alices.get(path, f"application/dicom; transfer-syntax={EXPLICIT}"))))
        expected = pydicom.dcmread(files.sample("MR_small.dcm")).pixel_array
        assert np.array_equal(found.pixel_array, expected), name
