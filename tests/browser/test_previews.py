"""What is in a file of every kind, seen on its page; nothing of an upload runs there."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from tests.support import kinds
from tests.support.server import Server

pytestmark = [pytest.mark.service, pytest.mark.browser]

FILES = {
    "analysis.py": b"def dose(x):\n    return x  # Gy <b>\n",
    "readme.md": b"# Cohort\n\n<script>window.evil=1</script>**bold**",
    "page.html": kinds.EVIL_HTML, "study.json": b'{"site": {"name": "Mainz"}}', "settings.toml": b"[a]\nb = 'gamma'",
    "plan.yaml": b"fractions: 30", "report.xml": b"<report><organ dose='12'>heart</organ></report>",
    "bomb.xml": kinds.BOMB_XML, "work.ipynb": kinds.notebook(), "patients.csv": kinds.TABLE.encode(),
    "cohort.xlsx": kinds.xlsx(), "scan.tif": kinds.tiff(), "photo.png": kinds.picture(),
    "photo.bmp": kinds.picture("BMP"),
    "photo.webp": kinds.picture("WEBP"), "flood.png": kinds.flood(), "figure.svg": kinds.EVIL_SVG,
    "volume.nii.gz": kinds.nifti(), "volume.nrrd": kinds.nrrd(), "paper.pdf": kinds.EVIL_PDF,
    "letter.docx": kinds.docx(),
    "broken.docx": b"PK\x03\x04" + b"\0" * 400, "letter.rtf": rb"{\rtf1 Dose of the {\b heart}}",
}  # fmt: skip


@pytest.fixture(scope="module")
def pages(server: Server) -> dict[str, str]:
    """The pages of Ines' files."""
    with httpx.Client(base_url=server.url, auth=("ines", "quite-long-ines"), timeout=30) as client:
        made = client.post("/api/v1/collections", json={"name": "Kinds"}).json()["id"]
        stored = {name: client.put(f"/api/v1/nodes/{made}/files/{name}", content=said) for name, said in FILES.items()}
    return {name: f"{server.url}/nodes/{answer.json()['id']}" for name, answer in stored.items()}


def seen(page: Page, folder: Path, name: str) -> None:
    """Pictures wide and narrow; neither overflows, and no script of the file ran."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 820})
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
        page.screenshot(path=folder / f"{name}-{width}.png")
    page.set_viewport_size({"width": 1280, "height": 820})
    assert page.evaluate("window.evil") is None


def drawn(page: Page) -> None:
    """The picture on the page has arrived and has pixels."""
    picture = page.locator(".of-file img.shown")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0


def paper(page: Page) -> None:
    """The browser's own viewer has drawn a page of the PDF: white, where the viewer is dark."""
    frame = page.locator("iframe.pdf")
    for _ in range(100):
        histogram = Image.open(io.BytesIO(frame.screenshot())).convert("L").histogram()
        if sum(histogram[250:]) > sum(histogram) / 20:
            return
        page.wait_for_timeout(100)
    pytest.fail("No page of the PDF is to be seen.")


def test_texts_and_markup(sign_in: Callable[[str], Page], pages: dict[str, str], tmp_path: Path) -> None:
    page = sign_in("ines")
    page.goto(pages["analysis.py"])
    expect(page.locator(".code .k").first).to_have_text("def")
    expect(page.locator(".code")).to_contain_text("# Gy <b>")
    seen(page, tmp_path, "code")
    page.goto(pages["readme.md"])
    expect(page.locator(".prose h1")).to_have_text("Cohort")
    page.get_by_role("button", name="Source").click()
    expect(page.locator(".code")).to_contain_text("<script>")
    seen(page, tmp_path, "markdown")
    page.goto(pages["page.html"])
    expect(page.frame_locator("iframe.shown").get_by_role("heading")).to_have_text("Protocol")
    seen(page, tmp_path, "html")
    page.goto(pages["work.ipynb"])
    expect(page.locator(".prose h1")).to_have_text("Dose study")
    expect(page.locator(".notebook")).to_contain_text("mean 61.2 Gy")
    expect(page.locator(".notebook td")).to_contain_text("cell")
    seen(page, tmp_path, "notebook")


