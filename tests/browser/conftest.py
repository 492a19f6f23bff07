"""A real server and a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.support.server import Server

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "Chromium is missing. `make test` installs it (package chromium)."
    # Playwright starts an event loop in this thread; Django would refuse the database beside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("browser") / "data", workers=1)
    found.start()
    for name in ("ines", "amara", "mallory"):
        found.user(name)
    yield found
    found.stop()


@pytest.fixture
def sign_in(browser: Browser, server: Server) -> Iterator[Callable[[str], Page]]:
    """Opens a browser context of its own for a person, signed in. Any error on a page fails the test."""
    contexts, complaints = [], []

    def enter(name: str) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 820}, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None
        )
        page.goto(server.url)
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(f"quite-long-{name}")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Collections").wait_for()
        return page

    yield enter
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 200 DICOM files of one series, without the ending .dcm."""
    from sinfonietta.demo.phantom import write_series

    folder = tmp_path_factory.mktemp("drop") / "Patient 7"
    for path in write_series(folder, count=200, size=128):
        path.rename(path.with_suffix(""))
    return folder
