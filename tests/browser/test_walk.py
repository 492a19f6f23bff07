"""The whole walk, as people take it: drop a folder, share it, look at it, take it out again."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.browser.ohif_helpers import centre_shade, wait_for_image
from tests.support.server import Server

pytestmark = [pytest.mark.service, pytest.mark.browser]


def drop(page: Page, folder: Path) -> None:
    """Drop a folder from the desktop onto the page, through the browser's own drag and drop."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 500, "data": data})


def digests(folder: Path) -> dict[str, str]:
    return {
        f"{folder.name}/{path.relative_to(folder)}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_whole_walk(server: Server, sign_in: Callable[[str], Page], slices: Path, tmp_path: Path) -> None:
    # A physicist makes a collection and drops a folder of 200 DICOM files into it.
    page = sign_in("ines")
    page.get_by_role("button", name="New collection").click()
    page.locator("#new-collection").get_by_label("Name").fill("Lung study")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("heading", name="Nothing here yet").wait_for()
    collection = page.url
    drop(page, slices)
    panel = page.locator("#uploads")
    expect(panel.locator("[data-title]")).to_have_text("200 files uploaded", timeout=120_000)
    panel.get_by_role("button", name="Close").click()
    page.get_by_role("link", name="Patient 7").click()
    expect(page.locator(".pager")).to_contain_text("1 – 100 of 200")

    # She shares it with a colleague, who finds it under "Shared with me".
    page.goto(collection)
    page.locator(".page-head").get_by_role("button", name="Share").click()
    dialog = page.locator("#dialog")
    expect(dialog.get_by_label("Add people or groups")).to_be_focused()
    page.keyboard.type("ama")
    dialog.locator("[data-add-grant]").click()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("status")).to_contain_text("Saved")
    colleague = sign_in("amara")
    colleague.get_by_role("link", name="Shared with me").click()
    colleague.get_by_role("link", name="Lung study").click()
    expect(colleague.locator("h1 .badge")).to_have_text("read")
    expect(colleague.get_by_role("button", name="Upload", exact=True)).to_have_count(0)

    # The colleague looks at an image with its tags and goes through the series.
    colleague.get_by_role("link", name="Patient 7").click()
    colleague.get_by_role("link", name="slice_00100").click()
    stack = colleague.locator("[data-stack]")
    expect(stack.locator("[data-caption]")).to_have_text("100 / 200")
    expect(stack.locator("img")).to_have_js_property("naturalWidth", 128)
    before = stack.locator("img").get_attribute("src")
    stack.locator(".stage").focus()
    colleague.keyboard.press("ArrowRight")
    expect(stack.locator("[data-caption]")).to_have_text("101 / 200")
    expect(stack.locator("img")).not_to_have_attribute("src", before or "")
    colleague.get_by_label("Window preset").select_option(label="bone")
    colleague.get_by_label("Find in the tags").fill("PatientName")
    colleague.get_by_label("Find in the tags").fill("patient's name")
    expect(colleague.locator("#tag-list tbody tr:visible")).to_have_count(1)
    expect(colleague.locator("#tag-list tbody tr:visible")).to_contain_text("Phantom^Zoë")

    # They open the study in OHIF: the phantom is on the canvas.
    address = colleague.get_by_role("link", name="Open in viewer").get_attribute("href")
    viewer = colleague.context.new_page()
    viewer.goto(f"{server.url}{address}")
    wait_for_image(viewer, least_shades=8)
    assert centre_shade(viewer) > 60
    expect(viewer.get_by_text("Not a medical device").first).to_be_visible()

    # They take the data out again, and every byte is what was put in.
    colleague.goto(collection)
    colleague.get_by_label("Select all on this page").check()
    with colleague.expect_download() as waiting:
        colleague.locator("[data-selection]").get_by_role("button", name="Download").click()
    target = tmp_path / "out.zip"
    waiting.value.save_as(target)
    with zipfile.ZipFile(target) as archive:
        found = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    assert found == digests(slices)

    # A stranger sees none of it.
    stranger = sign_in("mallory")
    for place in ("/", "/shared", "/studies", "/trash"):
        stranger.goto(server.url + place)
        assert "Lung study" not in stranger.content()
        assert "Phantom" not in stranger.content()
    stranger.goto(collection)
    stranger.get_by_role("heading", name="Not found").wait_for()
    assert server.verify() == []


