"""A patient's studies along time, taken along as a zip, and a series exported, as a person does it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import nibabel
import pytest
from playwright.sync_api import Page, expect
from tests.support.objects import phantom
from tests.support.server import Server

pytestmark = [pytest.mark.service, pytest.mark.browser]
TAKEN = ("CT/", "RT/structures", "RT/dose", "Mammography/", "Reports/fluoroscopy dose report")


@pytest.fixture(scope="module")
def collection(server: Server) -> str:
    """The phantom in a collection of Amara's; its id."""
    with httpx.Client(base_url=server.url, auth=("amara", "quite-long-amara")) as client:
        made = str(client.post("/api/v1/collections", json={"name": "Patients"}).json()["id"])
        for name, content in phantom()[1].items():
            if name.startswith(TAKEN):
                file = name.replace("/", " ")
                stored = client.put(f"/api/v1/nodes/{made}/files/{file}.dcm", content=content)
                assert stored.status_code == 201, stored.text
        client.post("/api/v1/folders", json={"parent": made, "name": "Training"})
    return made


def looked(page: Page, folder: Path, name: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
    page.screenshot(path=folder / f"{name}.png")


def test_a_patient_along_time(server: Server, sign_in: Callable[[str], Page], collection: str, tmp_path: Path) -> None:
    page = sign_in("amara")
    page.goto(f"{server.url}/studies?in={collection}")
    page.get_by_label("Description of study or series").fill("thorax")
    expect(page.locator("#studies tbody tr")).to_have_count(1)
    page.get_by_role("link", name="PHANTOM-000").click()
    expect(page.get_by_role("heading", name="Phantom, Zoë")).to_be_visible()
    expect(page.locator(".studies tbody tr")).to_have_count(3)
    expect(page.locator(".studies img").first).to_have_js_property("complete", True)
    looked(page, tmp_path, "patient")
    marks = page.locator(".timeline svg a")
    expect(marks).to_have_count(3)
    # By the keyboard alone: along the marks, and into the study.
    page.get_by_role("region", name="Studies along time").focus()
    page.keyboard.press("Tab")
    expect(marks.first).to_be_focused()
    page.keyboard.press("Tab")
    expect(marks.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/studies/2.25"))
    page.go_back()
    page.get_by_label("Select all on this page").check()
    with page.expect_download() as started:
        page.locator("[data-selection]").get_by_role("button", name="Download").click()
    with zipfile.ZipFile(started.value.path()) as packed:
        assert packed.testzip() is None
        assert "DICOMDIR" in packed.namelist()
        assert len([name for name in packed.namelist() if name.startswith("PT000000/")]) > 18
    page.set_viewport_size({"width": 390, "height": 844})
    looked(page, tmp_path, "patient-phone")


def test_a_series_is_exported(server: Server, sign_in: Callable[[str], Page], collection: str, tmp_path: Path) -> None:
    page = sign_in("amara")
    page.goto(f"{server.url}/studies?in={collection}&description=thorax")
    page.locator("#studies td.name a").click()
    card = page.locator(".series-list li", has_text="Thorax").first
    card.get_by_role("button", name=re.compile("Export")).click()
    card.get_by_role("button", name="As NIfTI").click()
    dialog = page.locator("#dialog")
    dialog.get_by_role("button", name="Training").click()
    looked(page, tmp_path, "export")
    dialog.get_by_role("button", name="Export into “Training”").click()
    expect(page.locator("#toasts")).to_contain_text("being made")
    page.goto(f"{server.url}/jobs")
    page.locator("#jobs").get_by_role("link", name="Open").first.click(timeout=30_000)
    with page.expect_download() as started:
        page.locator("tbody tr").first.get_by_role("button", name=re.compile("Actions")).click()
        page.locator(".dropdown-menu.show").get_by_role("link", name="Download").click()
    path = tmp_path / "volume.nii.gz"
    started.value.save_as(path)
    assert nibabel.load(path).shape == (64, 64, 16)
