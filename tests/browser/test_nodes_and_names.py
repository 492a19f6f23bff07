"""Other DICOM nodes as a person works with them; names in other scripts; duplicates that differ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.support.dimse import THEIRS, listening
from tests.support.server import Server
from tests.support.studies import instance

pytestmark = [pytest.mark.service, pytest.mark.browser]


@pytest.fixture(scope="module")
def collection(server: Server) -> str:
    """Studies of patients whose names are in other scripts, and one instance with two contents."""
    files = {
        "chinese.dcm": instance(
            study="1.2.81", series="1.2.81.1", SpecificCharacterSet="GB18030", PatientName="Wang^XiaoDong=王^小东",
            PatientID="CN-1", StudyDescription="胸部",
        ),
        "japanese.dcm": instance(
            study="1.2.82", series="1.2.82.1", SpecificCharacterSet=["", "ISO 2022 IR 87"],
            PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう", PatientID="JP-1",
        ),
        "first.dcm": instance(study="1.2.83", series="1.2.83.1", PatientID="TWICE"),
        "second.dcm": instance(study="1.2.83", series="1.2.83.1", PatientID="TWICE", StudyDescription="Other content"),
        "other.dcm": instance(2, study="1.2.83", series="1.2.83.1", PatientID="TWICE"),
    }  # fmt: skip
    with httpx.Client(base_url=server.url, auth=("ines", "quite-long-ines")) as client:
        made = str(client.post("/api/v1/collections", json={"name": "From everywhere"}).json()["id"])
        for name, content in files.items():
            assert client.put(f"/api/v1/nodes/{made}/files/{name}", content=content).status_code == 201
    return made


def test_names_in_other_scripts_are_shown_as_they_are_written(
    server: Server, sign_in: Callable[[str], Page], collection: str, tmp_path: Path
) -> None:
    page = sign_in("ines")
    page.goto(f"{server.url}/studies?in={collection}")
    expect(page.get_by_role("row", name="CN-1")).to_contain_text("Wang, XiaoDong 王 小东")
    expect(page.get_by_role("row", name="CN-1")).to_contain_text("胸部")
    expect(page.get_by_role("row", name="JP-1")).to_contain_text("Yamada, Tarou 山田 太郎")
    page.screenshot(path=tmp_path / "names.png")
    page.get_by_label("Patient’s name").or_(page.locator("[name=patient]")).first.fill("王")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="JP-1")).to_have_count(0)
    page.get_by_role("link", name="Wang, XiaoDong 王 小东").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("王 小东")


def test_duplicates_that_differ_are_shown_as_such(
    server: Server, sign_in: Callable[[str], Page], collection: str, tmp_path: Path
) -> None:
    page = sign_in("ines")
    page.goto(f"{server.url}/nodes/{collection}")
    for name in ("first.dcm", "second.dcm"):
        expect(page.get_by_role("row", name=name).locator(".badge")).to_have_text("conflict")
    expect(page.get_by_role("row", name="other.dcm").locator(".badge")).to_have_count(0)
    page.get_by_role("link", name="second.dcm").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("conflict")
    expect(page.locator(".alert-warning")).to_contain_text("same SOP Instance UID")
    page.screenshot(path=tmp_path / "conflict.png")


def test_a_node_is_named_asked_and_sent_to(
    server: Server, sign_in: Callable[[str], Page], collection: str, tmp_path: Path
) -> None:
    server.cli("create-user", "rosa", "--admin", "--password-stdin", said="quite-long-rosa")
    administrator, page = sign_in("rosa"), sign_in("ines")
    with listening(tmp_path / "received") as node:
        administrator.get_by_role("link", name="DICOM nodes").click()
        form = administrator.locator("form[method=post]").last
        form.get_by_label("AE title").fill(THEIRS)
        form.get_by_label("Host name or address").fill("127.0.0.1")
        form.get_by_label("Port").fill(str(node.port))
        form.get_by_label("Account whose rights it has").fill("ines")
        form.get_by_role("button", name="Add").click()
        expect(administrator.get_by_role("heading", level=1)).to_contain_text(THEIRS)
        administrator.get_by_role("button", name="Echo").click()
        expect(administrator.locator("#toasts")).to_contain_text("The node answers.")

        page.goto(f"{server.url}/studies/1.2.83?in={collection}")
        page.get_by_label("DICOM node to send to").select_option(label=THEIRS)
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#toasts")).to_contain_text("is being sent")
        page.get_by_role("link", name="Jobs").click()
        sent = page.get_by_role("row", name="Sending to a DICOM node")
        expect(sent.locator(".job-succeeded")).to_be_visible(timeout=30_000)
        expect(sent).to_contain_text("2 sent, 0 failed")
        page.screenshot(path=tmp_path / "sent.png")
        assert len(node.files) == 2  # of the two contents of one UID the one that is shown
    page.goto(f"{server.url}/dicom-nodes")
    page.get_by_role("row", name=THEIRS).get_by_role("button", name="Echo").click()
    expect(page.locator("#toasts")).to_contain_text("cannot be reached: Connection refused")
    page.screenshot(path=tmp_path / "nodes.png")
    page.goto(server.url + str(page.get_by_role("link", name=THEIRS).get_attribute("href")))
    page.get_by_label("Fetch all of it that is not here").select_option(label="every day")
    expect(page.locator("#toasts")).to_contain_text("mirrored again and again")
    page.reload()
    expect(page.get_by_label("Fetch all of it that is not here")).to_have_value("24")
    page.screenshot(path=tmp_path / "node.png")
