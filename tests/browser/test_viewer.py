"""OHIF shows what was marked, and saves what is measured and marked in it beside the study."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from playwright.sync_api import Page, expect
from pydicom.dataset import Dataset
from pydicom.uid import SegmentationStorage
from tests.browser.ohif_helpers import viewer_address, wait_for_image
from tests.support.objects import dataset, phantom
from tests.support.server import Server

pytestmark = [pytest.mark.service, pytest.mark.browser]
SHOWN = ("CT/", "SEG/")
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
COLOURED = """() => {
    const canvas = document.querySelector('canvas.cornerstone-canvas');
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let [red, green] = [0, 0];
    for (let at = 0; at < pixels.length; at += 4) {
        red += pixels[at] > pixels[at + 1] + 60;
        green += pixels[at + 1] > pixels[at + 2] + 60 && pixels[at + 1] > pixels[at];
    }
    return [red, green];
}"""
MENU_OF_SEGMENTATION = 'xpath=//button[@role="combobox"]/preceding::button[@aria-haspopup="menu"][1]'


@pytest.fixture(scope="module")
def ines(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, auth=("ines", "quite-long-ines")) as client:
        yield client


@pytest.fixture(scope="module")
def place(ines: httpx.Client) -> str:
    """A folder with a CT and a segmentation of it, which Amara may read."""
    collection = ines.post("/api/v1/collections", json={"name": "To be measured"}).json()["id"]
    grants = {"inherit": False, "everyone": None, "grants": [{"user": "amara", "level": "read"}]}
    assert ines.put(f"/api/v1/nodes/{collection}/grants", json=grants).status_code == 200
    folder = str(ines.post("/api/v1/folders", json={"parent": collection, "name": "Thorax"}).json()["id"])
    for name, content in phantom()[1].items():
        if name.startswith(SHOWN):
            ines.put(f"/api/v1/nodes/{folder}/files/{name.replace('/', ' ')}.dcm", content=content)
    return folder


def saved(ines: httpx.Client, place: str, series: str) -> tuple[str, Dataset]:
    """The page and content of the one file in the fileset beside the images that ends with that name."""
    listed = ines.get(f"/api/v1/nodes/{place}/children?type=fileset").json()["results"]
    (fileset,) = [one for one in listed if one["name"].endswith(series)]
    (file,) = ines.get(f"/api/v1/nodes/{fileset['id']}/children").json()["results"]
    content = ines.get(f"/api/v1/files/{file['id']}/content").content
    return f"/nodes/{file['id']}", pydicom.dcmread(io.BytesIO(content))


def measure(page: Page, server: Server, place: str) -> str:
    """Open the CT, draw a line as a hand would, and ask to save it; the length that is shown, in mm."""
    study = str(dataset("CT/ct_009").StudyInstanceUID)
    page.goto(server.url + viewer_address(study, scope=f"folders/{place}"))
    wait_for_image(page)
    page.locator('[data-cy="MeasurementTools-split-button-primary"]').click()
    box: Any = page.locator("canvas.cornerstone-canvas").first.bounding_box()
    left, middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.click(left, middle)
    page.mouse.move(left + 40, middle + 5)
    page.mouse.click(left + 80, middle + 10)
    page.locator('[data-cy="prompt-begin-tracking-yes-btn"]').click()
    page.locator('[data-cy="trackedMeasurements-btn"]').click()
    length = page.get_by_text(re.compile(r"^\s*\d+(\.\d+)?\s+mm\s*$")).first.text_content()
    page.get_by_role("button", name="Create SR").click()
    page.get_by_role("dialog").get_by_placeholder("Report name").fill("By hand")
    page.get_by_role("button", name="Save").click()
    assert length
    return length.split()[0]


def test_a_measurement_becomes_a_report_beside_the_study(
    server: Server, sign_in: Callable[[str], Page], ines: httpx.Client, place: str, tmp_path: Path
) -> None:
    page = sign_in("ines")
    length = measure(page, server, place)
    expect(page.get_by_text("saved successfully")).to_be_visible()
    page.screenshot(path=tmp_path / "measured.png")
    where, report = saved(ines, place, "SR By hand")
    assert report.StudyInstanceUID == dataset("CT/ct_009").StudyInstanceUID
    page.goto(server.url + where)
    expect(page.locator(".sr")).to_contain_text(length.split(".")[0])
    page.screenshot(path=tmp_path / "measurement-in-the-library.png")
    events = ines.get(f"/api/v1/audit?node={where.rpartition('/')[2]}").json()["results"]
    assert ("file.added", "dicomweb") in {(event["action"], event["door"]) for event in events}


def test_who_may_only_read_is_told_so_by_the_viewer(
    server: Server, sign_in: Callable[[str], Page], ines: httpx.Client, place: str, tmp_path: Path
) -> None:
    before = ines.get(f"/api/v1/nodes/{place}/manifest").text
    page = sign_in("amara")
    measure(page, server, place)
    expect(page.get_by_text("You may read this study, but not write in the folder that holds it.")).to_be_visible()
    page.screenshot(path=tmp_path / "refused.png")
    expect(page.get_by_text("Tumour and heart")).to_be_visible()
    expect(page.locator('[data-cy="studyBrowser-panel"]').get_by_text("By hand")).to_have_count(before.count("By hand"))
    assert ines.get(f"/api/v1/nodes/{place}/manifest").text == before


def test_a_segmentation_is_shown_and_saved_as_seg_and_as_structure_set(
    server: Server, sign_in: Callable[[str], Page], ines: httpx.Client, place: str, tmp_path: Path
) -> None:
    page = sign_in("ines")
    page.goto(f"{server.url}/studies/{dataset('CT/ct_009').StudyInstanceUID}?in={place}")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Segment").click()
    viewer = opened.value
    wait_for_image(viewer)
    viewer.get_by_text("Tumour and heart").dblclick()
    viewer.get_by_role("button", name="Yes").click()
    expect(viewer.get_by_text("Heart", exact=True)).to_be_visible()
    viewer.wait_for_function(f"({COLOURED})().every(count => count > 100)")
    viewer.screenshot(path=tmp_path / "segmentation.png")

    for kind, name in (("DICOM SEG", "Drawn again"), ("DICOM RTSS", "As contours")):
        viewer.locator(MENU_OF_SEGMENTATION).last.click()
        viewer.get_by_role("menuitem", name="Export").click()
        viewer.get_by_role("menuitem", name=kind).click()
        dialog = viewer.get_by_role("dialog")
        dialog.get_by_role("combobox").click()
        viewer.get_by_role("option", name="Create new series").click()
        dialog.get_by_placeholder("Report name").fill(name)
        with viewer.expect_response(re.compile("/beside/studies$")) as stored:
            dialog.get_by_role("button", name="Save").click()
        assert stored.value.status == 200
        viewer.get_by_text("Do you want to open").wait_for()
        viewer.get_by_role("button", name="Yes").click()

    again, before = saved(ines, place, "SEG Drawn again")[1], dataset("SEG/segments")
    assert again.SOPClassUID == LABEL_MAP
    assert [one.SegmentLabel for one in again.SegmentSequence] == ["Tumour", "Heart"]
    assert marked(again) == marked(before)
    where, contours = saved(ines, place, "RTSTRUCT As contours")
    assert [one.ROIName for one in contours.StructureSetROISequence] == ["Tumour", "Heart"]
    assert all(one.ContourSequence for one in contours.ROIContourSequence)
    page.goto(server.url + where)
    expect(page.locator(".stack")).to_be_visible()
    page.screenshot(path=tmp_path / "contours-in-the-library.png")


def marked(segmentation: Dataset) -> Counter[tuple[int, float]]:
    """How many pixels are marked of each segment, by its number and the place of the slice in mm."""
    frames = segmentation.pixel_array.reshape(-1, segmentation.Rows, segmentation.Columns)
    found: Counter[tuple[int, float]] = Counter()
    for frame, said in zip(frames, segmentation.PerFrameFunctionalGroupsSequence, strict=True):
        if segmentation.SOPClassUID == SegmentationStorage:  # a frame for each segment, of 0 and 1
            frame = frame * said.SegmentIdentificationSequence[0].ReferencedSegmentNumber  # noqa: PLW2901
        height_mm = float(said.PlanePositionSequence[0].ImagePositionPatient[2])
        found.update({(number, height_mm): int(np.count_nonzero(frame == number)) for number in (1, 2)})
    return +found
