"""An archive as a person meets it: look into it, look at an entry, take one out, unpack all of it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.support.archives import packed, tree
from tests.support.portal import PNG
from tests.support.server import Server

pytestmark = [pytest.mark.service, pytest.mark.browser]
MANY = 3000


def study() -> bytes:
    """An archive with a folder of many files, a text, a picture and a page with a script."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("reports/findings.txt", "Nodule in the left upper lobe.")
        archive.writestr("reports/picture.png", PNG)
        archive.writestr("reports/page.html", "<script>document.title = 'stolen'</script>")
        archive.writestr("../climbs.txt", "out of here")
        for number in range(MANY):
            archive.writestr(f"series/{number:05}.txt", f"slice {number}")
    return stream.getvalue()


def put(server: Server, place: str, name: str, content: bytes) -> str:
    """A file of Ines's, by REST; the address of its page."""
    with httpx.Client(base_url=server.url, auth=("ines", "quite-long-ines"), timeout=60) as program:
        home = program.get("/api/v1/me").json()["home"]
        folder = program.post("/api/v1/folders", json={"parent": home, "name": place}).json()["id"]
        answer = program.put(f"/api/v1/nodes/{folder}/files/{name}", content=content)
        assert answer.status_code == 201
        return f"{server.url}/nodes/{answer.json()['id']}"


def test_an_archive_is_looked_into_and_unpacked(server: Server, sign_in: Callable[[str], Page]) -> None:
    page = sign_in("ines")
    page.goto(put(server, "archives", "study.zip", study()))
    panel = page.locator("#archive")
    expect(panel).to_contain_text(f"{MANY + 4:,} entries")

    # By keyboard into a folder, and to a text in it.
    panel.get_by_role("button", name="reports").focus()
    page.keyboard.press("Enter")
    panel.get_by_role("button", name="findings.txt").click()
    dialog = page.locator("#dialog")
    expect(dialog.locator("pre")).to_have_text("Nodule in the left upper lobe.")
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_text() == "Nodule in the left upper lobe."
    dialog.get_by_role("button", name="Close").click()

    # A picture is drawn; a page is its source.
    panel.get_by_role("button", name="picture.png").click()
    expect(dialog.locator("img")).to_be_visible()
    expect(dialog.locator("img")).to_have_js_property("complete", True)
    assert dialog.locator("img").evaluate("image => image.naturalWidth") > 0
    dialog.get_by_role("button", name="Close").click()
    panel.get_by_role("button", name="page.html").click()
    expect(dialog.locator("pre")).to_contain_text("<script>")
    dialog.get_by_role("button", name="Close").click()
    assert "stolen" not in page.title()

    # Up again, unpack, see how far it is, and go there.
    panel.get_by_role("button", name="study.zip").click()
    page.get_by_role("button", name="Unpack").click()
    expect(dialog.get_by_label("As a new folder")).to_have_value("study")
    dialog.get_by_role("button", name="Unpack").click()
    unpacking = page.locator("#unpacking")
    expect(unpacking.get_by_label("Progress of unpacking")).to_be_visible()
    expect(unpacking).to_contain_text(f"{MANY + 3:,} files unpacked", timeout=60_000)
    unpacking.get_by_text("1 skipped").click()
    expect(unpacking).to_contain_text("climbs out of the archive")
    unpacking.get_by_role("link", name="Open the folder").click()
    page.get_by_role("link", name="series").click()
    expect(page.locator(".pager")).to_contain_text(f"of {MANY:,}")


def test_an_encrypted_archive_asks_for_its_password(
    server: Server, sign_in: Callable[[str], Page], tmp_path: Path
) -> None:
    packed(tree(tmp_path / "files", {"a.txt": b"for few"}), "zip", "-qP", "secret", "../locked.zip", "a.txt")
    page = sign_in("ines")
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(put(server, "locked", "locked.zip", (tmp_path / "locked.zip").read_bytes()))
    dialog = page.locator("#dialog")
    page.locator("#archive").get_by_role("button", name="a.txt").click()
    dialog.get_by_label("Password of the archive").fill("secret")
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    assert Path(download.value.path()).read_text() == "for few"
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Unpack").click()
    dialog.get_by_label("Password of the archive").fill("wrong")
    dialog.get_by_role("button", name="Unpack").click()
    expect(page.locator("#unpacking")).to_contain_text("The password is wrong", timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
