"""Preparing OHIF: only the pinned package, whole or not at all, and its page moved below /viewer/."""

from __future__ import annotations

import re
import sys

import pytest

import viewer
from sinfonietta.interfaces.viewer import files

PAGE = (
    '<!doctype html><html><head><meta content="/assets/tile.png">'
    '<script>console.time("x"),window.PUBLIC_URL="/"</script>'
    '<link rel="manifest" href="/manifest.json"><link rel="icon" href="/assets/favicon.ico">'
    '<script rel="preload" as="script" src="/app-config.js"></script>'
    '<script rel="preload" as="script" type="module" src="/init-service-worker.js"></script><title>OHIF Viewer</title>'
    '<script>function browserImportFunction(n){return import(n)}window.PUBLIC_URL="/"</script>'
    '<script defer src="/app.bundle.0123456789abcdef.js"></script><link href="/app.bundle.css" rel="stylesheet"></head>'
    '<body><div id="root"></div></body></html>'
)


def test_the_start_page_moves_and_loses_its_inline_scripts():
    page = viewer.rewrite_index(PAGE)
    addresses = re.findall(r'(?:href|src|content)="([^"]*)"', page)
    assert all(address.startswith("/viewer/") for address in addresses)
    assert "/viewer/app.bundle.0123456789abcdef.js" in addresses
    assert "<script>" not in page
    assert "service-worker" not in page
    assert page.index("/viewer/app-config.js") < page.index("/viewer/app.bundle.")


@pytest.mark.parametrize(
    "gone",
    ['<script rel="preload" as="script" src="/app-config.js"></script>', "</body>", "<title>OHIF Viewer</title>"],
)
def test_another_page_is_refused(gone):
    with pytest.raises(viewer.ViewerError):
        viewer.rewrite_index(PAGE.replace(gone, ""))


def test_another_inline_script_is_refused():
    with pytest.raises(viewer.ViewerError, match="inline"):
        viewer.rewrite_index(PAGE.replace("<body>", "<body><script>alert(1)</script>"))


def test_a_package_with_another_hash_is_refused_and_the_old_one_stays(tmp_path):
    destination = tmp_path / "dist"
    destination.mkdir()
    (destination / "index.html.gz").write_text("old")
    forged = [sys.executable, "-c", "open('ohif-app.tgz', 'wb').write(b'forged')"]
    with pytest.raises(viewer.ViewerError, match="hash"):
        viewer.prepare(destination, forged)
    assert (destination / "index.html.gz").read_text() == "old"
    assert list(tmp_path.iterdir()) == [destination]


def test_what_is_served_is_the_viewer_without_maps_and_foreign_runtimes():
    names = files.table().keys()
    assert {"index.html", "app-config.js", "notice.css", "app.bundle.css"} <= names
    assert sum(name.endswith(".wasm") for name in names) >= 4
    assert not [name for name in names if name.startswith("ort/") or name.endswith(".map")]
    assert (files.DIST / "LICENSE").is_file()


def test_what_is_made_in_the_viewer_is_stored_beside_its_study():
    scripts = [file.plain() for name, file in files.table().items() if name.endswith(".js")]
    assert sum(viewer.STORES_BESIDE.encode() in script for script in scripts) == 1
    assert sum(viewer.STORING_CLIENT.encode() in script for script in scripts) == 1


def test_no_chunk_is_looked_for_at_the_root_of_the_site():
    scripts = [file for name, file in files.table().items() if name.endswith(".js")]
    assert len(scripts) > 50
    assert not [file.path.name for file in scripts if viewer.WEBPACK_ROOT.encode() in file.plain()]
