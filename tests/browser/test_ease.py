"""What makes it easy, by keyboard alone: taking back, stars, links, keys, notices; also on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.support.server import Server

pytestmark = [pytest.mark.service, pytest.mark.browser]


def collection(page: Page, name: str) -> str:
    """A new collection; its address."""
    page.get_by_role("button", name="New collection").click()
    page.locator("#new-collection").get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create").click()
    page.get_by_role("heading", name=name).wait_for()
    return page.url


def folder(page: Page, name: str) -> None:
    page.get_by_label("More ways to add").click()
    page.get_by_role("button", name="New folder").click()
    page.locator("#dialog").get_by_label("Name").fill(name)
    page.locator("#dialog").get_by_role("button", name="Save").click()
    page.get_by_role("link", name=name, exact=True).wait_for()


def test_moves_names_and_deletions_are_taken_back_by_keys(server: Server, sign_in: Callable[[str], Page]) -> None:
    page = sign_in("ines")
    collection(page, "Regrets")
    for name in ("Alpha", "Beta"):
        folder(page, name)
    page.get_by_label("Select Alpha").focus()
    page.keyboard.press("Space")
    page.locator("[data-selection]").get_by_role("button", name="Move").press("Enter")
    dialog = page.locator("#dialog")
    dialog.get_by_role("button", name="Beta").press("Enter")
    dialog.get_by_role("button", name="Move into “Beta”").press("Enter")
    expect(page.locator("#table").get_by_role("link", name="Alpha", exact=True)).to_have_count(0)
    expect(page.locator("#toasts")).to_contain_text("1 moved.")
    page.keyboard.press("Control+z")
    expect(page.locator("#table").get_by_role("link", name="Alpha", exact=True)).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("1 moved back.")
    page.get_by_label("Select Alpha").focus()
    page.keyboard.press("F2")
    dialog.get_by_label("Name").fill("Omega")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Omega", exact=True).wait_for()
    expect(dialog).to_be_hidden()
    page.keyboard.press("Control+z")
    expect(page.locator("#table").get_by_role("link", name="Alpha", exact=True)).to_be_visible()
    # On the page of the thing itself: its heading and its way are as before.
    page.get_by_role("link", name="Alpha", exact=True).click()
    page.get_by_role("heading", name="Alpha").wait_for()
    page.get_by_label("More", exact=True).click()
    page.get_by_role("button", name="Rename").click()
    dialog.get_by_label("Name").fill("Gamma")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Gamma").wait_for()
    page.locator("#toasts .undo").last.click()
    page.get_by_role("heading", name="Alpha").wait_for()
    expect(page.locator("#toasts")).to_have_attribute("aria-live", "polite")


def test_stars_links_and_keys(server: Server, sign_in: Callable[[str], Page]) -> None:
    page = sign_in("ines")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    place = collection(page, "Guiding stars")
    folder(page, "North")
    star = page.get_by_role("button", name="Star", exact=True)
    star.press("Enter")
    expect(star).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Actions for North").click()
    page.locator(".dropdown-menu.show").get_by_role("button", name="Star").click()
    expect(page.locator("#table").get_by_role("img", name="starred")).to_be_visible()
    page.get_by_label("More", exact=True).click()
    page.locator(".dropdown-menu.show").get_by_role("button", name="Copy link").click()
    expect(page.locator("#toasts")).to_contain_text("The link is copied.")
    assert page.evaluate("navigator.clipboard.readText()") == place
    page.locator("summary", has_text="What is new").press("Enter")
    expect(page.locator(".news")).to_contain_text("North added in Guiding stars")
    page.locator("#main").focus()
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.get_by_role("heading", name="Home").wait_for()
    stars = page.get_by_role("region", name="Starred")
    expect(stars.get_by_role("link")).to_have_text(["North", "Guiding stars"])
    expect(page.get_by_role("region", name="Opened last").get_by_role("link").first).to_have_text("Guiding stars")
    stars.get_by_role("link").first.focus()
    page.keyboard.press("ArrowDown")
    expect(stars.get_by_role("link").last).to_be_focused()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Help")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    dialog.get_by_label("Keys without Ctrl").press("Space")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.locator("#main").focus()
    page.keyboard.press("?")
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="Home")).to_be_visible()
    expect(dialog).to_be_hidden()
    page.get_by_label("Your account").click()
    page.get_by_role("link", name="Help and keys").click()
    expect(dialog.get_by_label("Keys without Ctrl")).not_to_be_checked()


def test_the_bell_tells_of_a_share_on_a_phone(server: Server, sign_in: Callable[[str], Page], tmp_path: Path) -> None:
    page = sign_in("ines")
    place = collection(page, "For amara")
    page.locator(".page-head").get_by_role("button", name="Share").click()
    dialog = page.locator("#dialog")
    dialog.get_by_label("Add people or groups").fill("ama")
    dialog.locator("[data-add-grant]").click()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("status")).to_contain_text("Saved")
    phone = sign_in("amara")
    phone.set_viewport_size({"width": 390, "height": 844})
    phone.get_by_role("link", name="unread").click()
    phone.get_by_role("heading", name="Notices").wait_for()
    told = phone.locator(".notices li", has_text="For amara")
    expect(told).to_contain_text("Ines shared For amara with you")
    told.get_by_role("button", name="Mark as read").click()
    expect(told.get_by_role("button", name="Mark as read")).to_have_count(0)
    expect(phone.get_by_role("link", name="Notices", exact=True)).to_be_visible()
    told.get_by_role("link").click()
    phone.get_by_role("heading", name="For amara").wait_for()
    for url in ("/home", "/notices", "/news", "/help", place):
        phone.goto(url if url.startswith("http") else server.url + url)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390, url
