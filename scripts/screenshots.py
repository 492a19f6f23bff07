"""Pictures of the main pages for the docs: desktop and phone, light and dark.

    .venv/bin/python scripts/screenshots.py

Starts a demo of its own in a temporary folder, walks through it in Chromium, and writes
docs/screenshots/PAGE-SIZE-THEME.png.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "screenshots"
SIZES = {"desktop": (1280, 820), "phone": (390, 844)}
COLORS = 128
DRAWN = """() => [...document.images].every(one => one.complete || one.getBoundingClientRect().top > innerHeight)"""
FLAGS = ["--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
         "--disable-background-networking"]  # fmt: skip


@contextmanager
def demo() -> Iterator[tuple[str, dict[str, str]]]:
    """A running demo: its address, and the passwords of its people."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sinfonietta", "demo", "--data", folder, "--port", str(port)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SINFONIETTA_")}
        process = subprocess.Popen(command, env=kept, stdout=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(f"{url}/readyz", process)
            lines = (Path(folder) / "demo-passwords.txt").read_text(encoding="utf-8").splitlines()
            yield url, dict(line.split("\t")[:2] for line in lines)
        finally:
            process.terminate()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            raise SystemExit("The demo ended.")
        try:
            with urllib.request.urlopen(url):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise SystemExit("The demo did not become ready.")


def sign_in(page: Page, url: str, name: str, password: str) -> None:
    """As one of the demo's people."""
    page.goto(url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Collections").wait_for()


class Walk:
    """One walk through the pages in one size and theme."""

    def __init__(self, context: BrowserContext, url: str, suffix: str) -> None:
        self.context, self.url, self.suffix = context, url, suffix
        self.page = context.new_page()

    def shoot(self, name: str, page: Page | None = None) -> None:
        """Take the picture, with few enough colours to be small."""
        page = page or self.page
        page.wait_for_load_state("networkidle")
        page.mouse.move(0, 0)
        page.wait_for_function(DRAWN)
        page.wait_for_timeout(400)  # animations of dialogs
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        # By octree, small areas keep their colours: those of a dose, above all.
        few = picture.quantize(256, Image.Quantize.FASTOCTREE) if name == "radiotherapy" else picture.quantize(COLORS)
        few.save(TARGET / f"{name}-{self.suffix}.png", optimize=True)
        print(f"{name}-{self.suffix}")

    def administrator(self, password: str) -> None:
        """The pages of who runs the site."""
        sign_in(self.page, self.url, "admin", password)
        self.page.goto(f"{self.url}/users")
        self.shoot("people")

    def physicist(self, password: str) -> None:
        """The pages of who owns the demo's study."""
        page, url = self.page, self.url
        page.goto(url)
        self.shoot("sign-in")
        sign_in(page, url, "ines", password)
        self.shoot("collections")
        page.get_by_role("link", name="Thorax phantom study").click()
        page.get_by_role("link", name="Documents").wait_for()
        study = page.url
        page.locator(".page-head").get_by_role("button", name="Share").click()
        page.locator("#share-q").wait_for()
        self.shoot("share")
        page.goto(study)
        page.get_by_role("link", name="Documents").click()
        page.get_by_role("link", name="protocol.md").wait_for()
        self.shoot("browse")
        self.uploads()
        page.goto(study)
        page.get_by_role("link", name="Patient PHANTOM-000").click()
        page.get_by_role("link", name="CT", exact=True).click()
        page.get_by_role("link", name="ct_036.dcm").click()
        page.locator("[data-drawn]").wait_for()
        self.shoot("image")
        address = page.get_by_role("link", name="Open in viewer").get_attribute("href")
        self.objects(study)
        page.goto(f"{url}/studies")
        self.shoot("studies")
        page.get_by_role("row").filter(has_text="Thorax phantom").get_by_role("link").first.click()
        page.locator(".series-list").wait_for()
        self.shoot("study")
        page.get_by_role("link", name="Radiotherapy").click()
        page.locator("[data-planned][data-painted]").wait_for()
        page.locator("[data-histogram][data-shown]").wait_for(state="attached")
        self.shoot("radiotherapy")
        page.get_by_role("tab", name="Histogram").click()
        page.locator("[data-histogram][data-shown]").wait_for()
        self.shoot("histogram")
        page.get_by_role("tab", name="Plan").click()
        page.locator("[data-view] .target").first.wait_for()
        self.shoot("plan")
        for name in ("trash", "jobs", "account"):
            page.goto(f"{url}/{name}")
            self.shoot(name)
        self.viewer(f"{url}{address}")

    def objects(self, study: str) -> None:
        """What is more than an image: reports, a segmentation, PET over CT, doses."""
        page = self.page
        for folder, file, name in (("Reports", "fluoroscopy dose report.dcm", "dose-report"),
                                   ("Reports", "measurements.dcm", "report"), ("SEG", "segments.dcm", "segments"),
                                   ("PET", "pet_018.dcm", "pet")):  # fmt: skip
            page.goto(study)
            page.get_by_role("link", name="Patient PHANTOM-000").click()
            page.get_by_role("link", name=folder, exact=True).click()
            page.get_by_role("link", name=file).click()
            page.locator("#tag-list").wait_for()
            if folder == "SEG":
                page.locator("[data-layered]").wait_for()
            self.shoot(name)
        page.get_by_role("link", name="Lay it over CT").click()
        page.locator("[data-layered]").wait_for()
        self.shoot("fusion")
        page.goto(f"{self.url}/doses?in={study.rpartition('/')[2]}")
        self.shoot("doses")

    def uploads(self) -> None:
        """Files on their way into a folder that nothing else shows; then into the trash, which is shown later."""
        page = self.page
        page.goto(self.url)
        page.get_by_role("link", name="Your own place").click()
        page.get_by_role("heading", name="Nothing here yet").wait_for()
        files = [
            {"name": f"slice_{n:03d}.dcm", "mimeType": "application/dicom", "buffer": bytes(90_000 + n)}
            for n in range(60)
        ]
        # So slow that there is something left to be paused.
        network = page.context.new_cdp_session(page)
        free = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        network.send("Network.emulateNetworkConditions", free | {"uploadThroughput": 500_000})
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Upload", exact=True).click()
        chooser.value.set_files(files)  # type: ignore[arg-type]
        page.get_by_role("link", name="slice_000.dcm").wait_for()
        page.locator("#uploads").get_by_role("button", name="Pause").click()
        self.shoot("uploads")
        network.send("Network.emulateNetworkConditions", free)
        page.locator("#uploads").get_by_role("button", name="Resume").click()
        page.locator("#uploads [data-title]").get_by_text("60 files uploaded").wait_for()
        page.get_by_role("link", name="slice_059.dcm").wait_for()
        page.get_by_label("Select all on this page").check()
        page.locator("[data-selection]").get_by_role("button", name="Trash").click()
        page.get_by_role("heading", name="Nothing here yet").wait_for()

    def viewer(self, address: str) -> None:
        """OHIF, once an image is on its canvas."""
        page = self.context.new_page()
        page.goto(address)
        page.locator("canvas.cornerstone-canvas").first.wait_for(timeout=90_000)
        page.wait_for_timeout(4000)
        self.shoot("viewer", page)


def main() -> None:
    """Take all pictures."""
    TARGET.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with demo() as (url, passwords), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for size, (width, height) in SIZES.items():
            for theme in ("light", "dark"):
                for name, walk in (("ines", Walk.physicist), ("admin", Walk.administrator)):
                    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
                    walk(Walk(context, url, f"{size}-{theme}"), passwords[name])
                    context.close()
        browser.close()


if __name__ == "__main__":
    main()
