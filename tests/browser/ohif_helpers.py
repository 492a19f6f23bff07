"""What browser tests need to speak to OHIF: its address, and whether it shows an image."""

from __future__ import annotations

from urllib.parse import urlencode

from playwright.sync_api import Page

SHADES_OF_AN_IMAGE = """(least) => [...document.querySelectorAll('canvas.cornerstone-canvas')].some(canvas => {
    if (!canvas.width || !canvas.height) return false;
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const shades = new Set();
    for (let at = 0; at < pixels.length; at += 64) shades.add(pixels[at]);
    return shades.size >= least;
})"""
CENTRE = """() => {
    const canvas = document.querySelector('canvas.cornerstone-canvas');
    const pixel = canvas.getContext('2d').getImageData(canvas.width >> 1, canvas.height >> 1, 1, 1).data;
    return pixel[0];
}"""


def viewer_address(study: str, *, scope: str = "", series: str = "") -> str:
    """The path that opens a study, or one series of it; ``scope`` is like ``collections/ID``."""
    query = {"StudyInstanceUIDs": study} | ({"SeriesInstanceUIDs": series} if series else {})
    return f"/viewer/{f'{scope}/' if scope else ''}viewer?{urlencode(query)}"


def wait_for_image(page: Page, *, least_shades: int = 3, timeout_ms: int = 90_000) -> None:
    """Wait until a viewport shows at least so many shades of grey: an image, not an empty canvas.

    Raises playwright's TimeoutError when it never does.
    """
    page.wait_for_function(SHADES_OF_AN_IMAGE, arg=least_shades, timeout=timeout_ms)


def centre_shade(page: Page) -> int:
    """The red value, 0 to 255, in the middle of the first viewport."""
    return int(page.evaluate(CENTRE))


def listed_series(page: Page) -> int:
    """How many series the panel beside the image offers."""
    return page.locator('[data-cy="study-browser-thumbnail"]').count()
