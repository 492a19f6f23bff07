"""A person types into the box, and finds, narrows, keeps and takes along."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.support.server import Server
from tests.support.world import ct

pytestmark = [pytest.mark.service, pytest.mark.browser]


@pytest.fixture(scope="module")
def collection(server: Server) -> str:
    """Notes and an image in a collection of Amara's; its id."""
    with httpx.Client(base_url=server.url, auth=("amara", "quite-long-amara")) as client:
        made = str(client.post("/api/v1/collections", json={"name": "Isthmus trial"}).json()["id"])
        notes = {"note.txt": b"Papillary carcinoma of the <b>left</b> lobe", "list.csv": b"case,side\n1,right lobe\n"}
        for name, content in {**notes, "small.dcm": ct()}.items():
            assert client.put(f"/api/v1/nodes/{made}/files/{name}", content=content).status_code == 201
    return made


def find(page: Page, query: str) -> None:
    page.keyboard.press("/")
    expect(page.get_by_label("Search everything")).to_be_focused()
    page.keyboard.type(query)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/search"))
    expect(page.get_by_role("heading", name="Search", exact=True)).to_be_visible()


def test_a_word_inside_a_text_is_found_narrowed_kept_and_taken_along(
    server: Server, sign_in: Callable[[str], Page], collection: str
) -> None:
    page = sign_in("amara")
    rows = page.locator(".hits tbody tr")
    find(page, "lobe")
    for _ in range(60):  # the index follows in a worker: asked again until both texts have been read
        if rows.count() == 2:
            break
        page.reload()
        page.locator(".hits, .empty").first.wait_for()
    expect(rows).to_have_count(2)
    expect(page.locator(".passage").filter(has_text="<b>left</b> lobe").locator("mark")).to_have_text("lobe")

    page.locator(".facets").get_by_role("link", name="table").click()
    expect(rows).to_have_count(1)
    expect(page.get_by_label("Search everything")).to_have_value("lobe type:table")
    page.locator("summary", has_text="Keep this search").click()
    page.get_by_label("Its name").fill("Tables of lobes")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("link", name="Tables of lobes")).to_be_visible()

    page.get_by_label("Select list.csv").check()
    with page.expect_download() as taken:
        page.locator("[data-selection]").get_by_role("button", name="Download").click()
    assert taken.value.suggested_filename == "list.csv.zip"
    with page.expect_download() as taken:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert "list.csv,/Isthmus trial/list.csv" in taken.value.path().read_text("utf-8-sig")

    find(page, "papilary carcinoma")
    page.get_by_role("link", name="papillary carcinoma").click()
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="note.txt").click()
    expect(page.get_by_role("heading", name="note.txt")).to_be_visible()
    page.go_back()
    expect(rows).to_have_count(1)

    stranger = sign_in("mallory")
    find(stranger, "lobe")
    expect(stranger.get_by_role("heading", name="Nothing is found")).to_be_visible()


def test_the_form_and_a_mistake_on_a_phone(server: Server, sign_in: Callable[[str], Page], collection: str) -> None:
    page = sign_in("amara")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server.url}/search")
    page.get_by_label("Modality").fill("CT")
    page.get_by_label("From this date").fill("2004-01-01")
    page.locator(".search-help").get_by_role("button", name="Search").click()
    expect(page.get_by_label("Search everything")).to_have_value("modality:CT date:2004-01-01..")
    expect(page.get_by_role("link", name="small.dcm")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.get_by_label("Search everything").fill("modality:CT (left")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This bracket is not closed")
    expect(page.get_by_role("alert").locator("mark")).to_have_text("(left")
