"""Pictures over HTTP."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.dicomweb import Web, content
from tests.support.studies import instance, put, put_series
from tests.unit.dicom.files import encoded, image, sample

from sinfonietta.accounts.actor import Actor
from sinfonietta.library.models import Node

pytestmark = pytest.mark.django_db
SERIES = "/studies/1.2.3/series/1.2.3.1"
ONE = f"{SERIES}/instances/1.2.3.1.1"
RAMP = np.repeat(np.arange(0, 64 * 16, 16, dtype="<u2"), 64).reshape(64, 64)


@pytest.fixture
def alices(web: Callable[..., Web], alice: Actor, box: Node) -> Web:
    put(alice, box.uid, instance(1, Rows=64, Columns=64, PixelData=RAMP.tobytes()))
    return web(alice)


def picture(response: object, kind: str) -> np.ndarray:  # type: ignore[type-arg]
    assert response["Content-Type"] == f"image/{kind}"  # type: ignore[index]
    opened = Image.open(io.BytesIO(response.content))  # type: ignore[attr-defined]
    assert opened.format == kind.upper()
    return np.asarray(opened)


def test_png_and_jpeg_by_what_is_accepted(alices: Web) -> None:
    shown = picture(alices.get(f"{ONE}/rendered", "image/png"), "png")
    assert shown.shape == (64, 64)
    assert (shown[0, 0], shown[-1, 0]) == (102, 255)  # window 40/400
    for accept in ("image/jpeg", "*/*", "text/html,image/avif,image/webp,*/*;q=0.8"):
        assert picture(alices.get(f"{ONE}/rendered", accept), "jpeg").shape == (64, 64)
    assert picture(alices.get(f"{ONE}/rendered?accept=image/png", "*/*"), "png").shape == (64, 64)
    assert alices.get(f"{ONE}/rendered", "image/jp2").status_code == 406


def test_window_viewport_and_quality(alices: Web) -> None:
    wide = picture(alices.get(f"{ONE}/rendered?window=504,1008,linear", "image/png"), "png")
    assert abs(int(wide[32, 0]) - 130) < 3
    assert picture(alices.get(f"{ONE}/rendered?viewport=32,16", "image/png"), "png").shape == (16, 16)
    low, high = (len(alices.get(f"{ONE}/rendered?quality={quality}", "image/jpeg").content) for quality in (5, 100))
    assert low < high


BAD_PARAMETERS = """window=1 window=1,0 window=a,b window=1,2,cubic window=1e999,2 viewport=10 viewport=0,10
viewport=99999,1 quality=0 quality=101 quality=x colour=red"""


@pytest.mark.parametrize("query", BAD_PARAMETERS.split())
def test_parameters_that_are_none(alices: Web, query: str) -> None:
    assert alices.get(f"{ONE}/rendered?{query}").status_code == 400


def test_frames_and_thumbnails(alices: Web, alice: Actor, box: Node) -> None:
    put_series(alice, box, 3, series="1.2.3.2")
    frames = np.stack([np.full((8, 8), value, "<u2") for value in (0, 40, 240)])
    put(alice, box.uid, instance(9, NumberOfFrames=3, Rows=8, Columns=8, PixelData=frames.tobytes()), "9.dcm")
    for number, grey in ((1, 102), (2, 127), (3, 255)):
        shown = picture(alices.get(f"{SERIES}/instances/1.2.3.1.9/frames/{number}/rendered", "image/png"), "png")
        assert abs(int(shown[0, 0]) - grey) <= 1
    assert alices.get(f"{SERIES}/instances/1.2.3.1.9/frames/4/rendered").status_code == 404
    assert alices.get(f"{SERIES}/instances/1.2.3.1.9/frames/1,2/rendered").status_code == 406
    for path in ("/studies/1.2.3", SERIES, ONE, f"{ONE}/frames/1"):
        assert picture(alices.get(f"{path}/thumbnail?viewport=20,20", "image/jpeg"), "jpeg").shape <= (20, 20)
    assert alices.get("/studies/9.9/thumbnail").status_code == 404


def test_what_cannot_be_drawn_says_why(alices: Web, alice: Actor, box: Node) -> None:
    filed = put(alice, box.uid, Path(sample("rtplan.dcm")).read_bytes(), "plan.dcm")
    row = filed.version.dicom
    path = f"/studies/{row.study_uid}/series/{row.series_uid}/instances/{row.sop_uid}"
    response = alices.get(f"{path}/rendered", "image/png")
    assert (response.status_code, response.json()["detail"]) == (406, "The instance holds no image.")
    put(alice, box.uid, instance(5, Rows=0), "5.dcm")
    response = alices.get(f"{SERIES}/instances/1.2.3.1.5/rendered", "image/png")
    assert response.status_code == 406
    assert response.json()["detail"].startswith("The image cannot be drawn: ")


def test_an_encapsulated_pdf_is_shown_as_what_it_is(alices: Web, alice: Actor, box: Node) -> None:
    document = image(
        PixelData=None,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1",
        SOPInstanceUID="1.2.3.1.7",
        MIMETypeOfEncapsulatedDocument="application/pdf",
        EncapsulatedDocument=b"%PDF-1.7 " + b"x" * 5000 + b" ",
    )
    put(alice, box.uid, encoded(document), "report.dcm")
    response = alices.get(f"{SERIES}/instances/1.2.3.1.7/rendered", "text/html,application/xhtml+xml,*/*;q=0.8")
    assert (response["Content-Type"], response["X-Frame-Options"]) == ("application/pdf", "SAMEORIGIN")
    assert response["Content-Disposition"] == "inline"
    document = content(response)
    assert document.startswith(b"%PDF-1.7 xxx")
    assert len(document) == 5010 == int(response["Content-Length"])


@pytest.fixture
def report(alices: Web, alice: Actor, box: Node) -> tuple[Web, str]:
    """A report of measurements whose title is hostile, and where it is rendered."""
    from tests.support.objects import dataset, saved

    changed = dataset("Reports/measurements")
    changed.ConceptNameCodeSequence[0].CodeMeaning = "<script>alert(1)</script>"
    put(alice, box.uid, saved(changed), "sr.dcm")
    series = f"/studies/{changed.StudyInstanceUID}/series/{changed.SeriesInstanceUID}"
    return alices, f"{series}/instances/{changed.SOPInstanceUID}/rendered"


@pytest.mark.parametrize("accept", ["text/html", "*/*", "text/*", "text/html,image/avif,*/*;q=0.8"])
def test_a_report_is_a_page_that_may_do_nothing(report: tuple[Web, str], accept: str) -> None:
    response = report[0].get(report[1], accept)
    assert (response.status_code, response["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "sandbox" in response["Content-Security-Policy"]
    page = response.content.decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<b>Diameter</b>" in page


def test_a_report_as_plain_text(report: tuple[Web, str]) -> None:
    response = report[0].get(report[1], "text/plain")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert any(
        line.strip().startswith("Diameter: ") and line.endswith("mm") for line in response.content.decode().splitlines()
    )
    assert report[0].get(report[1], "image/jpeg").status_code == 406
    assert report[0].get(report[1].replace("/rendered", "/thumbnail"), "*/*").status_code == 406
    study, series, uid = report[1].split("/")[2:7:2]
    old = f"/wado?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={uid}&contentType=text/plain"
    assert report[0].get(old).content == response.content