def test_trees_and_tables(sign_in: Callable[[str], Page], pages: dict[str, str], tmp_path: Path) -> None:
    page = sign_in("ines")
    told = {"study.json": "Mainz", "settings.toml": "gamma", "plan.yaml": "30", "report.xml": "heart"}
    for name, word in told.items():
        page.goto(pages[name])
        expect(page.locator(".tree")).to_contain_text(word)
    seen(page, tmp_path, "tree")
    page.goto(pages["bomb.xml"])
    expect(page.locator(".of-file")).to_contain_text("defines entities")
    expect(page.locator(".of-file").get_by_role("link", name="Download")).to_be_visible()
    page.goto(pages["patients.csv"])
    expect(page.locator(".cells tbody tr")).to_have_count(100)
    expect(page.locator(".cells")).to_contain_text("=cmd()|3")
    seen(page, tmp_path, "csv")
    page.get_by_role("button", name="Next rows").click()
    expect(page.locator(".cells tbody tr").first).to_contain_text("=cmd()|100")
    page.goto(pages["cohort.xlsx"])
    expect(page.locator(".cells")).to_contain_text("papillary")
    page.get_by_role("button", name="Doses").click()
    expect(page.locator(".cells")).to_contain_text("61.2 Gy")
    seen(page, tmp_path, "xlsx")


def test_pictures(sign_in: Callable[[str], Page], pages: dict[str, str], tmp_path: Path) -> None:
    page = sign_in("ines")
    for name in ("photo.png", "photo.bmp", "photo.webp", "figure.svg", "volume.nrrd"):
        page.goto(pages[name])
        drawn(page)
    page.goto(pages["scan.tif"])
    drawn(page)
    page.get_by_role("button", name="Next page").click()
    expect(page.locator(".of-file")).to_contain_text("page 2 of 2")
    drawn(page)
    seen(page, tmp_path, "tiff")
    page.goto(pages["flood.png"])
    expect(page.locator(".of-file")).to_contain_text("60,000 x 60,000")
    seen(page, tmp_path, "refused")
    page.goto(pages["volume.nii.gz"])
    expect(page.locator(".of-file")).to_contain_text("9 of 16")
    drawn(page)
    page.get_by_label("Across").select_option("x")
    expect(page.locator(".of-file")).to_contain_text("17 of 32")
    drawn(page)
    seen(page, tmp_path, "volume")


def test_nothing_of_an_upload_runs_when_it_is_opened_alone(
    server: Server, sign_in: Callable[[str], Page], pages: dict[str, str]
) -> None:
    page = sign_in("ines")
    ids = {name: address.rpartition("/")[2] for name, address in pages.items()}
    shown = [f"/files/{ids['figure.svg']}/content", f"/files/{ids['page.html']}/shown/html"]
    for address in shown:
        answer = page.goto(server.url + address)
        assert answer is not None
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert page.evaluate("window.evil") is None
        assert page.evaluate("window.origin") == "null"
    page.goto(pages["paper.pdf"])
    # The script of a PDF is run by the browser's viewer in a process of its own: it reaches no page.
    page.on("dialog", lambda dialog: dialog.dismiss())
    paper(page)
    assert page.evaluate("window.evil") is None
    for name in ("page.html", "figure.svg", "paper.pdf"):
        answer = page.request.get(f"{server.url}/api/v1/files/{ids[name]}/content")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["content-security-policy"]


def test_sound_and_film_are_played_and_sought(
    server: Server, sign_in: Callable[[str], Page], pages: dict[str, str]
) -> None:
    page = sign_in("ines")
    film = bytes(page.evaluate(kinds.RECORD_WEBM))
    place = page.request.get(f"{server.url}/api/v1/files/{pages['photo.png'].rpartition('/')[2]}").json()["parent"]
    made = {}
    with httpx.Client(base_url=server.url, auth=("ines", "quite-long-ines")) as client:
        for name, content in (("film.webm", film), ("sound.wav", kinds.wav())):
            made[name] = client.put(f"/api/v1/nodes/{place}/files/{name}", content=content).json()["id"]
    page.goto(f"{server.url}/nodes/{made['sound.wav']}")
    sound = page.locator("audio")
    assert sound.evaluate(kinds.SEEK, 15) == pytest.approx(15, abs=0.1)
    page.goto(f"{server.url}/nodes/{made['film.webm']}")
    picture = page.locator("video")
    expect(picture).to_have_js_property("videoWidth", 64)


def test_office_documents(
    server: Server, sign_in: Callable[[str], Page], pages: dict[str, str], tmp_path: Path
) -> None:
    page = sign_in("ines")
    for name in ("letter.docx", "letter.rtf"):
        page.goto(pages[name])
        expect(page.locator("iframe.pdf")).to_be_visible(timeout=120_000)
        answer = page.request.get(server.url + str(page.locator("iframe.pdf").get_attribute("src")))
        assert answer.body().startswith(b"%PDF-")
        paper(page)
    seen(page, tmp_path, "office")
    page.goto(pages["broken.docx"])
    expect(page.locator(".of-file")).to_contain_text("LibreOffice cannot read it", timeout=120_000)
