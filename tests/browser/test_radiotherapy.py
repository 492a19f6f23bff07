"""Contours, colour wash, isodoses, histogram and plan of the phantom, in a real browser against a real server."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from tests.support.server import Server

from sinfonietta.demo import phantom
from sinfonietta.demo.truth import Truth

pytestmark = [pytest.mark.service, pytest.mark.browser]
SIZE = 128


@pytest.fixture(scope="module")
def planned(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Truth, dict[str, str], Path]:
    """The phantom in a collection of Ines', by REST: the truth, and the files' ids by name."""
    folder = tmp_path_factory.mktemp("phantom")
    truth = phantom.write_phantom(folder, slices=32, size=SIZE)
    headers = {"Authorization": f"Bearer {server.token('ines')}"}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        place = client.post("/api/v1/collections", json={"name": "Planned"}).json()["id"]
        paths = [*sorted((folder / "CT").iterdir()), *sorted((folder / "RT").iterdir())]
        ids = {
            path.name: client.put(f"/api/v1/nodes/{place}/files/{path.name}", content=path.read_bytes()).json()["id"]
            for path in paths
        }
    pictures = tmp_path_factory.getbasetemp() / "radiotherapy"
    pictures.mkdir(exist_ok=True)
    return truth, ids, pictures


@pytest.fixture
def page(server: Server, sign_in: Callable[[str], Page], planned: tuple[Truth, dict[str, str], Path]) -> Page:
    """The page of the dose, drawn."""
    found = sign_in("ines")
    found.goto(f"{server.url}/nodes/{planned[1]['dose.dcm']}")
    found.locator("[data-planned][data-painted]").wait_for()
    return found


def pixels(page: Page) -> np.ndarray:
    """The stage as it is seen: (rows, columns, RGB)."""
    return np.asarray(Image.open(io.BytesIO(page.locator(".stage").screenshot())).convert("RGB")).astype(int)


def on_stage(page: Page, truth: Truth, x_mm: float, y_mm: float) -> tuple[float, float]:
    """Where a point of the patient is on the stage, in CSS pixels from its corner; the image is as large as fits."""
    box = page.locator(".stage").bounding_box()
    assert box
    scale = min(box["width"], box["height"]) / SIZE
    column, row = (at / truth.spacing_mm[0] + SIZE / 2 for at in (x_mm, y_mm))
    return (
        (box["width"] - SIZE * scale) / 2 + column * scale,
        (box["height"] - SIZE * scale) / 2 + row * scale,
    )


def drawn_at(page: Page, selector: str) -> tuple[float, float, float, float]:
    """Left, top, width and height of a line on the stage, in CSS pixels, without its thickness."""
    left, top, width, height = page.locator(selector).evaluate(
        """line => {
          const [box, at] = [line.getBBox(), line.getScreenCTM()];
          const stage = line.closest(".stage").getBoundingClientRect();
          const corner = [box.x * at.a + at.e - stage.x, box.y * at.d + at.f - stage.y];
          return [...corner, box.width * at.a, box.height * at.d];
        }"""
    )
    return left, top, width, height


def shown_z(page: Page, truth: Truth) -> float:
    return truth.first_slice_z_mm + int(page.locator("[data-slider]").input_value()) * truth.spacing_mm[2]


def test_it_opens_at_the_hottest_slice_with_contours_where_the_phantom_has_them(
    page: Page, planned: tuple[Truth, dict[str, str], Path]
) -> None:
    truth, _, pictures = planned
    z = shown_z(page, truth)
    assert abs(z - truth.isocenter_mm[2]) <= truth.spacing_mm[2]
    page.wait_for_load_state("networkidle")
    page.screenshot(path=pictures / "images.png")
    heart = truth.structure("HEART")
    radii = heart.section_radii_mm(z)
    assert radii
    left, top = on_stage(page, truth, heart.center_mm[0] - radii[0], heart.center_mm[1] - radii[1])
    right, bottom = on_stage(page, truth, heart.center_mm[0] + radii[0], heart.center_mm[1] + radii[1])
    found = drawn_at(page, '.overlay [data-roi="4"]')
    assert found == pytest.approx((left, top, right - left, bottom - top), abs=1.0)
    # And it is seen: the line has the structure's colour, what it encloses is grey.
    seen = pixels(page)
    line = seen[int((top + bottom) / 2) - 2 : int((top + bottom) / 2) + 3, int(right) - 4 : int(right) + 5]
    assert (np.abs(line - np.array(heart.color)).sum(axis=-1) < 90).any()
    row, column = round((top + bottom) / 2), round((left + right) / 2)
    assert np.ptp(seen[row, column]) < 12


def test_structures_are_switched_one_by_one_and_all_together(page: Page) -> None:
    heart = page.locator('.overlay [data-roi="4"]')
    expect(heart).to_be_visible()
    page.locator("[data-rois]").get_by_label("HEART").press("Space")
    expect(heart).to_be_hidden()
    page.get_by_role("button", name="none", exact=True).click()
    expect(page.locator(".overlay .outline:visible")).to_have_count(0)
    page.get_by_role("button", name="all", exact=True).click()
    expect(heart).to_be_visible()


def test_the_wash_colours_the_dose_and_nothing_else(page: Page, planned: tuple[Truth, dict[str, str], Path]) -> None:
    truth = planned[0]
    page.get_by_role("button", name="none", exact=True).click()
    page.get_by_role("switch", name="Isodose lines").press("Space")
    page.wait_for_load_state("networkidle")
    x, y = on_stage(page, truth, truth.isocenter_mm[0], truth.isocenter_mm[1] + 17)
    far_x, far_y = on_stage(page, truth, 100, 0)
    washed = pixels(page)
    red, _, blue = washed[int(y), int(x)]
    assert red - blue > 50
    page.get_by_label("Opacity").fill("1")
    assert pixels(page)[int(y), int(x)][0] > red + 50
    page.get_by_label("Colour wash").press("Space")
    plain = pixels(page)
    assert np.ptp(plain[int(y), int(x)]) < 12
    assert plain[int(far_y), int(far_x)].tolist() == pytest.approx(washed[int(far_y), int(far_x)].tolist(), abs=3)


def test_isodoses_are_as_far_from_the_isocentre_as_the_formula_says(
    page: Page, planned: tuple[Truth, dict[str, str], Path]
) -> None:
    truth = planned[0]
    levels = page.locator("#rt-levels")
    assert levels.input_value() == "18, 30, 42, 48, 54, 57, 60"
    levels.fill("20; 50")
    levels.press("Enter")
    expect(page.locator(".isodose")).to_have_count(2)
    for level in (20, 50):
        radius = np.sqrt(truth.radius_of_gy(level) ** 2 - (shown_z(page, truth) - truth.isocenter_mm[2]) ** 2)
        left, top = on_stage(page, truth, truth.isocenter_mm[0] - radius, truth.isocenter_mm[1] - radius)
        right, _ = on_stage(page, truth, truth.isocenter_mm[0] + radius, truth.isocenter_mm[1])
        found = drawn_at(page, f'.isodose[data-level="{level}"]')
        assert found[:3] == pytest.approx((left, top, right - left), abs=1.5)
    levels.fill("20, nonsense")
    levels.press("Enter")
    expect(levels).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".isodose")).to_have_count(2)
    page.get_by_role("button", name="Reset").click()
    expect(levels).to_have_value("18, 30, 42, 48, 54, 57, 60")


def test_the_dose_under_the_pointer_and_the_way_through_the_slices(
    page: Page, planned: tuple[Truth, dict[str, str], Path]
) -> None:
    truth = planned[0]
    stage = page.locator(".stage")
    box = stage.bounding_box()
    assert box

    def read(dx_mm: float) -> float:
        x, y = on_stage(page, truth, truth.isocenter_mm[0] + dx_mm, truth.isocenter_mm[1])
        page.mouse.move(box["x"] + x, box["y"] + y)
        said = re.fullmatch(r"([\d.]+) Gy", page.locator("[data-readout]").inner_text())
        assert said
        return float(said[1])

    for dx_mm in (0.0, 35.0, -45.0):
        ideal = float(
            truth.dose_gy(
                np.array(truth.isocenter_mm[0] + dx_mm), np.array(truth.isocenter_mm[1]), shown_z(page, truth)
            )
        )
        assert read(dx_mm) == pytest.approx(ideal, abs=2.0)
    before = int(page.locator("[data-slider]").input_value())
    stage.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-planned]")).to_have_attribute("data-painted", str(before + 1))
    page.mouse.wheel(0, -100)
    expect(page.locator("[data-planned]")).to_have_attribute("data-painted", str(before))
    page.keyboard.press("Home")
    expect(page.locator("[data-planned]")).to_have_attribute("data-painted", "0")
    assert page.locator(".isodose").count() == 0


def test_the_histogram_is_computed_drawn_and_told_in_figures(
    page: Page, planned: tuple[Truth, dict[str, str], Path]
) -> None:
    truth, _, pictures = planned
    page.get_by_role("tab", name="Histogram").click()
    page.locator("[data-histogram][data-shown]").wait_for()
    page.screenshot(path=pictures / "histogram.png")
    row = page.locator("[data-figures] tr", has_text="PTV")
    volume, least, mean = (float(row.locator("td").nth(n).inner_text()) for n in (2, 3, 4))
    assert volume == pytest.approx(truth.contoured_cm3("PTV"), rel=0.01)
    assert mean == pytest.approx(truth.mean_gy("PTV"), rel=0.01)
    assert least == pytest.approx(float(truth.dose_at_fraction("PTV", 1.0)), rel=0.02)
    # The curve crosses half of the volume where the formula says.
    points = re.findall(r"[\d.]+", page.locator('.curve[data-roi="8"]').get_attribute("d") or "")
    x, y = np.array(points, dtype=float).reshape(-1, 2).T
    middle = np.interp(-(12 + 336) / 2, -y[::-1], x[::-1]) if y[0] > y[-1] else np.interp((12 + 336) / 2, y, x)
    dose = (middle - 58) / (745 - 58) * 70
    assert dose == pytest.approx(truth.dose_at_fraction("PTV", 0.5), rel=0.01)
    page.get_by_label("Show PTV").press("Space")
    expect(page.locator('.curve[data-roi="8"]')).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.path().read_text().startswith("Dose (Gy),")
    # The volumes are beside the structures, too.
    page.get_by_role("tab", name="Images").click()
    expect(page.locator('[data-volume="8"]')).to_contain_text("cm³")


def test_the_plan_is_tables_and_a_beams_eye_view(
    server: Server, sign_in: Callable[[str], Page], planned: tuple[Truth, dict[str, str], Path]
) -> None:
    _, ids, pictures = planned
    page = sign_in("ines")
    page.goto(f"{server.url}/nodes/{ids['plan.dcm']}")
    expect(page.get_by_role("tab", name="Plan")).to_have_attribute("aria-selected", "true")
    view = page.locator("[data-view]").first
    expect(view.locator(".jaw")).to_have_count(4)
    expect(view.locator(".target").first).to_be_visible()
    page.screenshot(path=pictures / "plan.png", full_page=True)
    expect(page.locator("#rt-plan")).to_contain_text("PHANTOM 30x2")
    jaws, target = view.locator("svg").bounding_box(), view.locator('.target[data-roi="8"]').bounding_box()
    assert jaws
    assert target
    # A ball of 21 mm around the isocentre between jaws at 26 mm, in a view that reaches 44 mm.
    assert target["width"] / jaws["width"] == pytest.approx(42 / 88, rel=0.05)


def test_who_may_not_read_it_is_told_nothing(
    server: Server, sign_in: Callable[[str], Page], planned: tuple[Truth, dict[str, str], Path]
) -> None:
    page = sign_in("mallory")
    answer = page.goto(f"{server.url}/nodes/{planned[1]['dose.dcm']}")
    assert answer
    assert answer.status == 404
    assert "dose.dcm" not in page.content()
