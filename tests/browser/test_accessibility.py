"""axe-core finds nothing serious on any page, light and wide or dark and narrow (WCAG 2.2 A and AA)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page
from tests.support import kinds
from tests.support.server import Server
from tests.support.studies import instance

pytestmark = [pytest.mark.service, pytest.mark.browser]

AXE = (Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js").read_text()
RUN = """() => axe.run(document, {resultTypes: ['violations']}).then(found => found.violations
    .filter(one => ['serious', 'critical'].includes(one.impact))
    .map(one => [one.id, one.nodes.map(node => node.html)]))"""
PAGES = (
    "/", "/home", "/news", "/search", "/search?q=kinds", "/shared", "/studies", "/studies/1.2.3", "/patient?id=P1",
    "/doses", "/dicom-nodes", "/jobs", "/trash", "/groups", "/notices", "/help", "/account",
)  # fmt: skip
FILES = {
    "slice.dcm": instance(1), "other slice.dcm": instance(1, StudyDescription="In conflict"),
    "code.py": b"a = 1  # one",
    "table.csv": kinds.TABLE.encode(), "tree.json": b'{"a": {"b": 1}}', "photo.png": kinds.picture(), "empty.txt": b"",
}  # fmt: skip


@pytest.fixture(scope="module")
def addresses(server: Server) -> list[str]:
    with httpx.Client(base_url=server.url, auth=("ines", "quite-long-ines"), timeout=30) as client:
        made = client.post("/api/v1/collections", json={"name": "All kinds"}).json()["id"]
        stored = [client.put(f"/api/v1/nodes/{made}/files/{name}", content=said) for name, said in FILES.items()]
    return [*PAGES, f"/nodes/{made}", *(f"/nodes/{answer.json()['id']}" for answer in stored)]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_no_page_shuts_anybody_out(
    server: Server, sign_in: Callable[[str], Page], addresses: list[str], width: int, scheme: Any
) -> None:
    page = sign_in("ines")
    page.set_viewport_size({"width": width, "height": 820})
    page.emulate_media(color_scheme=scheme)
    wrong = {}
    for address in addresses:
        page.goto(server.url + address)
        page.wait_for_load_state("networkidle")
        page.evaluate(AXE)
        wrong[address] = page.evaluate(RUN)
    assert {address: found for address, found in wrong.items() if found} == {}