def test_a_broken_upload_goes_on_after_a_reload(server: Server, sign_in: Callable[[str], Page], tmp_path: Path) -> None:
    """The connection breaks in the middle of a large file; after a reload the same file goes on where it stopped."""
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(range(256)) * (96 << 12))  # 96 MiB
    page = sign_in("ines")
    page.get_by_role("link", name="Your own place").click()
    page.route(
        "**/api/v1/uploads/*",
        lambda route: route.abort("connectionreset") if route.request.method == "PATCH" else route.continue_(),
    )
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload", exact=True).click()
    with page.expect_request(lambda request: request.method == "PATCH"):  # the address is remembered by then
        chooser.value.set_files(large)
    stored = page.evaluate(
        "JSON.parse(Object.entries(localStorage).find(([key]) => key.startsWith('tus::'))[1]).uploadUrl"
    )
    token = server.token("ines")
    headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}
    half = large.read_bytes()[: 48 << 20]
    patch = {**headers, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert httpx.patch(server.url + stored, content=half, headers=patch).status_code == 204
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.get_by_text("An upload was interrupted (large.bin)")).to_be_visible()
    page.unroute("**/api/v1/uploads/*")
    sent: list[str] = []
    page.on(
        "request",
        lambda request: sent.append(request.headers.get("upload-offset", "")) if request.method == "PATCH" else None,
    )
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload", exact=True).click()
    chooser.value.set_files(large)
    expect(page.locator("#uploads [data-title]")).to_have_text("1 file uploaded", timeout=60_000)
    assert sent == [str(48 << 20)]
    me = httpx.get(f"{server.url}/api/v1/me", headers=headers).json()
    found = httpx.get(f"{server.url}/api/v1/nodes/{me['home']}/children", headers=headers).json()["results"]
    assert [one["sha256"] for one in found if one["name"] == "large.bin"] == [
        hashlib.sha256(large.read_bytes()).hexdigest()
    ]


