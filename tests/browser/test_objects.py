"""Reports, doses, PDF, segmentations and PET as a person sees them, with pictures of what was seen."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, Position, expect
from tests.support.objects import dataset, phantom, saved
from tests.support.server import Server

pytestmark = [pytest.mark.service, pytest.mark.browser]


@pytest.fixture(scope="module")
def study(server: Server) -> dict[str, str]:
    """The phantom in a collection of Ines': the pages of its files by their names."""
    with httpx.Client(base_url=server.url, auth=("ines", "quite-long-ines")) as client:
        made = client.post("/api/v1/collections", json={"name": "Phantom"}).json()["id"]
        pages = {"doses": f"/doses?in={made}"}
        table = b"person_group,quantity,unit,value\nworker,Hp(10),uSv,40\n"
        for name, content in {**phantom()[1], "dosimetry.csv": table}.items():
            if not name.startswith(("US/", "RT/", "Mammography/")):
                ending = "" if name.endswith(".csv") else ".dcm"
                stored = client.put(f"/api/v1/nodes/{made}/files/{name.replace('/', ' ')}{ending}", content=content)
                assert stored.status_code == 201, stored.text
                pages[name] = f"/nodes/{stored.json()['id']}"
    return pages


def looked(page: Page, folder: Path, name: str) -> bytes:
    """A picture of the page; a page that overflows to the side is not fit to be seen."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
    return page.screenshot(path=folder / f"{name}.png")


def place_of(page: Page, structure: str) -> Position:
    """Where on the stage the middle of a structure is drawn: the images are 400 mm wide."""
    truth, _ = phantom()
    middle, box = truth.structure(structure).center_mm, page.locator(".stage").bounding_box()
    assert box is not None
    edge = min(box["width"], box["height"])
    return {"x": box["width"] / 2 + middle[0] / 400 * edge, "y": box["height"] / 2 + middle[1] / 400 * edge}


def shade(page: Page, spot: Position) -> tuple[int, int, int]:
    """Red, green and blue at a place of the stage."""
    drawn = Image.open(io.BytesIO(page.locator(".stage").screenshot())).convert("RGB")
    red, green, blue = drawn.getpixel((round(spot["x"]), round(spot["y"])))  # type: ignore[misc]
    return red, green, blue


def test_reports_doses_and_documents(
    server: Server, sign_in: Callable[[str], Page], study: dict[str, str], tmp_path: Path
) -> None:
    page = sign_in("ines")
    page.goto(server.url + study["Reports/fluoroscopy dose report"])
    table = page.get_by_role("region", name="Irradiation events")
    expect(table.locator("tbody tr")).to_have_count(2)
    expect(table).to_contain_text("0.00031 Gym2")
    expect(page.locator(".totals").first).to_contain_text("4.3")
    page.get_by_text("The whole report").click()
    expect(page.locator(".whole")).to_contain_text("Positioner Primary Angle")
    looked(page, tmp_path, "rdsr")

    page.goto(server.url + study["Reports/measurements"])
    expect(page.locator(".sr")).to_contain_text("Diameter")
    looked(page, tmp_path, "sr")
    page.locator(".sr").get_by_role("link", name=re.compile("CT Thorax, image")).click()
    expect(page.locator(".stack")).to_have_attribute("data-drawn", re.compile("image.png"))

    page.goto(server.url + study["Reports/key images"])
    expect(page.locator(".key-images img")).to_have_count(3)
    page.goto(server.url + study["Reports/report"])
    expect(page.locator("iframe.pdf")).to_be_visible()
    answer = page.request.get(server.url + str(page.locator("iframe.pdf").get_attribute("src")))
    assert answer.body().startswith(b"%PDF-")
    looked(page, tmp_path, "pdf")

    page.goto(server.url + study["doses"])
    expect(page.get_by_role("heading", name="Doses")).to_be_visible()
    expect(page.locator(".chart svg rect")).to_have_count(6)
    page.get_by_text("As a table").click()
    expect(page.locator(".chart tbody tr")).to_have_count(6)
    expect(page.get_by_role("region", name="dosimetry.csv")).to_contain_text("0.04")
    page.get_by_role("link", name="PHANTOM-000").click()
    expect(page.get_by_role("heading", name="Phantom, Zoë")).to_be_visible()
    looked(page, tmp_path, "doses")
    with page.expect_download() as started:
        page.get_by_role("link", name="CSV").click()
    assert started.value.path().read_text().startswith("patient_id,issuer")


def test_a_segmentation_is_switched_on_and_off(
    server: Server, sign_in: Callable[[str], Page], study: dict[str, str], tmp_path: Path
) -> None:
    page = sign_in("ines")
    page.goto(server.url + study["SEG/segments"])
    stack = page.locator(".stack")
    expect(stack).to_have_attribute("data-layered", re.compile("on=1%2C2"))
    looked(page, tmp_path, "seg")
    spot = place_of(page, "HEART")
    red, green, blue = shade(page, spot)
    assert green > max(red, blue) + 12, "the heart is not drawn in its colour"
    page.get_by_label("Heart").uncheck()
    expect(stack).to_have_attribute("data-layered", re.compile("on=1$"))
    page.locator(".stage").press("ArrowRight")
    expect(stack).to_have_attribute("data-layered", re.compile("frame=0&on=1$"))
    expect(page.locator("#tag-list")).to_contain_text("SEG")
    assert max(shade(page, spot)) - min(shade(page, spot)) < 10


def test_pet_over_ct(server: Server, sign_in: Callable[[str], Page], study: dict[str, str], tmp_path: Path) -> None:
    page = sign_in("ines")
    page.goto(server.url + study["PET/pet_004"])
    stack = page.locator(".stack")
    expect(stack).to_have_attribute("data-drawn", re.compile("image.png"))
    page.locator(".stage").hover()
    expect(page.locator("[data-read]")).to_contain_text("SUV")
    page.get_by_role("link", name="Lay it over CT Thorax").click()
    expect(stack).to_have_attribute("data-layered", re.compile("top=5"))
    spot = place_of(page, "HEART")
    page.locator(".stage").hover(position=spot)
    expect(page.locator("[data-read]")).to_have_text(re.compile(r"3\.2\d* SUV"))
    looked(page, tmp_path, "fusion")
    hot = shade(page, spot)
    page.locator("[data-layer-opacity]").fill("0")
    assert hot[0] > hot[2] + 50
    assert max(shade(page, spot)) - min(shade(page, spot)) < 10


def test_what_does_not_belong_together_is_said(
    server: Server, sign_in: Callable[[str], Page], study: dict[str, str]
) -> None:
    changed = dataset("SEG/segments")
    changed.FrameOfReferenceUID = "1.2.3.4"
    with httpx.Client(base_url=server.url, auth=("ines", "quite-long-ines")) as client:
        made = study["doses"].rpartition("=")[2]
        stored = client.put(f"/api/v1/nodes/{made}/files/elsewhere.dcm", content=saved(changed)).json()
    page = sign_in("ines")
    page.goto(f"{server.url}/nodes/{stored['id']}")
    expect(page.locator(".alert-warning", has_text="do not belong together")).to_be_visible()
