"""Each page for its owner, a reader, a stranger and nobody; what they hold, and with how many queries."""

from __future__ import annotations

import html
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.support import studies
from tests.support.portal import CT, Place
from tests.support.rest import content, settled

from sinfonietta.accounts.actor import Actor
from sinfonietta.ingest import services as ingest
from sinfonietta.interfaces.portal.views.guide import PLACES
from sinfonietta.library import services

pytestmark = pytest.mark.django_db
OWN = [
    "/",
    "/search",
    "/shared",
    "/studies",
    "/dicom-nodes",
    "/jobs",
    "/trash",
    "/account",
    "/groups",
    "/home",
    "/news",
    "/notices",
    "/help",
]
SEEN = [
    "/nodes/{collection}", "/nodes/{folder}", "/nodes/{dicom}", "/nodes/{text}", "/nodes/{image}", "/nodes/{page}",
    "/files/{dicom}/image.png", "/files/{dicom}/tags", "/files/{image}/content", "/studies?in={collection}",
    f"/studies/{CT}", f"/studies/{CT}?in={{collection}}", "/selection/download?id={text}",
    "/patient?id=1CT1", "/patient?id=1CT1&in={collection}",
    "/selection/pick?action=copy&in={collection}&id={text}", "/nodes/{collection}/share/find?q=a",
]  # fmt: skip


def filled(route: str, place: Place) -> str:
    return route.format(**{name: node.uid for name, node in vars(place).items()})