def test_rename_move_copy_trash_and_back(server: Server, sign_in: Callable[[str], Page], tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("a note")
    page = sign_in("ines")
    page.get_by_role("button", name="New collection").click()
    page.locator("#new-collection").get_by_label("Name").fill("Desk")
    page.get_by_role("button", name="Create").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload", exact=True).click()
    chooser.value.set_files(tmp_path / "note.txt")
    page.get_by_role("link", name="note.txt").wait_for()
    page.get_by_role("button", name="More ways to add").click()
    page.get_by_role("button", name="New folder").click()
    page.locator("#dialog").get_by_label("Name").fill("Drawer")
    page.locator("#dialog").get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Drawer").wait_for()
    page.get_by_label("Select note.txt").check()
    page.locator("[data-selection]").get_by_role("button", name="Move").click()
    page.locator("#dialog").get_by_role("button", name="Drawer").click()
    page.locator("#dialog").get_by_role("button", name="Move into “Drawer”").click()
    expect(page.get_by_role("link", name="note.txt")).to_have_count(0)
    page.get_by_label("Select Drawer").check()
    page.locator("[data-selection]").get_by_role("button", name="Trash").click()
    page.get_by_role("heading", name="Nothing here yet").wait_for()
    page.get_by_role("link", name="Trash").click()
    page.get_by_role("row", name="Drawer").get_by_role("button", name="Restore").click()
    page.get_by_role("heading", name="The trash is empty").wait_for()
    page.go_back()
    page.reload()
    page.get_by_role("link", name="Drawer").click()
    page.get_by_role("link", name="note.txt").click()
    expect(page.locator("pre.text")).to_have_text("a note")


def test_the_pages_fit_a_phone(server: Server, sign_in: Callable[[str], Page]) -> None:
    page = sign_in("ines")
    page.set_viewport_size({"width": 390, "height": 844})
    for place in ("/", "/shared", "/studies", "/jobs", "/trash", "/account", "/groups"):
        page.goto(server.url + place)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, place
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Trash").click()
    page.get_by_role("heading", name="Trash", exact=True).wait_for()


def test_one_looks_around_while_uploads_go_on(server: Server, sign_in: Callable[[str], Page], tmp_path: Path) -> None:
    """Other pages, the way back, and a network that goes away for a while: nothing of it ends the uploads."""
    (tmp_path / "many").mkdir()
    for number in range(60):
        (tmp_path / "many" / f"{number:02}.bin").write_bytes(bytes([number]) * 20_000)
    page = sign_in("ines")
    page.get_by_role("link", name="Your own place").click()
    page.get_by_role("heading", name="ines").wait_for()
    title = page.locator("#uploads [data-title]")
    drop(page, tmp_path / "many")
    title.wait_for()
    page.locator("#uploads").get_by_role("button", name="Pause").click()
    expect(title).to_contain_text("Paused")
    page.get_by_role("link", name="Studies").first.click()
    page.get_by_role("heading", name="Studies", exact=True).wait_for()
    expect(page).to_have_title("Studies · Sinfonietta")
    page.go_back()
    page.get_by_role("heading", name="ines").wait_for()
    page.get_by_label("Filter by name").fill("many")
    page.context.set_offline(True)
    page.context.set_offline(False)
    page.locator("#uploads").get_by_role("button", name="Resume").click()
    page.context.set_offline(True)
    expect(title).to_contain_text("No network, waiting")
    page.context.set_offline(False)
    expect(title).to_have_text("60 files uploaded", timeout=60_000)
    page.get_by_role("link", name="many").click()
    expect(page.locator(".pager")).to_contain_text("of 60")


def test_what_was_thrown_away_is_taken_back(server: Server, sign_in: Callable[[str], Page], tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text("first")
    page = sign_in("ines")
    page.get_by_role("button", name="New collection").click()
    page.locator("#new-collection").get_by_label("Name").fill("Desk of regrets")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("heading", name="Nothing here yet").wait_for()
    drop(page, tmp_path / "report.txt")
    page.get_by_role("link", name="report.txt").wait_for()
    page.get_by_label("Actions for report.txt").click()
    menu = page.locator(".dropdown-menu.show")
    expect(menu.get_by_role("button", name="Move to trash")).to_be_in_viewport(ratio=1)
    page.keyboard.press("Escape")
    page.get_by_label("Select report.txt").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Delete")
    page.get_by_role("heading", name="Nothing here yet").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name="report.txt").click()
    expect(page.locator("pre.text")).to_have_text("first")
    (tmp_path / "other name.txt").write_text("second")
    with page.expect_file_chooser() as chooser:
        page.get_by_label("More", exact=True).click()
        page.get_by_role("button", name="Upload a new version").click()
    chooser.value.set_files(tmp_path / "other name.txt")
    expect(page.locator("pre.text")).to_have_text("second")
    page.locator(".versions").get_by_role("button", name="restore").click()
    expect(page.locator("pre.text")).to_have_text("first")


def test_who_may_only_read_loses_nothing_by_dropping(
    server: Server, sign_in: Callable[[str], Page], tmp_path: Path
) -> None:
    """The browser would open the file and leave the page; and a session that ended leads back to where one was."""
    (tmp_path / "note.txt").write_text("a note")
    page = sign_in("mallory")
    page.get_by_role("link", name="Jobs").click()
    page.get_by_role("heading", name="Jobs", exact=True).wait_for()
    drop(page, tmp_path / "note.txt")
    expect(page.locator("#toasts")).to_contain_text("Open the folder that they belong in")
    page.context.clear_cookies()
    page.get_by_role("link", name="Trash").click()
    page.get_by_label("Name").fill("mallory")
    page.get_by_label("Password").fill("quite-long-mallory")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Jobs", exact=True).wait_for()