def text_of(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status, url
    return response.content.decode()


class Markup(HTMLParser):
    """What a page may not have under its policy, and what a screen reader needs of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.labelled: set[str] = set()
        self.fields: list[dict[str, str | None]] = []
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.wrong += [f"{tag} {name}" for name in found if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in found and found.get("type") != "application/json"):
            self.wrong.append(tag)
        if tag == "img" and "alt" not in found:
            self.wrong.append("img without alt")
        if tag == "label" and found.get("for"):
            self.labelled.add(found["for"] or "")
        if tag in ("input", "select", "textarea") and found.get("type") not in ("hidden", "submit"):
            self.fields.append(found)
        if tag == "h1":
            self.headings.append(tag)
        if found.get("id"):
            self.ids.append(found["id"] or "")

    def unlabelled(self) -> list[dict[str, str | None]]:
        return [
            field for field in self.fields
            if not field.get("aria-label") and field.get("id") not in self.labelled
        ]  # fmt: skip


@pytest.mark.parametrize("route", SEEN)
def test_who_sees_a_page_of_a_place(
    place: Place, owner: Client, reader: Client, stranger: Client, runner: Client, route: str
) -> None:
    url = filled(route, place)
    for client in (owner, reader):
        assert settled(client.get(url)).status_code == 200
    for client in (stranger, runner):
        answer = settled(client.get(url))
        # Of a selection that is not there, the zip is refused; all else does not exist.
        assert answer.status_code == (422 if url.startswith("/selection/download") else 404)
        assert b"Lung" not in content(answer)
    anonymous = Client(headers={"Accept": "text/html"}).get(url)
    assert anonymous.status_code == 302
    assert anonymous["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("url", OWN)
def test_ones_own_pages(place: Place, owner: Client, stranger: Client, url: str) -> None:
    assert owner.get(url).status_code == stranger.get(url).status_code == 200
    assert "Lung" not in text_of(stranger, url)
    assert Client(headers={"Accept": "text/html"}).get(url).status_code == 302


@pytest.mark.parametrize(
    "url", [*OWN, "/users", "/sign-in", "/nowhere", *SEEN[:6], f"/studies/{CT}", "/patient?id=1CT1"]
)
def test_pages_keep_their_policy_and_name_their_fields(place: Place, owner: Client, runner: Client, url: str) -> None:
    client = runner if url == "/users" else Client() if url == "/sign-in" else owner
    response = client.get(filled(url, place), headers={"Accept": "text/html"})
    found = Markup(response.content.decode())
    assert found.wrong == []
    assert found.unlabelled() == []
    assert len(found.headings) == 1
    assert len(found.ids) == len(set(found.ids))
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy or "default-src 'self'" in policy


def test_a_browser_shows_the_name_and_not_the_markup_of_it(place: Place, owner: Client, alice: Actor) -> None:
    name = "<img src=x onerror=alert(1)>\"'"
    folder = services.create_folder(actor=alice, parent=place.collection.uid, name=name)
    for url in (f"/nodes/{place.collection.uid}", f"/nodes/{folder.uid}", f"/nodes/{folder.uid}/share"):
        assert "<img src=x" not in text_of(owner, url)
    assert "a note &lt;b&gt;of&lt;/b&gt; mine" in text_of(owner, f"/files/{place.text.uid}/shown")


def test_buttons_are_for_who_may(place: Place, owner: Client, reader: Client) -> None:
    url = f"/nodes/{place.collection.uid}"
    for sign in ("data-upload", "New folder", "bi-person-plus", "Move to trash", "data-parent"):
        assert sign in text_of(owner, url)
        assert sign not in text_of(reader, url), sign


def test_the_table_is_paged_sorted_and_filtered(place: Place, owner: Client, alice: Actor) -> None:
    for number in range(105):
        services.create_fileset(actor=alice, parent=place.folder.uid, name=f"set {number:03}")
    url = f"/nodes/{place.folder.uid}"
    first, second = text_of(owner, url), text_of(owner, f"{url}?offset=100")
    assert ("set 099" in first, "set 100" in first, "of 105" in first) == (True, False, True)
    assert ("set 099" in second, "set 104" in second) == (False, True)
    assert "set 104" in text_of(owner, f"{url}?order=-name")
    filtered = text_of(owner, f"{url}?name=SET 10")
    assert ("set 104" in filtered, "set 009" in filtered) == (True, False)
    part = owner.get(url, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<form id="table"')


def test_empty_pages_say_what_to_do(stranger: Client, reader: Client, place: Place) -> None:
    assert "Nothing here yet" in text_of(reader, f"/nodes/{place.folder.uid}")
    assert "The trash is empty" in text_of(stranger, "/trash")
    assert "No studies" in text_of(stranger, "/studies")
    assert "“zzz”" in text_of(reader, f"/nodes/{place.collection.uid}?name=zzz")


def test_the_number_of_queries_does_not_grow(place: Place, owner: Client, reader: Client, alice: Actor) -> None:
    urls = [f"/nodes/{place.collection.uid}", "/", "/shared", "/studies", f"/studies/{CT}", "/trash"]
    urls += [f"/nodes/{place.dicom.uid}"]

    def counts() -> dict[str, int]:
        found = {}
        for who, client in (("owner", owner), ("reader", reader)):
            for url in urls:
                with CaptureQueriesContext(connection) as queries:
                    assert client.get(url).status_code == 200
                found[f"{who} {url}"] = len(queries)
        return found

    more_of_all(alice, place, 1)
    counts()  # which collection a place lies in is asked once
    before = counts()
    for number in range(2, 12):
        more_of_all(alice, place, number)
    assert counts() == before


def more_of_all(owner: Actor, place: Place, number: int) -> None:
    """A folder, a collection, something in the trash, a study, and a slice more in a series."""
    services.create_collection(actor=owner, name=f"More {number}")
    folder = services.create_folder(actor=owner, parent=place.collection.uid, name=f"folder {number}")
    gone = ingest.put(actor=owner, parent_uid=folder.uid, name="b.txt", stream=io.BytesIO(b"x")).node
    services.trash(actor=owner, uid=gone.uid)
    studies.put(owner, folder.uid, studies.instance(1, study=f"1.2.{number}", series=f"1.2.{number}.1"))
    slice_ = studies.instance(number, study=CT, series="1.2.99")
    studies.put(owner, place.collection.uid, slice_, f"{number}.dcm")


def test_home_shows_stars_what_was_opened_and_what_is_new(place: Place, reader: Client, stranger: Client) -> None:
    star = f"/nodes/{place.text.uid}/star"
    button = reader.post(star, {"on": "yes", "button": "1"}, headers={"HX-Request": "true"}).content.decode()
    assert 'aria-pressed="true"' in button
    assert 'aria-pressed="true"' in reader.get(f"/nodes/{place.text.uid}").content.decode()
    assert 'aria-label="starred"' in reader.get(f"/nodes/{place.collection.uid}").content.decode()
    assert "Take the star away" in reader.get(f"/nodes/{place.collection.uid}").content.decode()
    assert reader.post(f"/nodes/{place.folder.uid}/opened").status_code == 204
    home = reader.get("/home").content.decode()
    starred, opened, news = home.split("Opened last")[0], *home.split("Opened last")[1].split("What is new")
    assert "note.txt" in starred
    assert "Reports" in opened
    assert "note.txt" not in opened
    assert "files added in" in news or "note.txt" in news
    assert "Lung study" in reader.get(f"/nodes/{place.collection.uid}/news").content.decode()
    part = reader.get(f"/nodes/{place.collection.uid}/news", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "oday" in part
    assert reader.get(f"/nodes/{place.folder.uid}/news").status_code == 404
    assert b"Lung" not in stranger.get("/home").content
    assert "has no star" in reader.post(star, {"on": "no"}).headers["HX-Trigger"]
    assert "note.txt" not in reader.get("/home").content.decode().split("Opened last")[0]


def test_a_report_names_the_page_and_the_request(reader: Client, settings: Any) -> None:
    assert "Report a problem" not in reader.get("/help").content.decode()
    settings.OPTIONS = settings.OPTIONS.model_copy(update={"report_address": "keeper+data@example.org"})
    for url in ("/help", "/nodes/00000000-0000-0000-0000-000000000000"):
        answer = reader.get(url)
        page = html.unescape(answer.content.decode())
        assert "mailto:keeper%2Bdata@example.org?subject=A%20problem%20with%20Sinfonietta&body=" in page
        where = quote(url, safe="")
        assert f"Page%3A%20{where}%0ARequest%3A%20{answer['X-Request-ID']}" in page


def test_help_names_the_keys_that_the_page_knows(reader: Client) -> None:
    script = (Path(__file__).parents[3] / "frontend/src/keys.js").read_text()
    keys = re.findall(r"(\w): '(/\w*)'", script.split("PLACES = ")[1].split(";")[0])
    assert [key for key, _ in keys] == [key for key, _ in PLACES]
    for (_, url), (_, name) in zip(keys, PLACES, strict=True):
        assert f"<h1>{name}</h1>" in reader.get(url).content.decode()
